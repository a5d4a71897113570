"""Changes that a running member cannot follow at once."""

from typing import Any

import pytest

from mesh.live.facts import ObservedCluster, ObservedControlPlane
from mesh.preflight.identity import dropped, problems
from tests.builders.stacks import stack_config


def _running(**changes: Any) -> ObservedCluster:
    given = {"cluster_domain": "cluster.local", "mesh_config": {"trustDomain": "old"}}
    return ObservedCluster(control_planes=(ObservedControlPlane(**{**given, **changes}),))


def _found(clusters: dict[str, ObservedCluster], **sections: Any) -> list[tuple[str, str]]:
    config = stack_config({name: {} for name in clusters}, **sections)
    return [(problem.path, problem.message) for problem in problems(config, clusters)]


_OLD = {"mesh": {"id": "dev", "trustDomain": "old"}}
_NEW = {"mesh": {"id": "dev", "trustDomain": "new"}}


def _aliases(*names: str) -> dict[str, Any]:
    return {"istio": {"values": {"istiod": {"meshConfig": {"trustDomainAliases": list(names)}}}}}


def test_a_member_that_stays_what_it_is_is_accepted() -> None:
    """So is one whose istiod says nothing of itself, one that is not there, and one that gives no answer."""
    for observed in (
        _running(network="net-east"),
        _running(cluster_domain=None, mesh_config={}),
        ObservedCluster(),
        ObservedCluster(unreachable="timed out"),
    ):
        assert _found({"east": observed}, **_OLD) == []


def test_another_network_is_refused() -> None:
    """Proxies have it from the time when they were made."""
    ((path, message),) = _found({"east": _running(network="net-1")}, **_OLD)
    assert path == "clusters.east.network"
    assert "is 'net-east', and the cluster runs with 'net-1'" in message
    assert "docs/runbooks/change-identity.md" in message


def test_a_network_label_that_somebody_has_changed_is_not_the_network() -> None:
    """`pulumi up --refresh` puts it back: it must not be refused."""
    observed = ObservedCluster(
        network="net-1", control_planes=(ObservedControlPlane(network="net-east", mesh_config={}),)
    )
    assert _found({"east": observed}, **_OLD) == []


@pytest.mark.parametrize(
    ("values", "running"),
    [({}, "corp.example"), ({"global": {"proxy": {"clusterDomain": "corp.example"}}}, "cluster.local")],
)
def test_another_cluster_domain_is_refused(values: dict[str, Any], running: str) -> None:
    """In either direction; where nothing is set, it is cluster.local."""
    ((path, message),) = _found(
        {"east": _running(cluster_domain=running)}, **_OLD, istio={"values": {"istiod": values}}
    )
    assert path == "istio.values.istiod.global.proxy.clusterDomain"
    assert f"runs with {running!r}" in message


def test_a_trust_domain_that_nobody_takes_yet_is_refused() -> None:
    """With the clusters that do not, and the old one to go back to."""
    ready = _running(mesh_config={"trustDomain": "old", "trustDomainAliases": ["new"]})
    ((path, message),) = _found({"east": _running(), "west": ready}, **_NEW)
    assert path == "mesh.trustDomain"
    assert "and east would not take 'new' yet. Set it to 'old'" in message
    assert "docs/runbooks/change-identity.md" in message


def test_a_trust_domain_that_all_take_may_come_if_the_old_one_is_still_taken() -> None:
    """Workloads have it until they are restarted."""
    ready = {"east": _running(mesh_config={"trustDomain": "old", "trustDomainAliases": ["new"]})}
    ((path, message),) = _found(ready, **_NEW)
    assert path == "istio.values.istiod.meshConfig.trustDomainAliases"
    assert "lacks 'old'" in message
    assert _found(ready, **_NEW, **_aliases("old")) == []


def test_a_trust_domain_goes_on_after_an_update_that_ended_half_way() -> None:
    """One cluster has the new one already; a third may join with it."""
    clusters = {
        "east": _running(mesh_config={"trustDomain": "new", "trustDomainAliases": ["old"]}),
        "west": _running(mesh_config={"trustDomain": "old", "trustDomainAliases": ["new"]}),
        "third": ObservedCluster(),
    }
    assert _found(clusters, **_NEW, **_aliases("old")) == []


def test_a_trust_domain_does_not_change_while_a_cluster_gives_no_answer() -> None:
    """What it takes is not known."""
    ready = _running(mesh_config={"trustDomain": "old", "trustDomainAliases": ["new"]})
    clusters = {"east": ready, "west": ObservedCluster(unreachable="timed out")}
    ((path, message),) = _found(clusters, **_NEW, **_aliases("old"))
    assert path == "mesh.trustDomain"
    assert "what west takes is not known" in message


def test_a_mesh_configuration_that_istiod_could_not_parse_has_no_effect() -> None:
    """A name that it does not know costs nothing but itself."""
    metadata = {"PROXY_CONFIG_XDS_AGENT": True}
    broken = ObservedControlPlane(mesh_config={"defaultConfig": {"proxyMetadata": metadata}})
    why = dropped(broken)
    assert why is not None
    assert why.startswith("defaultConfig.proxyMetadata.PROXY_CONFIG_XDS_AGENT: expected text, got true")
    assert dropped(ObservedControlPlane(mesh_config={"unknown": 1, "trustDomain": "a"})) is None


_WITH_REMOTE: dict[str, dict[str, Any]] = {
    "hub": {},
    "other": {},
    "worker": {"network": "edge", "controlPlane": "hub"},
}


def _roles(observed: ObservedCluster, **worker: Any) -> list[tuple[str, str]]:
    clusters = {**_WITH_REMOTE, "worker": {**_WITH_REMOTE["worker"], **worker}}
    config = stack_config(clusters, mesh=_OLD["mesh"])
    return [(p.path, p.message) for p in problems(config, {"worker": observed})]


def test_a_remote_that_stays_one_is_accepted() -> None:
    """So is a cluster that nothing is in yet."""
    for observed in (ObservedCluster(primary="hub", injected_network="edge"), ObservedCluster()):
        assert _roles(observed) == []


@pytest.mark.parametrize(
    ("observed", "control_plane", "message"),
    [
        (
            ObservedCluster(control_planes=(ObservedControlPlane(mesh_config={"trustDomain": "old"}),)),
            "hub",
            "is 'hub', and worker runs with a control plane of its own. Leave it out,",
        ),
        (
            ObservedCluster(primary="hub"),
            None,
            "is not set, and worker runs with the control plane of hub. Set it to 'hub',",
        ),
        (
            ObservedCluster(primary="hub"),
            "other",
            "is 'other', and worker runs with the control plane of hub. Set it to 'hub',",
        ),
    ],
)
def test_another_role_is_refused(observed: ObservedCluster, control_plane: str | None, message: str) -> None:
    """In both directions, and another primary, too; with the way."""
    ((path, found),) = _roles(observed, controlPlane=control_plane)
    assert path == "clusters.worker.controlPlane"
    assert found == f"{message} or take the steps there: docs/runbooks/change-identity.md#role"


def test_another_network_of_a_remote_is_refused() -> None:
    """It is known by the path that its webhook asks."""
    ((path, message),) = _roles(ObservedCluster(primary="hub", injected_network="net-1"))
    assert path == "clusters.worker.network"
    assert "runs with 'net-1'" in message
