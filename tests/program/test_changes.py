"""What a change of one cluster touches in a full mesh: that cluster and its links, nothing else."""

import copy
import json
from collections.abc import Set

import pytest

from benchmarks.scale import inputs
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import run_config

_NAMES = inputs.names(5)
_CHANGED = "c003"
_LINKS_TO_IT = {f"{name}-sees-{_CHANGED}-remote-secret" for name in _NAMES if name != _CHANGED}


def _touched(before: inputs.Config, after: inputs.Config) -> dict[str, str]:
    """What happens from one configuration to the other, by the resource's name."""
    old, new = (
        {
            r.name: r
            for r in run_config(
                {key if ":" in key else f"istio-mesh:{key}": json.dumps(value) for key, value in c.items()}
            ).resources
        }
        for c in (before, after)
    )
    return {
        **{name: "update" for name in old.keys() & new.keys() if old[name] != new[name]},
        **dict.fromkeys(new.keys() - old.keys(), "create"),
        **dict.fromkeys(old.keys() - new.keys(), "delete"),
    }


@pytest.fixture
def five() -> inputs.Config:
    """A full mesh of five clusters."""
    config = inputs.config(_NAMES, "~/.kube/config")
    write_kubeconfigs({name: {"context": name} for name in [*_NAMES, "c006"]})
    return config


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(inputs.GATEWAY, {f"{_CHANGED}-istio-eastwestgateway"}, id="gateway"),
        pytest.param(inputs.API_SERVER, _LINKS_TO_IT, id="API server"),
        pytest.param(inputs.TOKEN, {*_LINKS_TO_IT, f"{_CHANGED}-reader-token-g2"}, id="token"),
    ],
)
def test_a_changed_cluster_touches_its_own_and_the_links_to_it_alone(
    five: inputs.Config, change: inputs.Change, expected: Set[str]
) -> None:
    """By name, and nothing is replaced: what peers read with it changes in place."""
    touched = _touched(five, inputs.changed(five, change, _CHANGED))
    assert touched.keys() == expected
    assert {op for name, op in touched.items() if not name.endswith("-g2")} == {"update"}


@pytest.mark.parametrize("leaves", [False, True], ids=["comes", "goes"])
def test_a_cluster_that_comes_or_goes_touches_its_own_and_its_links_alone(
    five: inputs.Config, *, leaves: bool
) -> None:
    """A link from and to each other cluster, what is in it, its provider; no existing Secret changes."""
    six = inputs.changed(five, inputs.ADD, "c006")
    touched = _touched(six, five) if leaves else _touched(five, six)
    assert set(touched.values()) == {"delete" if leaves else "create"}
    assert all("c006" in name.split("-") for name in touched)
    links = {name for name in touched if "-sees-" in name}
    pairs = [*((name, "c006") for name in _NAMES), *(("c006", name) for name in _NAMES)]
    assert links == {f"{reader}-sees-{seen}-remote-secret" for reader, seen in pairs}
    assert f"{_CHANGED}-reader" not in touched


def test_changes_of_the_benchmark_leave_the_configuration_before_them_alone(five: inputs.Config) -> None:
    """Else a comparison of before and after would find nothing."""
    kept = copy.deepcopy(five)
    for change in (inputs.GATEWAY, inputs.API_SERVER, inputs.TOKEN, inputs.REMOVE):
        assert inputs.changed(five, change, _CHANGED) != five
    assert five == kept
