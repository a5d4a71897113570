"""A hub sees two spokes, and the spokes see the hub only: which calls there are, and what the commands say.

The tests build on each other, in their order. They need three clusters with HelloWorld in each, and work on
whichever mesh `given` is.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from mesh.samples.names import CLIENT, NAMESPACE, PORT, SERVICE
from sandbox import cluster
from tests.e2e.kube import Kube, eventually
from tests.e2e.stack import Stack, mesh_config

pytestmark = pytest.mark.sight

HUB, SPOKES = "hub", ("one", "two")
_HELLO = f"{SERVICE}.{NAMESPACE}.svc.cluster.local"
_ONLY = "only-in-two"
_LABEL = "mesh.example.com/exposed"


@dataclass(frozen=True, kw_only=True)
class HubAndSpokes:
    """A mesh, and its clusters by name."""

    stack: Stack
    clusters: Mapping[str, Kube]

    def update(self, sections: Mapping[str, Any], **clusters: Mapping[str, Any]) -> None:
        """Set some sections, and some settings of clusters; then run `pulumi up`."""
        config = self.stack.config() | dict(sections)
        for name, settings in clusters.items():
            config["clusters"][name] = {**config["clusters"][name], **settings}
        self.stack.configure(config)
        self.stack.up()

    def answering(self, caller: str) -> set[str]:
        """Who answers HelloWorld from a cluster's client, and which errors there are."""
        return set(self.clusters[caller].answers(24))

    def verified(self) -> dict[str, Any]:
        """The report of `python -m mesh verify`."""
        return json.loads(self.stack.command("verify", "--output=json", "--timeout=45").stdout)

    def checked(self) -> list[tuple[str, str]]:
        """The findings of `python -m mesh check` that are errors, with the cluster."""
        report = json.loads(self.stack.command("check", "--output=json", "--wait=45").stdout)
        found = (r["finding"] for r in report["results"] if r["outcome"] == "failed")
        return [(finding["reason"], finding["cluster"]) for finding in found]


@pytest.fixture(scope="module")
def given(
    start_clusters: Callable[..., Any],
    lasting_stack: Callable[[str], Stack],
    kube: Callable[[str], Kube],
    keep: bool,
) -> Iterator[HubAndSpokes]:
    """Give the mesh, in which the hub's load balancer has a host name; its configuration is put back."""
    names = (HUB, *SPOKES)
    start_clusters(*names, around={HUB: cluster.Surroundings(load_balancer="hostname")})
    stack = lasting_stack("sight")
    config = mesh_config(names, cluster.merged_kubeconfig())
    stack.init(config)
    found = HubAndSpokes(stack=stack, clusters={name: kube(name) for name in names})
    found.update(
        {"sees": [HUB]}, hub={"sees": ["role=spoke"]}, **{n: {"labels": {"role": "spoke"}} for n in SPOKES}
    )
    yield found
    if keep:
        stack.configure(config)
        stack.up()


def _pairs(found: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(pair["from"], pair["to"]) for pair in found}


def _expected(given: HubAndSpokes, expected: Mapping[str, set[str]]) -> None:
    for caller, answering in expected.items():
        eventually(
            lambda caller=caller, answering=answering: given.answering(caller) == answering,
            lambda caller=caller: given.clusters[caller].answers(24),
        )


def test_spokes_see_the_hub_only(given: HubAndSpokes) -> None:
    """And the hub sees both."""
    _expected(given, {"hub": {"hub", "one", "two"}, "one": {"one", "hub"}, "two": {"two", "hub"}})
    (address,) = given.stack.outputs()["clusters"]["hub"]["gatewayAddresses"]
    assert not address.replace(".", "").isdecimal(), "a host name"
    report = given.verified()
    assert report["passed"], report
    assert _pairs(report["silent"]) == {("one", "two"), ("two", "one")}
    assert given.checked() == []


def _call(kube: Kube, host: str) -> str:
    """The HTTP status of a call from the client; 000 where there was no answer."""
    command = f"curl -s -m 5 -o /dev/null -w '%{{http_code}}' http://{host}:{PORT}/hello"
    where = [f"--context={kube.context}", "exec", f"--namespace={NAMESPACE}", f"deployment/{CLIENT}"]
    return kube.run("kubectl", *where, f"--container={CLIENT}", "--", "sh", "-c", command, check=False).stdout


def test_a_spoke_cannot_call_a_service_of_the_other_one(given: HubAndSpokes) -> None:
    """The hub can, though it does not have the service either."""
    two = given.clusters["two"]
    expose = ("expose", "deployment", f"{SERVICE}-two", f"--namespace={NAMESPACE}", f"--name={_ONLY}")
    two.kubectl(*expose, f"--port={PORT}")
    two.kubectl("patch", "service", _ONLY, f"--namespace={NAMESPACE}", "--type=merge", "--patch", _HTTP)
    try:
        host = f"{_ONLY}.{NAMESPACE}"
        eventually(
            lambda: _call(given.clusters["hub"], host) == "200", lambda: _call(given.clusters["hub"], host)
        )
        assert _call(given.clusters["one"], host) != "200"
    finally:
        two.kubectl("delete", "service", _ONLY, f"--namespace={NAMESPACE}")


