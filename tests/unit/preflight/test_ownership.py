"""Clusters that are other ones than they are taken for, and what is in them that is not the stack's."""

from collections.abc import Mapping
from typing import Any

import pytest

from mesh.config.resolved import Connection
from mesh.live.facts import FoundObject, FoundObjects, ObjectAddress, ObservedCluster, ObservedControlPlane
from mesh.preflight import inventory, ownership
from mesh.preflight.ownership import adopted, foreign, leaving, members, problems, unknown
from mesh.stacks.state import RecordedNamespace, RecordedState
from tests.builders.certificates import authority
from tests.builders.stacks import stack_config

_CONFIG = stack_config({"east": {}, "west": {}})
_OWN = ObservedCluster(control_planes=(ObservedControlPlane(mesh_id="dev"),))
_OTHER = ObservedCluster(control_planes=(ObservedControlPlane(mesh_id="prod"),))
_NEW = RecordedState()
_SYSTEM = "/api/v1/namespaces/istio-system"


def _state(**uids: str) -> RecordedState:
    """A state with the namespace of each cluster, by its UID."""
    namespaces = {f"{n}-istio-system": RecordedNamespace(uid=uid) for n, uid in uids.items()}
    providers = {("pulumi:providers:kubernetes", name): f"urn:provider::{name}" for name in uids}
    return RecordedState(urns=providers, namespaces=namespaces)


def _cluster(uid: str | None, identity: str | None = None, network: str | None = None) -> ObservedCluster:
    return ObservedCluster(identity=identity, namespace_uid=uid, network=network)


def _found(*paths: str, maker: str = "kubectl-create", release: str | None = None) -> ownership.Found:
    made = FoundObject(maker=maker, release=release)
    return {ObjectAddress(path=path): made for path in paths}


# Which cluster it is


def test_a_member_of_another_mesh_is_reported_as_such() -> None:
    """Not as a root that does not match: it is left out of every other check."""
    clusters = {"east": _OWN, "west": _OTHER}
    (problem,) = problems(_CONFIG, clusters, _NEW)
    assert problem.path == "clusters.west"
    assert problem.message.startswith("is a member of the mesh 'prod', and this stack has mesh.id 'dev'")
    assert members(_CONFIG, clusters, _NEW) == {"east": _OWN}


def test_members_of_this_mesh_and_empty_clusters_are_accepted() -> None:
    """So is an istiod that states no mesh ID, and a cluster that cannot be reached."""
    silent = ObservedCluster(control_planes=(ObservedControlPlane(),))
    for observed in (_OWN, ObservedCluster(), silent, ObservedCluster(unreachable="timed out")):
        assert list(problems(_CONFIG, {"east": observed}, _NEW)) == []


def test_a_member_under_another_name_is_refused() -> None:
    """Both installations would own the same namespace, and the removal of one would delete the other."""
    east = ObservedCluster(control_planes=(ObservedControlPlane(mesh_id="dev", cluster_id="east"),))
    (problem,) = problems(_CONFIG, {"east": east, "west": east}, _NEW)
    assert problem.path == "clusters.west"
    assert "leads to the cluster that is 'east' in this mesh" in problem.message
    assert "docs/renaming.md" in problem.message
    assert members(_CONFIG, {"east": east, "west": east}, _NEW) == {"east": east}


def test_a_member_under_another_name_is_known_by_its_namespace_before_istiod_runs() -> None:
    """As where the first update ended before istiod; it does not matter that the other name has no entry."""
    config = stack_config({"north": {}})
    (problem,) = problems(config, {"north": _cluster("uid-1")}, _state(east="uid-1"))
    assert problem.path == "clusters.north"
    assert "is 'east' in this mesh" in problem.message


def test_a_name_that_was_put_back_does_not_delete_the_namespace_of_both() -> None:
    """The state has it under both names: the update would delete what the other name has."""
    recorded = _state(east="uid-1", north="uid-1", west="uid-2")
    clusters = {"east": _cluster("uid-1"), "west": _cluster("uid-2")}
    (problem,) = problems(_CONFIG, clusters, recorded)
    assert problem.path == "clusters.east"
    assert "would delete istio-system of east" in problem.message
    assert "`pulumi state delete --target-dependents 'urn:provider::north'`" in problem.message


@pytest.mark.parametrize(("uid", "there"), [("uid-9", "another istio-system"), (None, "no istio-system")])
def test_another_cluster_than_the_state_has_is_refused(uid: str | None, there: str) -> None:
    """A context that leads elsewhere, a cluster that was built again, a namespace that was made again."""
    clusters = {"east": _cluster(uid), "west": _cluster("uid-2")}
    (problem,) = problems(_CONFIG, clusters, _state(east="uid-1", west="uid-2"))
    assert problem.path == "clusters.east"
    assert there in problem.message
    assert "run `pulumi refresh`, then `pulumi up`" in problem.message
    assert list(members(_CONFIG, clusters, _state(east="uid-1", west="uid-2"))) == ["west"]


