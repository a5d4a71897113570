"""The digest in its forms: what stands where, what is folded, what is cut, and what is told once for many."""

import json
import re
from dataclasses import replace

import pytest

from mesh.digest.layout import sections
from mesh.digest.markdown import COMMENT, markdown
from mesh.digest.releases import RenderedChange
from mesh.digest.report import (
    ClusterDigest,
    Danger,
    DangerKind,
    ObjectDigest,
    PreviewReport,
    ReleaseDigest,
    ResourceDigest,
)
from mesh.digest.steps import Change, Preview
from mesh.digest.text import text
from tests.builders.previews import preview, report

_GITHUB = 65536


def _cluster(name: str, *lines: str, change: Change = Change.CHANGED) -> ClusterDigest:
    release = ReleaseDigest(
        name="istiod",
        old_version="1.31.0",
        new_version="1.31.1",
        objects=(ObjectDigest(kind="ConfigMap", namespace="a", name="b", change=change, diff=lines),),
    )
    resource = ResourceDigest(
        name=f"{name}-istiod", type="t", title="Helm release istiod", change=change, release=release
    )
    return ClusterDigest(name=name, change=Change.CHANGED, resources=(resource,))


def _report(*clusters: ClusterDigest, dangers: tuple[Danger, ...] = ()) -> PreviewReport:
    return PreviewReport(
        stack="dev", dangers=dangers, clusters=clusters, unchanged_clusters=("south",), unchanged=7
    )


def test_what_is_dangerous_stands_on_top() -> None:
    """Before everything that changes, in both forms."""
    found = report(preview("removed"))
    for shown in (markdown(found), text(found)):
        assert shown.index("leaves the mesh") < shown.index("west leaves: 19 deleted")
        assert shown.index("leaves the mesh") < shown.index("istio-remote-secret-west")


def test_where_nothing_changes_that_is_all_that_is_said() -> None:
    """One line for any number of clusters."""
    nothing = PreviewReport(
        stack="dev", dangers=(), clusters=(), unchanged_clusters=("east", "west"), unchanged=41
    )
    expected = "41 resources in 2 clusters, east, west, stay as before."
    assert markdown(nothing) == f"### Preview of stack dev: nothing changes\n\n{expected}"
    assert text(nothing) == f"stack dev: nothing changes\n\n{expected}"


def test_clusters_without_a_change_are_named_beside_those_with_one() -> None:
    """And what stays as it is is counted; nobody takes an offline cluster for one that is updated."""
    found = _report(_cluster("east", "+ a: 1")).model_copy(update={"offline": ("north",)})
    assert text(found).splitlines()[-3:] == [
        "Nothing changes in 1 cluster: south.",
        "7 resources stay as before.",
        "Not touched, because they are offline in the stack file: north.",
    ]


def test_clusters_in_which_the_same_changes_are_told_in_one() -> None:
    """The same but for the cluster's own name."""
    alike = [_cluster(name, f"+ cluster: {name}") for name in ("east", "west")]
    (one,) = sections(_report(*alike))
    assert one.heading == "east, west: 1 changed in each"
    other = _cluster("north", "+ cluster: elsewhere")
    assert [s.clusters for s in sections(_report(*alike, other))] == [["east", "west"], ["north"]]


def test_a_release_is_told_with_what_changes_in_it() -> None:
    """Versions, values, objects; labels of the chart's version are counted and not shown."""

    def manifest(version: str, image: str) -> dict[str, object]:
        metadata = {"name": "istiod", "labels": {"helm.sh/chart": version}}
        return {"kind": "Deployment", "metadata": metadata, "spec": {"image": image}}

    def quiet(version: str) -> dict[str, object]:
        return {"kind": "Service", "metadata": {"name": "a", "labels": {"helm.sh/chart": version}}}

    copies = [
        {"kind": "ConfigMap", "metadata": {"name": "values"}, "data": {"merged-values": v}} for v in "ab"
    ]
    change = RenderedChange(
        old=[manifest("1", "a"), quiet("1"), copies[0]], new=[manifest("2", "b"), quiet("2"), copies[1]]
    )
    shown = text(report(preview("secret"), {"istiod": change}))
    assert (
        "~ Helm release istiod 1.31.0, values env.MY_TOKEN: 1 object changed, 1 more in version labels only"
        in shown
    )
    assert "      @@ ~ Deployment istiod @@\n      - spec.image: a\n      + spec.image: b" in shown
    assert "helm.sh/chart" not in shown
    assert "merged-values" not in shown