_HTTP = json.dumps({"spec": {"ports": [{"name": "http", "port": PORT, "targetPort": PORT}]}})


def test_a_remote_secret_that_is_not_the_stacks_is_found(given: HubAndSpokes) -> None:
    """By its effect, and by itself."""
    secret = given.clusters["hub"].get("secret", "istio-remote-secret-two", "--namespace=istio-system")
    metadata = {key: secret["metadata"][key] for key in ("name", "namespace", "labels", "annotations")}
    copied = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": secret["data"]}
    one = given.clusters["one"]
    place = ("secret", "istio-remote-secret-two", "--namespace=istio-system")
    given.stack.folder.joinpath("copied.json").write_text(json.dumps(copied), encoding="utf-8")
    one.kubectl("apply", f"--filename={given.stack.folder / 'copied.json'}")
    try:
        eventually(lambda: "two" in given.answering("one"), lambda: given.answering("one"))
        report = given.verified()
        failed = [pair for pair in report["pairs"] if not pair["passed"]]
        assert _pairs(failed) == {("one", "two")}, report
        assert failed[0]["findings"][0]["reason"] == "unseen-cluster-answers"
        assert ("remote-secret-orphaned", "one") in given.checked()
    finally:
        given.stack.folder.joinpath("copied.json").unlink()
        one.kubectl("delete", *place)
    _expected(given, {"one": {"one", "hub"}})


def test_a_link_in_one_direction_is_enough_for_calls_in_it(given: HubAndSpokes) -> None:
    """The hub sees nobody any more, and answers all the same; the preview says what is cut off."""
    config = given.stack.config()
    config["clusters"]["hub"]["sees"] = []
    given.stack.configure(config)
    said = given.stack.command("preview").stdout
    assert "hub no longer sees the services of one: calls from hub no longer reach one" in said, said
    pods = _restarts(given)
    given.stack.up()
    _expected(given, {"hub": {"hub"}, "one": {"one", "hub"}, "two": {"two", "hub"}})
    report = given.verified()
    assert report["passed"], report
    assert _restarts(given) == pods, "a link that goes restarts nothing"


def _restarts(given: HubAndSpokes) -> Counter[str]:
    return Counter(
        f"{name}/{pod['metadata']['name']}"
        for name, kube in given.clusters.items()
        for pod in kube.get("pods", "--all-namespaces")["items"]
        if pod["metadata"]["namespace"] in ("istio-system", NAMESPACE)
    )


def test_calls_that_stay_inside_leave_no_cluster_and_nothing_is_restarted(given: HubAndSpokes) -> None:
    """For the one cluster that says so, though it sees the hub."""
    pods = _restarts(given)
    given.update({}, one={"exposure": {"clusterLocal": [_HELLO]}})
    _expected(given, {"one": {"one"}, "two": {"two", "hub"}})
    report = given.verified()
    assert report["passed"], report
    assert ("one", "hub") in _pairs(report["silent"])
    assert given.checked() == []
    assert _restarts(given) == pods, "a changed mesh configuration restarts nothing"


def test_services_are_exposed_by_their_labels(given: HubAndSpokes) -> None:
    """The next update exposes one that got them; until then a check says so."""
    hub = given.clusters["hub"]
    given.update({}, hub={"exposure": {"labels": {_LABEL: "true"}}}, one={"exposure": {"clusterLocal": []}})
    assert _hosts(hub) == ["nothing.invalid"]
    # Its proxy may try again, and then nothing fails: two answers instead.
    eventually(lambda: "hub" not in given.answering("two"), lambda: given.answering("two"))
    report = given.verified()
    failed = {
        (p["from"], p["to"]): {f["reason"] for f in p["findings"]} for p in report["pairs"] if not p["passed"]
    }
    for caller in SPOKES:
        assert "sample-not-exposed" in failed[caller, "hub"], report
    hub.kubectl("label", "service", SERVICE, f"--namespace={NAMESPACE}", f"{_LABEL}=true")
    try:
        assert given.checked() == [("exposure-outdated", "hub")]
        given.stack.up()
        assert _hosts(hub) == [_HELLO]
        _expected(given, {"one": {"one", "hub"}, "two": {"two", "hub"}})
        assert given.checked() == []
        assert given.verified()["passed"]
    finally:
        hub.kubectl("label", "service", SERVICE, f"--namespace={NAMESPACE}", f"{_LABEL}-")


def _hosts(kube: Kube) -> list[str]:
    gateway = kube.get("gateways.networking.istio.io", "cross-network-gateway", "--namespace=istio-system")
    return gateway["spec"]["servers"][0]["hosts"]