def test_swapped_contexts_are_refused_on_both_sides() -> None:
    """Each leads to the other's cluster."""
    clusters = {"east": _cluster("uid-2"), "west": _cluster("uid-1")}
    found = list(problems(_CONFIG, clusters, _state(east="uid-1", west="uid-2")))
    assert [p.path for p in found] == ["clusters.east", "clusters.west"]
    assert "is 'west' in this mesh" in found[0].message


def test_a_state_without_uids_is_accepted() -> None:
    """Where a provider has not noted it, nothing is known against the cluster."""
    recorded = RecordedState(namespaces={"east-istio-system": RecordedNamespace(uid=None)})
    assert list(problems(_CONFIG, {"east": _cluster("uid-1")}, recorded)) == []


def test_a_cluster_that_leaves_takes_nothing_from_another() -> None:
    """Its context leads elsewhere or nowhere; in a cluster without a mesh there is nothing to delete."""
    own = _state(north="uid-1")
    connections = {"north": Connection(context="arctic", path="~/.kube/config")}
    recorded = RecordedState(urns=own.urns, namespaces=own.namespaces, connections=connections)
    (problem,) = leaving({"north": _cluster("uid-2")}, recorded)
    assert problem.path == "clusters.north"
    assert "its context 'arctic' in ~/.kube/config leads to another cluster" in problem.message
    assert "run `python -m mesh forget north`" in problem.message
    (problem,) = leaving({"north": ObservedCluster(unreachable="timed out")}, recorded)
    assert "leads nowhere: timed out" in problem.message
    assert "put the entry back, with `offline: true`" in problem.message
    for harmless in (_cluster("uid-1"), _cluster(None)):
        assert list(leaving({"north": harmless}, recorded)) == []


def test_a_cluster_that_was_away_does_not_simply_leave() -> None:
    """The state has no way to it, and what is in it would not be deleted."""
    (problem,) = leaving({}, RecordedState(), frozenset({"north"}))
    assert "it was offline at the last update" in problem.message
    assert "run `python -m mesh forget north`" in problem.message


def test_two_entries_for_one_new_cluster_are_refused() -> None:
    """The second is; an identity that may not be read is nobody's."""
    clusters = {"east": _cluster(None, "cluster-1"), "west": _cluster(None, "cluster-1")}
    (problem,) = problems(_CONFIG, clusters, _NEW)
    assert problem.path == "clusters.west"
    assert "leads to the same cluster as that of east" in problem.message
    assert list(problems(_CONFIG, {"east": _cluster(None), "west": _cluster(None)}, _NEW)) == []


def test_of_two_entries_the_one_in_the_state_keeps_the_cluster() -> None:
    """Wherever it stands in the stack file."""
    clusters = {"east": _cluster("uid-2", "cluster-2"), "west": _cluster("uid-2", "cluster-2")}
    (problem,) = problems(_CONFIG, clusters, _state(west="uid-2"))
    assert problem.path == "clusters.east"


def test_a_namespace_of_others_with_another_network_is_refused() -> None:
    """It is labelled by somebody who means something by it; a label of the stack's own is only put back."""
    clusters = {"east": _cluster("uid-1", network="eu")}
    (problem,) = problems(_CONFIG, clusters, _NEW)
    assert problem.path == "clusters.east.network"
    assert (
        "`kubectl --context east label namespace istio-system topology.istio.io/network-`" in problem.message
    )
    assert list(problems(_CONFIG, clusters, _state(east="uid-1"))) == []


def test_cacerts_that_the_stack_made_are_not_deleted_when_they_become_the_users() -> None:
    """Which they would be in a namespace that the stack keeps."""
    root = authority("root").pem
    config = stack_config(
        {"east": {"trust": {"intermediate": {"existing": True}}}}, trust={"root": {"certificate": root}}
    )
    namespace = RecordedNamespace(uid="uid-1", kept=True)
    cacerts = {("kubernetes:core/v1:Secret", "east-cacerts"): "urn:cacerts"}
    recorded = RecordedState(urns=cacerts, namespaces={"east-istio-system": namespace})
    (problem,) = problems(config, {"east": _cluster("uid-1")}, recorded)
    assert problem.path == "clusters.east.trust.intermediate.existing"
    assert "`pulumi state delete 'urn:cacerts'`" in problem.message


# What is in it


def test_a_cluster_that_does_not_say_what_is_there_is_refused() -> None:
    """An update might take over what is somebody else's."""
    looked_for = {"east": FoundObjects(), "west": FoundObjects(unknown="secrets is forbidden")}
    (problem,) = unknown(looked_for)
    assert problem.path == "clusters.west"
    assert "secrets is forbidden" in problem.message


def _foreign(found: ownership.Found, **sections: Any) -> list[str]:
    config = stack_config({"east": {}, "west": {}}, **sections)
    missing = inventory.missing(config, _NEW)["east"]
    assert set(found) <= inventory.addresses(missing)
    return [str(problem) for problem in foreign(config.clusters["east"], missing, found)]


