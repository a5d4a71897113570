"""Every alert is documented; `tests/e2e/test_observability_rules.py` has when they fire."""

import re

import pytest

from mesh.observability.rules import rule_groups
from mesh.observability.scrape import several
from tests.builders.stacks import stack_config
from tests.program.recording import PROJECT

_RULES = [rule for group in rule_groups({"east": 1})["groups"] for rule in group["rules"]]


@pytest.mark.parametrize("rule", _RULES, ids=lambda rule: rule["alert"])
def test_every_alert_leads_to_a_section_that_names_it(rule: dict[str, dict[str, str]]) -> None:
    """Whoever is woken up reads what to do."""
    page, anchor = rule["annotations"]["runbook_url"].split("#")
    sections = re.split(r"^## ", (PROJECT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    by_anchor = {text.split("\n")[0].lower().replace(" ", "-"): text for text in sections}
    assert f"`{rule['alert']}`" in by_anchor[anchor]


def test_the_page_has_every_alert_with_its_severity() -> None:
    """And no other."""
    page = (PROJECT / "docs/observability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(IstioMesh\w+)` \|.*\| (\w+) \|$", page, flags=re.MULTILINE)
    assert sorted(rows) == sorted((rule["alert"], rule["labels"]["severity"]) for rule in _RULES)


def test_a_faster_pace_changes_durations_and_counts_alone() -> None:
    """What tests see is what users get."""

    def without_durations(pace: float) -> str:
        return re.sub(r"\b\d+s\b|> [\d.]+\b", "…", str(rule_groups({"east": 1}, pace=pace)))

    assert without_durations(1) == without_durations(1 / 60)
    assert str(rule_groups({"east": 1})) != str(rule_groups({"east": 1}, pace=1 / 60))


def _known(remotes: dict[str, int]) -> list[tuple[str, str]]:
    (group,) = rule_groups(remotes)["groups"]
    rules = (rule for rule in group["rules"] if rule["alert"] == "IstioMeshRemoteClusterUnknown")
    return [(rule["expr"], rule["annotations"]["summary"].partition(", and")[2]) for rule in rules]


def test_each_of_two_control_planes_must_answer_and_know_all_clusters() -> None:
    """One that does would hide one that does not; of a cluster with one control plane nothing changes."""
    config = stack_config(
        {
            "east": {"istio": {"next": {"version": "1.32.0"}}},
            "west": {"istio": {"revision": "r1"}},
        }
    )
    (group,) = rule_groups({"east": 1, "west": 1}, several=several(config.clusters.values()))["groups"]
    plain = rule_groups({"east": 1, "west": 1})["groups"][0]["rules"]
    added = [rule for rule in group["rules"] if rule not in plain]
    east, old, new = 'cluster="east"', 'pod=~"istiod-[^-]+-[^-]+"', 'pod=~"istiod-1-32-0-[^-]+-[^-]+"'
    known = 'max by (cluster) (istiod_managed_clusters{cluster_type="remote"'
    assert [(rule["expr"], rule["annotations"]["summary"].partition(" of ")[0]) for rule in added] == [
        (f'absent(up{{job="istiod",{east},{old}}} == 1)', "No istiod"),
        (f'absent(up{{job="istiod",{east},{new}}} == 1)', "No istiod-1-32-0"),
        (f"{known},{east},{old}}}) < 1", "istiod"),
        (f"{known},{east},{new}}}) < 1", "istiod-1-32-0"),
    ]
    gone = [rule["expr"] for rule in plain if rule not in group["rules"]]
    assert gone == [f'absent(up{{job="istiod",{east}}} == 1)']


def test_each_cluster_should_know_as_many_others_as_it_sees() -> None:
    """One rule for each number; where all see as many, none of them needs a name."""
    metric = 'max by (cluster) (istiod_managed_clusters{cluster_type="remote"'
    assert _known({"a": 2, "b": 2, "c": 2}) == [(f"{metric}}}) < 2", " the mesh has 2 for it.")]
    assert _known({"hub": 2, "one": 1, "two": 1, "lone": 0}) == [
        (f'{metric},cluster=~"hub"}}) < 2', " the mesh has 2 for it."),
        (f'{metric},cluster=~"one|two"}}) < 1', " the mesh has 1 for it."),
    ]
    assert _known({"a": 0}) == []
