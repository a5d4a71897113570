"""Known defects of Istio: which version has which, and with which configuration."""

import pytest

from mesh.config.resolved import ClusterConfig
from mesh.istio.defects import DEFECTS, defects, on_rotation
from tests.builders.stacks import stack_config

_60612, _60920, _61043, _STORE, _60082, _59474, _36365 = (defect.see for defect in DEFECTS)


def _remote(version: str = "1.31.0", **settings: object) -> dict[str, ClusterConfig | None]:
    config = stack_config({"west": {"istio": {"version": version}, **settings}})
    return {"west": config.clusters["west"]}


@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("1.28.10", []),
        ("1.29.0", [_60082]),
        ("1.29.8", [_60082]),
        ("1.30.0", [_60612, _60920, _61043, _STORE]),
        ("1.30.1", [_60612, _60920, _61043]),
        ("1.30.2", [_60612, _60920, _61043]),
        ("1.30.3", [_60920, _61043]),
        ("1.30.4", []),
        ("1.31.0", []),
    ],
)
def test_a_version_has_the_defects_of_its_release_notes(version: str, found: list[str]) -> None:
    """Up to the release that fixes each; all others are those of a configuration."""
    assert [defect.see for defect in defects(version, _remote())] == found


def test_a_cluster_that_sees_no_other_has_none() -> None:
    """They are about remote secrets."""
    assert defects("1.30.0", {}) == ()


def test_a_cluster_of_another_stack_is_seen_too() -> None:
    """Though nothing is known of it."""
    assert _60920 in [defect.see for defect in defects("1.30.3", {"west": None})]
    assert _59474 not in [defect.see for defect in defects("1.29.1", {"west": None})]


@pytest.mark.parametrize(
    ("version", "remote", "found"),
    [
        ("1.29.1", "1.28.10", True),
        ("1.29.1", "1.29.0", False),
        ("1.29.2", "1.28.10", False),
        ("1.28.10", "1.27.0", False),
    ],
)
def test_istiod_that_cannot_read_an_older_clusters_trust_domain(
    version: str, remote: str, found: bool
) -> None:
    """In 1.29.0 and 1.29.1, where a cluster that it sees is older."""
    assert (_59474 in [defect.see for defect in defects(version, _remote(remote))]) is found


def test_a_gap_while_a_token_changes() -> None:
    """Up to 1.29, and only where this program changes tokens, and now."""
    rotating = _remote(reader={"tokenGenerations": [1, 2]})
    assert _36365 in [defect.see for defect in defects("1.29.8", rotating)]
    assert _36365 not in [defect.see for defect in defects("1.30.4", rotating)]
    assert _36365 not in [defect.see for defect in defects("1.29.8", _remote())]


@pytest.mark.parametrize(
    ("version", "issues"),
    [
        ("1.27.5", ["notes", "61092", "60806", "58047", "58141"]),
        ("1.28.2", ["notes", "61092", "60806", "58047"]),
        ("1.29.9", ["notes", "61092", "60806"]),
        ("1.30.3", ["notes", "60033", "61092"]),
        ("1.30.5", ["notes", "60033"]),
        ("1.31.0", []),
    ],
)
def test_ambient_has_defects_of_its_own(version: str, issues: list[str]) -> None:
    """Up to the release that fixes each."""
    found = [d.see.rstrip("/").rpartition("/")[2] for d in defects(version, _remote(), ambient=True)]
    own = [d.see.rpartition("/")[2] for d in defects(version, _remote())]
    assert [issue.removeprefix("change-") for issue in found if issue not in own] == issues


def test_defects_by_a_changed_token_are_told_apart() -> None:
    """They are a reason not to change one."""
    assert [d.see for d in on_rotation("1.30.4")] == []
    assert [d.see.rpartition("/")[2] for d in on_rotation("1.30.4", ambient=True)] == ["60033"]