def test_a_namespace_that_is_there_is_adopted_without_a_word() -> None:
    """It is harmless: it gets labels, and is never deleted."""
    found = _found(_SYSTEM)
    assert _foreign(found) == []
    assert adopted(inventory.missing(_CONFIG, _NEW)["east"], found) == {"east-istio-system"}
    assert adopted(inventory.missing(_CONFIG, _state(east="uid-1"))["east"], {}) == frozenset()


def test_cacerts_of_others_are_refused_with_both_ways_on() -> None:
    """They may be wanted."""
    (problem,) = _foreign(_found(f"{_SYSTEM}/secrets/cacerts"))
    assert problem.startswith("clusters.east: has a Secret istio-system/cacerts already")
    assert "set clusters.east.trust.intermediate.existing to true" in problem
    assert "`kubectl --context east --namespace istio-system delete secret/cacerts`" in problem


def test_a_release_of_others_is_refused_with_the_way_to_hand_it_over() -> None:
    """Its parts belong to it, and need no words of their own."""
    secrets = ObjectAddress(path=f"{_SYSTEM}/secrets", selector="owner=helm,name=istiod")
    parts = _found("/apis/apps/v1/namespaces/istio-system/deployments/istiod", release="istio-system/istiod")
    (problem,) = _foreign({secrets: FoundObject(), **parts})
    assert "has the Helm releases istiod in istio-system already" in problem
    assert (
        "`kubectl --context east --namespace istio-system delete secret --selector owner=helm,name=istiod`"
        in (problem)
    )


_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"


@pytest.mark.parametrize(
    ("path", "release", "owner", "words"),
    [
        (f"{_DEFINITIONS}/sidecars.networking.istio.io", "istio-base", None, "sidecars.networking.istio.io"),
        (f"{_DEFINITIONS}/sidecars.networking.istio.io", "istio-base", "istio-system/base", "sidecars"),
        (f"{_ROLES}/istio-reader-clusterrole-istio-system", "istiod", None, "clusterrole/istio-reader"),
        (f"{_SYSTEM}/services/istio-eastwestgateway", "istio-eastwestgateway", None, "service/istio-east"),
    ],
)
def test_what_a_chart_would_make_is_refused_where_helm_would_refuse_it(
    path: str, release: str, owner: str | None, words: str
) -> None:
    """With Helm's own way to take it over; what that release has left behind is taken without a word."""
    (problem,) = _foreign(_found(path, release=owner))
    assert f"what the Helm release {release} would make" in problem
    assert "annotate --overwrite" in problem
    assert f"meta.helm.sh/release-name={release} meta.helm.sh/release-namespace=istio-system" in problem
    assert words in problem
    assert _foreign(_found(path, release=f"istio-system/{release}")) == []


def test_objects_of_others_are_named_with_their_maker_and_a_command_for_each_namespace() -> None:
    """The commands can be copied."""
    gateway = "/apis/networking.istio.io/v1/namespaces/istio-system/gateways/cross-network-gateway"
    secrets = (f"{_SYSTEM}/secrets/istio-remote-secret-west", f"{_SYSTEM}/secrets/istio-reader-token-g1")
    role = f"{_ROLES}/istio-mesh-reader"
    (problem,) = _foreign(
        _found(gateway, *secrets, role, maker="terraform"),
        reader={"role": "minimal"},
        istio={"version": "1.31.1"},
    )
    assert "(made by terraform)" in problem
    assert (
        "`kubectl --context east --namespace istio-system delete "
        "gateways.networking.istio.io/cross-network-gateway secret/istio-reader-token-g1 "
        "secret/istio-remote-secret-west`"
    ) in problem
    assert "`kubectl --context east delete clusterrole/istio-mesh-reader`" in problem


def test_what_an_interrupted_update_has_made_is_taken() -> None:
    """Pulumi has made it, and there was no time to note it."""
    token = f"{_SYSTEM}/secrets/istio-reader-token-g1"
    assert _foreign(_found(token, maker="pulumi-kubernetes-141b1dbc")) == []
    assert len(_foreign(_found(token, maker="kubectl-create"))) == 1


def test_a_namespace_sample_with_pods_is_refused() -> None:
    """Strict mutual TLS would cut off who calls them without a proxy."""
    pods = {inventory.SAMPLE_PODS: FoundObject(), **_found("/api/v1/namespaces/sample")}
    (problem,) = _foreign(pods, helloWorld={"enabled": True})
    assert problem.startswith("helloWorld.enabled: the namespace sample of east")
    assert _foreign(_found("/api/v1/namespaces/sample"), helloWorld={"enabled": True}) == []


def test_what_the_state_has_is_not_looked_for() -> None:
    """Whatever the cluster has under these names is this stack's."""
    declared = inventory.inventory(_CONFIG)["east"]
    urns: Mapping[tuple[str, str], str] = {(d.type, d.name): "urn" for d in declared}
    recorded = RecordedState(urns=urns, namespaces=_state(east="uid-1").namespaces)
    assert inventory.missing(_CONFIG, recorded)["east"] == ()
    assert inventory.addresses(()) == set()
