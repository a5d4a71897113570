"""How the results of Istio's own tests are read: what passed, what failed, what did not end."""

import json
from pathlib import Path

import pytest
import yaml

from tests.istio.suite import GoTest, Place, Result, pattern, read, topology


def event(action: str, test: str | None = None, output: str | None = None) -> str:
    """A line as `go tool test2json` writes it."""
    fields = {"Action": action, "Test": test, "Output": output}
    return json.dumps({key: value for key, value in fields.items() if value is not None})


def a_result(folder: Path, **outcomes: str) -> Result:
    """A result with tests by name, where `__` stands for a slash."""
    names = {name.replace("__", "/"): outcome for name, outcome in outcomes.items()}
    log = folder / "log"
    log.write_text("the end of the log\n")
    return Result(
        suite="pilot",
        exit_code=1,
        seconds=1.5,
        tests={n: GoTest(name=n, outcome=o, output=[f"what {n} said\n"]) for n, o in names.items()},
        log=log,
    )


def test_a_pattern_names_whole_tests_only() -> None:
    """Go takes each part between slashes for a regular expression of its own."""
    assert pattern(["TestA", "TestTraffic/dns"]) == "^TestA$|^TestTraffic$/^dns$"


def test_outcomes_and_outputs_are_read_by_test() -> None:
    """A test that was running when the run ended has not ended; output of no test is in the log only."""
    tests, log = read(
        [
            event("start"),
            event("output", output="setting up\n"),
            event("run", "TestA"),
            event("output", "TestA", "calling\n"),
            event("pass", "TestA"),
            event("run", "TestB"),
            event("output", "TestB", "panic\n"),
            event("fail"),
        ]
    )
    assert {name: test.outcome for name, test in tests.items()} == {"TestA": "pass", "TestB": "unfinished"}
    assert tests["TestB"].output == ["panic\n"]
    assert log == ["setting up\n", "calling\n", "panic\n"]


def test_only_tests_without_tests_of_their_own_are_counted(tmp_path: Path) -> None:
    """A test that has others around it says nothing that they do not say."""
    result = a_result(tmp_path, TestA="fail", TestA__x="pass", TestA__y="fail", TestB="skip")
    assert result.counts() == {"pass": 1, "fail": 1, "skip": 1}
    assert str(result) == "pilot: 1 passed, 1 failed, 1 skipped in 2 s"


def test_a_test_passes_with_all_of_its_own(tmp_path: Path) -> None:
    """What failed beside it does not count, nor does a name that only begins alike."""
    a_result(tmp_path, TestA__x="pass", TestA__y="skip", TestA="pass", TestAB="fail").assert_passed("TestA")


@pytest.mark.parametrize("outcome", ["fail", "unfinished"])
def test_a_failure_is_told_by_the_innermost_test(tmp_path: Path, outcome: str) -> None:
    """With what it said, and where the log is."""
    result = a_result(tmp_path, TestA=outcome, TestA__x="pass", TestA__y=outcome)
    with pytest.raises(AssertionError) as error:
        result.assert_passed("TestA")
    assert f"1 Go tests failed; log: {tmp_path / 'log'}" in str(error.value)
    assert f"TestA/y ({outcome})\n    what TestA/y said" in str(error.value)


def test_a_test_that_fails_around_tests_that_pass_is_a_failure(tmp_path: Path) -> None:
    """For example when it cannot remove what it has applied."""
    with pytest.raises(AssertionError, match=r"TestA \(fail\)"):
        a_result(tmp_path, TestA="fail", TestA__x="pass").assert_passed("TestA")


def test_a_second_try_counts_for_the_tests_that_it_had(tmp_path: Path) -> None:
    """And for those around them; what failed in the first run alone still fails."""
    first = a_result(tmp_path, TestA="fail", TestA__x="fail", TestA__y="pass", TestB="fail")
    both = first.then(a_result(tmp_path, TestA="pass", TestA__x="pass"))
    both.assert_passed("TestA")
    assert both.counts("TestA") == {"pass": 2}
    with pytest.raises(AssertionError, match=r"TestB \(fail\)"):
        both.assert_passed("TestB")


def test_a_test_that_is_skipped_altogether_is_a_failure(tmp_path: Path) -> None:
    """It was named because it can run here."""
    with pytest.raises(AssertionError, match="nothing passed"):
        a_result(tmp_path, TestA="pass", TestA__x="skip").assert_passed("TestA")


def test_a_test_that_did_not_run_is_a_failure(tmp_path: Path) -> None:
    """The name may be wrong, or the suite's setup has failed: the end of the log says it."""
    with pytest.raises(AssertionError, match="TestB did not run") as error:
        a_result(tmp_path, TestA="pass").assert_passed("TestB")
    assert "the end of the log" in str(error.value)


def test_the_topology_says_where_clusters_are_and_who_serves_them() -> None:
    """By the names that the clusters have in the mesh; the configuration of a remote is in its primary."""
    east = Place(kubeconfig=Path("/e"), network="eu", primary="east")
    west = Place(kubeconfig=Path("/w"), network="net-west", primary="east")
    assert yaml.safe_load(topology({"east": east, "west": west})) == [
        {
            "clusterName": "east",
            "network": "eu",
            "primaryClusterName": "east",
            "configClusterName": "east",
            "meta": {"kubeconfig": "/e", "fakeVM": False},
        },
        {
            "clusterName": "west",
            "network": "net-west",
            "primaryClusterName": "east",
            "configClusterName": "east",
            "meta": {"kubeconfig": "/w", "fakeVM": False},
        },
    ]
