"""The result of a check in JUnit's form, which CI systems show. Pure."""

from xml.etree import ElementTree

from mesh.health.report import CheckReport, Outcome


def junit(report: CheckReport) -> str:
    """A test suite for each subject, with a test case for each check of a cluster or of a link.

    The form is that of the JUnit plugin of Jenkins, which GitLab and others read, too. A warning passes, with
    its words in the output of the case.
    """
    suites = ElementTree.Element("testsuites", name=f"python -m mesh check of {report.stack}")
    for subject in dict.fromkeys(result.subject for result in report.results):
        found = [result for result in report.results if result.subject == subject]
        suite = ElementTree.SubElement(
            suites,
            "testsuite",
            name=subject,
            tests=str(len(found)),
            failures=str(sum(result.outcome is Outcome.FAILED for result in found)),
            skipped=str(sum(result.outcome is Outcome.SKIPPED for result in found)),
        )
        for result in found:
            place = f"{result.cluster} → {result.peer}" if result.peer else result.cluster
            case = ElementTree.SubElement(
                suite, "testcase", classname=subject, name=f"{place}: {result.check}"
            )
            if result.outcome is Outcome.SKIPPED:
                ElementTree.SubElement(case, "skipped")
            if result.finding is None:
                continue
            failed = result.outcome is Outcome.FAILED
            element = ElementTree.SubElement(case, "failure" if failed else "system-out")
            if failed:
                element.set("message", str(result.finding.reason))
            element.text = f"{result.finding.message}\nhint: {result.finding.hint}\nsee: {result.finding.see}"
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True)
