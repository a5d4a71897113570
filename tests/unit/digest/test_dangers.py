"""What somebody should look at before an update, in previews of the real engine, and in changed ones."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import yaml

from mesh.digest.gateways import other_ways_in
from mesh.digest.releases import ReleaseChange, RenderedChange
from mesh.digest.report import DangerKind
from mesh.digest.steps import Change, Preview, Step
from mesh.istio.names import NO_HOST
from tests.builders.previews import preview, report


def _dangers(found: Preview, **manifests: RenderedChange) -> list[tuple[str, tuple[str, ...], str]]:
    return [(d.kind.value, d.clusters, d.message) for d in report(found, manifests).dangers]


def _with(found: Preview, name: str, edit: Callable[[Step], Step]) -> Preview:
    """The preview with one step changed."""
    return replace(found, steps=[edit(step) if step.name == name else step for step in found.steps])


def _as(change: Change) -> Callable[[Step], Step]:
    def edited(step: Step) -> Step:
        new = {} if change is Change.DELETED else step.new
        return replace(step, change=change, old=step.old or step.new, new=new)

    return edited


def _pods(kind: str = "Deployment", name: str = "istiod", **parts: Any) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name}, "spec": {"template": parts}}


@pytest.mark.parametrize("name", ["new", "token"])
def test_what_harms_nobody_is_no_danger(name: str) -> None:
    """A cluster that joins, and a further token beside the one in use."""
    assert _dangers(preview(name)) == []


def test_a_new_intermediate_is_trust() -> None:
    """Which, of which root, and what it means; its old key and certificate are not told again."""
    (danger,) = _dangers(preview("intermediate"))
    assert danger[:2] == ("trust", ("east",))
    assert danger[2].startswith(
        "east: a new intermediate CA of the same root, generation 2 instead of 1. Istiod loads it"
    )


def test_a_second_root_is_trust_in_every_cluster() -> None:
    """That it is made, and who trusts it from then on."""
    assert _dangers(preview("root")) == [
        ("trust", (), "a new root CA is made, generation 2"),
        ("trust", ("east", "west"), "east, west: trusted root CAs: generation 1 and 2, so far 1"),
    ]


def test_a_root_that_is_dropped_has_its_certificates_refused() -> None:
    """The way back from two roots to one."""

    def turned(step: Step) -> Step:
        return replace(step, old=step.new, new=step.old)

    found = preview("root")
    found = replace(found, steps=[turned(s) if s.name.endswith("-cacerts") else s for s in found.steps])
    messages = [
        message for _, _, message in _dangers(_with(found, "mesh-root-g2-certificate", _as(Change.DELETED)))
    ]
    assert "the root CA of generation 2 is deleted, with its key: it signs nothing any more" in messages
    assert any("Certificates below generation 2 are refused" in message for message in messages)


@pytest.mark.parametrize(
    ("keys", "words"), [((), "with the same key"), (("east-intermediate-g1-key",), "with a new key")]
)
def test_an_intermediate_that_is_renewed_is_trust(keys: tuple[str, ...], words: str) -> None:
    """Its certificate is made again under the same name."""
    found = _with(preview("root"), "east-intermediate-g1-certificate", _as(Change.REPLACED))
    for key in keys:
        found = _with(found, key, _as(Change.REPLACED))
    messages = [message for _, clusters, message in _dangers(found) if clusters == ("east",)]
    assert any(
        "a new certificate of the intermediate CA, of the same root" in m and words in m for m in messages
    )


def test_a_cluster_that_leaves_cuts_off_and_deletes() -> None:
    """Both are said once, and nothing of it is listed again."""
    assert _dangers(preview("removed")) == [
        (
            "cut-off",
            ("west",),
            "west leaves the mesh: east no longer sees its services, and it sees no others",
        ),
        ("delete", ("west",), "all that the mesh has in west is deleted: 19 resources"),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            Change.DELETED,
            "east no longer sees the services of west: calls from east no longer reach west",
        ),
        (
            Change.REPLACED,
            "east no longer sees the services of west until its remote secret is made again",
        ),
    ],
)
def test_a_remote_secret_that_goes_cuts_off(change: Change, message: str) -> None:
    """Though both clusters stay."""
    found = _with(preview("token"), "east-sees-west-remote-secret", _as(change))
    assert _dangers(found) == [("cut-off", ("east",), message)]


def test_a_narrowed_exposure_cuts_off() -> None:
    """What is no longer exposed, and what still is."""
    assert _dangers(preview("exposure")) == [
        (
            "cut-off",
            ("east", "west"),
            "east, west no longer expose `*.local` to other networks, only `*.sample.svc.cluster.local`: "
            "calls from there to other services fail",
        )
    ]


@pytest.mark.parametrize("servers", ["[secret]", [{"hosts": "[secret]"}], [{"hosts": ["[secret]"]}]])
@pytest.mark.parametrize("which", ["old", "new"])
def test_secret_hosts_may_cut_off(servers: object, which: str) -> None:
    """The engine makes a secret of all that is around them: nobody knows which are exposed."""
    state = {"type": "kubernetes:networking.istio.io/v1:Gateway", "custom": True}

    def edit(step: Step) -> Step:
        return replace(step, **{which: {**state, "inputs": {"spec": {"servers": servers}}}})

    found = _with(preview("exposure"), "west-cross-network-gateway", edit)
    ((_, _, message),) = [danger for danger in _dangers(found) if danger[1] == ("west",)]
    assert message.startswith("what is exposed to other networks changes in west")


def test_a_widened_exposure_cuts_nobody_off() -> None:
    """The same change, turned round."""

    def turned(step: Step) -> Step:
        return replace(step, old=step.new, new=step.old)

    found = preview("exposure")
    found = replace(
        found, steps=[turned(s) if s.name.endswith("cross-network-gateway") else s for s in found.steps]
    )
    assert _dangers(found) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [(Change.DELETED, "fail from now on"), (Change.REPLACED, "fail until it is made again")],
)
def test_a_gateway_that_goes_closes_the_way_in(change: Change, words: str) -> None:
    """To a cluster that stays."""
    found = _with(preview("exposure"), "west-cross-network-gateway", _as(change))
    assert any(
        kind == "cut-off" and clusters == ("west",) and message.endswith(words)
        for kind, clusters, message in _dangers(found)
    )


def test_a_resource_that_is_replaced_or_deleted_is_named() -> None:
    """By kind and name; one that stays in the cluster is told as such."""
    found = _with(preview("sample"), "east-hello-world-server-deployment", _as(Change.REPLACED))
    found = _with(found, "west-hello-world-server-deployment", _as(Change.DELETED))
    assert _dangers(found) == [
        ("replace", ("east",), "Deployment helloworld-east is deleted and made again in east"),
        ("delete", ("west",), "Deployment helloworld-west is deleted in west"),
        ("restart", ("east",), "helloworld restarts in east: its pods differ in image"),
    ]


def test_an_object_that_a_release_drops_is_deleted() -> None:
    """Pulumi shows an update of the release, and no more."""
    budget = {"kind": "PodDisruptionBudget", "metadata": {"name": "istiod"}}
    dangers = _dangers(preview("secret"), istiod=RenderedChange(old=[budget], new=[]))
    message = "PodDisruptionBudget istiod, of the Helm release istiod, is deleted in east, west"
    assert ("delete", ("east", "west"), message) in dangers


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (
            {"spec": {"containers": [{"name": "discovery", "image": "a:1", "args": ["x"]}]}},
            {"spec": {"containers": [{"name": "discovery", "image": "a:2", "args": ["y"]}]}},
            "its pods differ in args, image",
        ),
        (
            {"metadata": {"labels": {"helm.sh/chart": "a-1"}}},
            {"metadata": {"labels": {"helm.sh/chart": "a-2"}}},
            "its pods have the chart's version as a label, which changes",
        ),
    ],
)
def test_pods_that_restart_are_named_with_what_differs(old: Any, new: Any, reason: str) -> None:
    """In all clusters at once."""
    change = RenderedChange(old=[_pods(**old)], new=[_pods(**new)])
    assert ("restart", ("east", "west"), f"istiod restarts in east, west: {reason}") in _dangers(
        preview("secret"), istiod=change
    )


def test_pods_may_restart_where_the_manifests_are_not_known() -> None:
    """Somebody should look, rather than believe that nothing restarts."""
    dangers = _dangers(preview("secret"), istiod=RenderedChange(problem="the repository cannot be read"))
    message = (
        "what istiod runs may restart in east, west: its manifests are not known, because the repository "
        "cannot be read"
    )
    assert ("restart", ("east", "west"), message) in dangers


def test_kinds_are_found_for_an_exit_code() -> None:
    """Those that are asked for, and no others."""
    found = report(preview("removed"))
    assert [d.kind for d in found.has([DangerKind.CUT_OFF, DangerKind.TRUST])] == [DangerKind.CUT_OFF]
    assert found.has([]) == ()


def test_where_no_service_has_the_labels_any_more_nothing_is_exposed() -> None:
    """The host that stands for that is not named."""

    def nothing(step: Step) -> Step:
        return replace(step, new={**step.new, "inputs": {"spec": {"servers": [{"hosts": [NO_HOST]}]}}})

    found = _with(preview("exposure"), "east-cross-network-gateway", nothing)
    message = next(message for _, clusters, message in _dangers(found) if "east" in clusters)
    assert message.endswith(" to other networks, and nothing else: calls from there fail")
    assert "invalid" not in message


_NETWORK = "topology.istio.io/network"


def _gateway_service(
    kind: str = "LoadBalancer", port: int = 15443, *, labelled: bool = True
) -> dict[str, Any]:
    labels = {_NETWORK: "net-west"} if labelled else {}
    ports = [{"port": p} for p in (15021, port, 15012, 15017)]
    return {
        "kind": "Service",
        "metadata": {"name": "istio-eastwestgateway", "labels": labels},
        "spec": {"type": kind, "ports": ports},
    }


def _networks(*networks: str) -> dict[str, Any]:
    gateways = [{"address": "198.51.100.7", "port": 15443}]
    text = yaml.safe_dump({"networks": {network: {"gateways": gateways} for network in networks}})
    return {"kind": "ConfigMap", "metadata": {"name": "istio"}, "data": {"meshNetworks": text}}


def _ways(
    gateway: tuple[dict[str, Any], dict[str, Any]],
    istiod: tuple[dict[str, Any], dict[str, Any]] | None = None,
) -> list[tuple[tuple[str, ...], str]]:
    """What is said of a gateway that changes in west, while istiod in east is told something else."""

    def changed(cluster: str, name: str, manifests: tuple[dict[str, Any], dict[str, Any]]) -> Any:
        change = ReleaseChange(cluster=cluster, name=name, change=Change.CHANGED, old=None, new=None)
        return change, RenderedChange(old=[manifests[0]], new=[manifests[1]])

    releases = [changed("west", "istio-eastwestgateway", gateway)]
    releases += [changed("east", "istiod", istiod)] if istiod else []
    return [(danger.clusters, danger.message) for danger in other_ways_in(releases)]


def test_addresses_that_are_told_only_when_they_count_cut_off() -> None:
    """For as long as istiod of the callers has not got them."""
    ((clusters, message),) = _ways(
        (_gateway_service(), _gateway_service(labelled=False)), (_networks(), _networks("net-west"))
    )
    assert clusters == ("west",)
    assert message.startswith(
        "the mesh no longer uses the addresses of the gateway's Service in west, and istiod in east gets "
        "other addresses only now: calls from there may fail in between. "
        "docs/gateways.md#change-a-running-gateway"
    )


def test_addresses_that_are_forgotten_when_they_no_longer_count_cut_off() -> None:
    """The way back."""
    ((_, message),) = _ways(
        (_gateway_service(labelled=False), _gateway_service()), (_networks("net-west"), _networks())
    )
    assert (
        "uses the addresses of the gateway's Service in west, and istiod in east drops the addresses"
        in message
    )


@pytest.mark.parametrize("labelled", [True, False])
@pytest.mark.parametrize("told", [None, (_networks("net-west"), _networks("net-west", "net-x"))])
def test_addresses_that_are_told_before_and_after_cut_nobody_off(
    told: tuple[dict[str, Any], dict[str, Any]] | None, labelled: bool
) -> None:
    """As the page on gateways says to do it: in two updates."""
    before, after = _gateway_service(labelled=labelled), _gateway_service(labelled=not labelled)
    assert _ways((before, after), told) == []


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (
            _gateway_service("NodePort"),
            "becomes a NodePort with port 15443, so far a LoadBalancer with port 15443",
        ),
        (
            _gateway_service(port=443),
            "becomes a LoadBalancer with port 443, so far a LoadBalancer with port 15443",
        ),
    ],
)
def test_another_type_or_port_of_the_service_cuts_off(after: dict[str, Any], words: str) -> None:
    """Connections through the old one end."""
    ((clusters, message),) = _ways((_gateway_service(), after))
    assert clusters == ("west",)
    assert words in message


def test_a_gateway_that_keeps_its_way_is_no_danger() -> None:
    """Whatever else of it changes."""
    same = _gateway_service()
    assert _ways((same, {**same, "metadata": {**same["metadata"], "annotations": {"a": "b"}}})) == []
