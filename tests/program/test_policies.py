"""The policies over what the program registers: none fires on an example, each on a mesh that breaks it."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa

from mesh.mappings import deep_merge
from policy.resources import Resource, Secret
from policy.rules import POLICIES
from tests.builders.certificates import authority
from tests.program.conftest import write_kubeconfigs
from tests.program.policies import fired_by, shown
from tests.program.recording import EXAMPLES, PROJECT, run

THREE = PROJECT / "examples/three-clusters.yaml"


@functools.cache  # an example always gives the same, and resources are only read
def _example(stack_file: Path, *, preview: bool = False) -> tuple[Resource, ...]:
    document = yaml.safe_load(stack_file.read_text(encoding="utf-8"))
    write_kubeconfigs(document["config"]["istio-mesh:clusters"])
    return tuple(shown(run(stack_file, preview=preview)))


@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
@pytest.mark.parametrize("stack_file", EXAMPLES, ids=lambda path: path.stem)
def test_no_policy_fires_on_an_example(stack_file: Path, *, preview: bool) -> None:
    """Also not where values are known after the update only."""
    resources = _example(stack_file, preview=preview)
    assert {"mesh:index:RootCA", "kubernetes:helm.sh/v3:Release"} <= {r.type for r in resources}
    assert list(fired_by(resources)) == []


def _broken(name: str, **changes: Any) -> Callable[[], list[Resource]]:
    """The example with one resource changed; `properties` are merged into what it has."""

    def resources() -> list[Resource]:
        found = [r for r in _example(THREE) if r.name == name]
        assert found, f"no {name} in the example"
        return [_changed(r, **changes) if r.name == name else r for r in _example(THREE)]

    return resources


def _changed(resource: Resource, *, properties: Mapping[str, Any] | None = None, **fields: Any) -> Resource:
    return replace(resource, properties=deep_merge(resource.properties, properties or {}), **fields)


def _weak() -> str:
    return authority("weak", key=rsa.generate_private_key(public_exponent=65537, key_size=1024)).pem  # noqa: S505 - what is to be found


_GATEWAY = "frankfurt-cross-network-gateway"
_PORT = {"number": 15443, "name": "tls", "protocol": "TLS"}
_LINK = "frankfurt-sees-tokyo-remote-secret"
BREAKS: Mapping[str, tuple[str, Callable[[], list[Resource]], str]] = {
    "a root without protection": (
        "root-ca-stays",
        _broken("mesh-root-g1-certificate", protected=False),
        "mesh-root-g1-certificate is a part of a root CA and not protected",
    ),
    "a root's key without protection": (
        "root-ca-stays",
        _broken("mesh-root-g1-key", protected=False),
        "mesh-root-g1-key",
    ),
    "a curve that the provider takes by default": (
        "strong-keys",
        _broken("mesh-root-g1-key", properties={"ecdsaCurve": None}),
        "its key is on the curve secp224r1",
    ),
    "a small RSA key": (
        "strong-keys",
        _broken("tokyo-intermediate-g1-key", properties={"algorithm": "RSA", "rsaBits": 1024}),
        "RSA of 1024 bits",
    ),
    "a key that istiod does not sign with": (
        "strong-keys",
        _broken("tokyo-intermediate-g1-key", properties={"algorithm": "ED25519"}),
        "algorithm ED25519",
    ),
    "a given CA with a weak key": (
        "strong-keys",
        _broken("tokyo-cacerts", properties={"stringData": Secret({"ca-cert.pem": _weak()})}),
        "ca-cert.pem, 'weak': its key is RSA of 1024 bits",
    ),
    "a private key in a Secret in plain text": (
        "no-plain-secret",
        _broken("tokyo-cacerts", properties={"stringData": {"ca-key.pem": authority("plain").key_pem}}),
        "ca-key.pem",
    ),
    "a token in the values of a chart": (
        "no-plain-secret",
        _broken("tokyo-istiod", properties={"values": {"env": {"TOKEN": "ghp_" + "x1" * 20}}}),
        "values.env.TOKEN has a token in plain text",
    ),
    "a default provider": (
        "no-default-provider",
        _broken("tokyo-cacerts", provider="default_4_34_2"),
        "its provider is default_4_34_2",
    ),
    "another cluster's name": (
        "names-agree",
        _broken(
            "tokyo-istiod", properties={"values": {"global": {"multiCluster": {"clusterName": "virginia"}}}}
        ),
        "istiod calls its cluster 'virginia'",
    ),
    "another network on the namespace": (
        "names-agree",
        _broken(
            "tokyo-istio-system", properties={"metadata": {"labels": {"topology.istio.io/network": "eu"}}}
        ),
        "the label topology.istio.io/network of tokyo is 'eu'",
    ),
    "another network on the gateway": (
        "names-agree",
        _broken("tokyo-istio-eastwestgateway", properties={"values": {"networkGateway": "eu"}}),
        "networkGateway of tokyo is 'eu'",
    ),
    "another network of a gateway with a port of its own": (
        "names-agree",
        _broken(
            "tokyo-istio-eastwestgateway",
            properties={"values": {"networkGateway": "", "env": {"ISTIO_META_REQUESTED_NETWORK_VIEW": "eu"}}},
        ),
        "ISTIO_META_REQUESTED_NETWORK_VIEW of tokyo is 'eu'",
    ),
    "another mesh": (
        "names-agree",
        _broken("tokyo-istiod", properties={"values": {"global": {"meshID": "other"}}}),
        "global.meshID differs: frankfurt 'prod', tokyo 'other', virginia 'prod'",
    ),
    "another trust domain": (
        "names-agree",
        _broken("tokyo-istiod", properties={"values": {"meshConfig": {"trustDomain": "other"}}}),
        "meshConfig.trustDomain differs",
    ),
    "another key in a remote secret": (
        "names-agree",
        _broken(_LINK, properties={"stringData": Secret({"osaka": "kubeconfig"})}),
        "the remote secret for tokyo has the keys osaka",
    ),
    "another name of a remote secret": (
        "names-agree",
        _broken(_LINK, properties={"metadata": {"name": "istio-remote-secret-osaka"}}),
        "expected 'istio-remote-secret-tokyo'",
    ),
    "a range of versions": (
        "charts-pinned",
        _broken("tokyo-istiod", properties={"version": "~1.31"}),
        "chart 'istiod' has the range '~1.31'",
    ),
    "no version": ("charts-pinned", _broken("tokyo-istiod", properties={"version": None}), "has no version"),
    "a chart in a folder": (
        "charts-pinned",
        _broken("tokyo-istiod", properties={"chart": "./charts/istiod"}),
        "comes from no repository",
    ),
    "more hosts than allowed": (
        "gateways-expose",
        _broken(
            _GATEWAY,
            properties={
                "spec": {"servers": [{"port": _PORT, "tls": {"mode": "AUTO_PASSTHROUGH"}, "hosts": ["*"]}]}
            },
        ),
        "it exposes *; expected only what `hosts` allows: *.local",
    ),
    "another port": (
        "gateways-expose",
        _broken(
            _GATEWAY,
            properties={
                "spec": {
                    "servers": [
                        {"port": {"number": 443}, "tls": {"mode": "AUTO_PASSTHROUGH"}, "hosts": ["*.local"]}
                    ]
                }
            },
        ),
        "it opens port 443 with the mode AUTO_PASSTHROUGH",
    ),
    "a gateway that ends TLS": (
        "gateways-expose",
        _broken(
            _GATEWAY,
            properties={
                "spec": {"servers": [{"port": _PORT, "tls": {"mode": "SIMPLE"}, "hosts": ["*.local"]}]}
            },
        ),
        "with the mode SIMPLE",
    ),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_policy_fires_on_what_breaks_it_and_no_other_does(broken: str) -> None:
    """And says what it is, without the value of a secret."""
    policy, resources, says = BREAKS[broken]
    fired = list(fired_by(resources()))
    assert {name for name, _ in fired} == {policy}
    assert any(says in message for _, message in fired), fired
    assert not [message for _, message in fired if "PRIVATE KEY" in message or "x1x1" in message]


def test_every_policy_has_something_that_breaks_it() -> None:
    """Here, or below for the one that needs an address."""
    assert {policy for policy, _, _ in BREAKS.values()} | {"source-ranges"} == {p.name for p in POLICIES}


@pytest.mark.parametrize(
    ("settings", "fires"),
    [
        ({"root-ca-stays": {"mayGo": [1.0]}}, False),  # as they come from the engine
        ({"root-ca-stays": {"mayGo": [2.0]}}, True),
    ],
)
def test_a_root_goes_with_a_word_in_the_configuration(
    settings: Mapping[str, Mapping[str, Any]], *, fires: bool
) -> None:
    """For its own generation only."""
    resources = _broken("mesh-root-g1-certificate", protected=False)()
    assert bool(list(fired_by(resources, settings))) is fires


@pytest.mark.parametrize(
    ("found", "says"),
    [
        ({"rootFingerprint": "AA:BB"}, None),
        ({"rootFingerprint": "CC:DD"}, "has the fingerprint CC:DD; expected one of `fingerprints`: AA:BB"),
        ({}, "is made by this update"),
    ],
)
def test_a_root_that_nobody_agreed_on_is_told(found: Mapping[str, str], says: str | None) -> None:
    """Another one than in the configuration of the policy, and one that a preview cannot know yet."""
    resources = _broken("mesh", properties=found)()
    fired = [message for _, message in fired_by(resources, {"root-ca-stays": {"fingerprints": ["AA:BB"]}})]
    assert (says is None and not fired) or any(says and says in message for message in fired)


def test_a_stack_without_the_mesh_has_lost_its_root() -> None:
    """What is not there any more is not protected either."""
    ((name, message),) = fired_by([], {"root-ca-stays": {"fingerprints": ["AA:BB"]}})
    assert (name, message[:16]) == ("root-ca-stays", "there is no mesh")


def test_a_gateway_that_exposes_nothing_breaks_no_policy() -> None:
    """No Service has the labels yet."""
    assert list(fired_by(_example(PROJECT / "examples/exposure.yaml"))) == []


def test_a_gateway_leads_remotes_to_istiod_by_its_name_alone() -> None:
    """By any other name it would lead to whatever a VirtualService says."""
    example = _example(PROJECT / "examples/primary-remote.yaml")
    (gateway,) = (r for r in example if r.name == "hub-istiod-gateway")
    servers = [{**server, "hosts": ["*"]} for server in gateway.get("spec", "servers")]
    wide = _changed(gateway, properties={"spec": {"servers": servers}})
    fired = list(fired_by([wide if r.name == gateway.name else r for r in example]))
    assert [name for name, _ in fired] == ["gateways-expose"] * 2
    assert "it leads * to istiod; expected istiod.istio-system.svc alone" in fired[0][1]


def test_hosts_are_exposed_as_the_configuration_of_the_policy_says() -> None:
    """Wider or narrower than the default."""
    narrow = {"gateways-expose": {"hosts": ["*.shop.svc.cluster.local"]}}
    fired = [message for _, message in fired_by(_example(THREE), narrow)]
    assert len(fired) == 2, "frankfurt and virginia expose *.local, and tokyo *.shop.svc.cluster.local"
    assert list(fired_by(_example(THREE), {"gateways-expose": {"hosts": ["*"]}})) == []


_PUBLIC = {"status": {"loadBalancer": {"ingress": [{"ip": "8.8.4.4"}]}}}
_HOST_NAME = {"status": {"loadBalancer": {"ingress": [{"hostname": "a.elb.amazonaws.com"}]}}}
_INTERNAL = {
    "metadata": {"annotations": {"service.beta.kubernetes.io/aws-load-balancer-scheme": "internal"}},
}


@pytest.mark.parametrize(
    ("service", "ranges", "fires"),
    [
        (_PUBLIC, None, True),
        (_PUBLIC, ["203.0.113.0/24"], False),
        (_PUBLIC, ["203.0.113.0/24", "0.0.0.0/0"], True),
        (_HOST_NAME, None, True),
        ({**_HOST_NAME, **_INTERNAL}, None, False),
        ({"status": {"loadBalancer": {"ingress": [{"ip": "10.1.2.3"}]}}}, None, False),
        ({"status": {}}, None, False),
    ],
)
def test_a_public_gateway_needs_source_ranges(
    service: Mapping[str, Any], ranges: Sequence[str] | None, *, fires: bool
) -> None:
    """Public is what is routed on the internet, or has a host name and is not internal."""
    named = {"metadata": {"name": "istio-eastwestgateway"}}
    resources = [
        _changed(r, properties=deep_merge(named, service))
        if r.name == "tokyo-east-west-gateway-service"
        else r
        for r in _example(THREE)
    ]
    if ranges:
        resources = [
            _changed(r, properties={"values": {"service": {"loadBalancerSourceRanges": ranges}}})
            if r.name == "tokyo-istio-eastwestgateway"
            else r
            for r in resources
        ]
    fired = list(fired_by(resources))
    assert [name for name, _ in fired] == (["source-ranges"] if fires else [])


@pytest.mark.parametrize(
    ("phase", "may_go", "fires"),
    [
        ("trust-both", (), False),
        ("sign-with-new", (), False),
        ("drop-old", (), True),
        ("drop-old", (1.0,), False),
    ],
)
def test_a_rotation_of_the_root_needs_a_word_at_its_end(
    home: Path, phase: str, may_go: Sequence[float], *, fires: bool
) -> None:
    """Before it, both roots are protected."""
    document = yaml.safe_load(THREE.read_text(encoding="utf-8"))
    document["config"]["istio-mesh:trust"] |= {"nextRoot": {"generation": 2}, "phase": phase}
    write_kubeconfigs(document["config"]["istio-mesh:clusters"])
    rotation = home / "rotation.yaml"
    rotation.write_text(yaml.safe_dump(document), encoding="utf-8")
    fired = list(fired_by(shown(run(rotation)), {"root-ca-stays": {"mayGo": may_go}}))
    assert {name for name, _ in fired} == ({"root-ca-stays"} if fires else set())
    assert all(message.startswith("mesh-root-g1-") for _, message in fired)