def test_a_release_whose_manifests_are_not_known_says_why() -> None:
    """In place of a difference that would be wrong."""
    shown = markdown(report(preview("secret"), {"istiod": RenderedChange(problem="no plugin is there")}))
    assert "its manifests are not known, because no plugin is there" in shown


def test_a_long_difference_is_folded_and_a_short_one_is_open() -> None:
    """A reviewer opens what is long."""
    assert "<details open><summary>" in markdown(_report(_cluster("east", "+ a: 1")))
    assert "<details><summary>" in markdown(_report(_cluster("east", *["+ a: 1"] * 50)))


def test_a_digest_is_cut_below_the_limit_of_a_comment() -> None:
    """The longest difference goes first; dangers, and what is short, stay; where the rest is, is said."""
    danger = Danger(kind=DangerKind.TRUST, clusters=(), message="look at this")
    short = _cluster("east", "+ short: 1")
    long = _cluster("west", *[f"+ line {n}: {'x' * 80}" for n in range(2000)])
    found = _report(short, long, dangers=(danger,))
    whole = markdown(found)
    assert len(whole) > _GITHUB
    cut = markdown(found, limit=COMMENT, artifact="preview.md")
    assert len(cut) <= COMMENT < _GITHUB
    assert "look at this" in cut
    assert "+ short: 1" in cut
    assert "2001 lines are left out here." in cut
    assert cut.endswith("This digest is cut to fit a comment: all of it is in preview.md.")
    assert "`--artifact FILE` writes all of it" in markdown(found, limit=COMMENT)


def test_a_digest_of_very_many_changes_is_cut_at_the_end_of_a_line() -> None:
    """However much there is, it fits."""
    clusters = [_cluster(f"c{n}", f"+ a: {n}") for n in range(3000)]
    cut = markdown(_report(*clusters), limit=COMMENT)
    assert len(cut) <= COMMENT
    assert cut.endswith("writes all of it.")


@pytest.mark.parametrize("line", ["+ a: ```", "+ a: ````` b"])
def test_no_difference_ends_its_own_fence(line: str) -> None:
    """What follows would be taken for Markdown."""
    shown = markdown(_report(_cluster("east", line)))
    fence = re.findall(r"^(`+)diff$", shown, re.MULTILINE)[0]
    assert len(fence) > max(len(run) for run in re.findall("`+", line))
    assert shown.count(f"\n{fence}\n") == 1


def test_nothing_in_a_message_is_taken_for_markdown() -> None:
    """Hosts have asterisks, values may have anything."""
    danger = Danger(kind=DangerKind.CUT_OFF, clusters=(), message="`*.local` and *this* <b>")
    assert r"`*.local` and \*this\* \<b\>" in markdown(_report(dangers=(danger,)))


def test_no_form_has_a_secret() -> None:
    """Neither what the engine says of it, nor where it stood; that it changes is said."""
    found = report(preview("secret"))
    for shown in (markdown(found), text(found), found.model_dump_json(by_alias=True)):
        assert "[another secret]" in shown
    kept = report(preview("token"))
    for shown in (markdown(kept), text(kept), kept.model_dump_json(by_alias=True)):
        assert "its data, which is secret" in shown
        assert "stringData" not in shown


def test_the_report_for_programs_has_everything() -> None:
    """Keys in camelCase, as in other reports; counts are there without counting."""
    shown = json.loads(report(preview("intermediate")).model_dump_json(by_alias=True))
    assert shown["counts"] == {"added": 3, "changed": 1, "deleted": 3}
    assert shown["unchangedClusters"] == ["west"]
    (east,) = shown["clusters"]
    assert east["counts"] == shown["counts"]
    assert {r["change"] for r in east["resources"]} == {"added", "changed", "deleted"}


def test_a_new_link_between_clusters_that_are_there_says_what_it_gives() -> None:
    """For one that joins that is what joining is."""

    def titles(found: Preview) -> list[str]:
        digested = report(found)
        return [r.title for cluster in digested.clusters for r in cluster.resources if "sees" in r.title]

    assert "Secret istio-remote-secret-south, by which it sees south" in titles(preview("new"))
    found = preview("token")
    steps = [
        replace(step, change=Change.ADDED, old={}) if step.name == "east-sees-west-remote-secret" else step
        for step in found.steps
    ]
    assert titles(replace(found, steps=steps))[0] == (
        "Secret istio-remote-secret-west, by which it sees west: clients in east can call the services of "
        "west, and calls to a service that both have go to both"
    )
