"""What the program registers for roots, intermediates and readers of every kind."""

import json
from typing import Any

import pytest
from cryptography import x509

from mesh.live import istio_system
from mesh.live.facts import Cacerts, ObservedCluster, ObservedTrust
from mesh.pki import revocation
from mesh.pki.certificates import expiry, name, parse
from tests.builders.certificates import authority
from tests.builders.kubeconfigs import kubeconfig
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PRIVATE_KEY, Recording, run_config

ROOT = authority("the user's root")
OWN = authority("the user's own", issuer=ROOT)
SELF_SIGNED = "tls:index/selfSignedCert:SelfSignedCert"
_KEY = "tls:index/privateKey:PrivateKey"
SIGNED = "tls:index/locallySignedCert:LocallySignedCert"
SECRET = "kubernetes:core/v1:Secret"


def program(east: dict[str, Any] | None = None, **sections: Any) -> Recording:
    """Run the program for one cluster."""
    clusters = {"east": {"context": "east", **(east or {})}, **sections.pop("clusters", {})}
    write_kubeconfigs(clusters)
    raw = {"mesh": {"id": "dev"}, **sections, "clusters": clusters}
    config = {f"istio-mesh:{key}": json.dumps(value) for key, value in raw.items()}
    return run_config(config, secret=["istio-mesh:trust", "istio-mesh:clusters"])


def texts(recording: Recording) -> dict[str, str]:
    """What the program puts into `cacerts`."""
    found = recording.one(SECRET, "east-cacerts")
    assert "stringData" in found.secret_inputs
    return found.inputs["stringData"]


def roots_in(bundle: str) -> list[str]:
    """The common names in a bundle; the mock engine's are the resources' logical names."""
    return [name(certificate) for certificate in parse(bundle)]


@pytest.mark.parametrize(
    ("phase", "bundle", "signing", "protected"),
    [
        ("trust-both", [1, 2], 1, {1}),
        ("sign-with-new", [1, 2, 2], 2, {1, 2}),
        ("drop-old", [2], 2, {2}),
    ],
)
def test_each_phase_hands_over_its_bundle_and_signs_with_its_root(
    phase: str, bundle: list[int], signing: int, protected: set[int]
) -> None:
    """Both roots exist in all phases; the names of the first are those of a mesh without a rotation."""
    recording = program(trust={"nextRoot": {"generation": 2}, "phase": phase})
    certificates = {n: f"mesh-root-g{n}-certificate" for n in (1, 2)}
    assert [r.name for r in recording.of_type(SELF_SIGNED)] == list(certificates.values())
    assert {n for n, root in certificates.items() if recording.one(SELF_SIGNED, root).protect} == protected
    assert roots_in(texts(recording)["root-cert.pem"]) == [certificates[n] for n in bundle]
    signed = recording.one(SIGNED, "east-intermediate-g1-certificate")
    assert roots_in(signed.inputs["caCertPem"]) == [certificates[signing]]
    assert roots_in(texts(recording)["cert-chain.pem"])[-1] == certificates[signing]


def test_a_given_root_is_no_resource_and_signs() -> None:
    """Its key goes to the intermediate's certificate as a secret, and nowhere else."""
    recording = program(trust={"root": {"certificate": ROOT.pem, "privateKey": ROOT.key_pem}})
    assert recording.of_type(SELF_SIGNED) == []
    signed = recording.one(SIGNED, "east-intermediate-g1-certificate")
    assert signed.inputs["caCertPem"] == ROOT.pem
    assert "caPrivateKeyPem" in signed.secret_inputs
    assert texts(recording)["root-cert.pem"] == ROOT.pem
    assert ROOT.key_pem not in json.dumps(texts(recording)), "the root's key would reach a cluster"


def test_under_an_offline_root_a_given_intermediate_is_handed_over_as_it_is() -> None:
    """No key is made at all."""
    given = {"certificate": OWN.pem, "privateKey": OWN.key_pem, "chain": ROOT.pem}
    recording = program({"trust": {"intermediate": given}}, trust={"root": {"certificate": ROOT.pem}})
    assert not [r for r in recording.resources if r.type.startswith(("tls:", "random:"))]
    assert texts(recording) == {
        "ca-cert.pem": OWN.pem,
        "ca-key.pem": OWN.key_pem,
        "root-cert.pem": ROOT.pem,
        "cert-chain.pem": OWN.pem + ROOT.pem,
    }


def test_existing_cacerts_are_not_written_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control plane comes up without the program's Secret; what ends first may stand above its signer."""
    between = authority("between", issuer=ROOT, days=(-1, 20))
    own = authority("somebody's own", issuer=between, outlives=True)
    chain = own.pem + between.pem + ROOT.pem
    cacerts = Cacerts(certificate=own.pem, private_key=own.key_pem, chain=chain, roots=ROOT.pem)
    observed = {"east": ObservedCluster(trust=ObservedTrust(cacerts=cacerts), network="net-east")}
    monkeypatch.setattr(istio_system, "read_clusters", lambda _: observed)
    trust = {"root": {"certificate": ROOT.pem}, "intermediate": {"existing": True}}
    recording = program(trust=trust)
    names = [r.name for r in recording.resources]
    assert "east-cacerts" not in names
    assert "east-istiod" in names
    assert not [r for r in recording.resources if r.type.startswith("tls:")]
    assert recording.outputs["firstExpiry"] == expiry(between.pem)


def test_no_private_key_is_an_output() -> None:
    """Neither of a generated root nor of a given one."""
    for trust in ({}, {"root": {"certificate": ROOT.pem, "privateKey": ROOT.key_pem}}):
        outputs = json.dumps(program(trust=trust).outputs, default=str)
        assert PRIVATE_KEY not in outputs
        assert "PRIVATE KEY" not in outputs


def test_a_kubeconfig_for_peers_takes_the_place_of_tokens() -> None:
    """There is no long-lived token in the cluster then."""
    text = kubeconfig({"east": "https://east.example.com:6443"}) + "current-context: east\n"
    recording = program({"reader": {"kubeconfig": text}})
    assert not [r for r in recording.of_type(SECRET) if "token" in r.name]


def test_the_minimal_role_names_no_secrets() -> None:
    """A role and a binding of our own take the place of the chart's."""
    recording = program(reader={"role": "minimal"}, istio={"version": "1.31.1"})
    role = recording.one("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole", "east-reader-minimal-role")
    readable = {resource for rule in role.inputs["rules"] for resource in rule["resources"]}
    assert "services" in readable
    assert "secrets" not in readable
    (only,) = (rule for rule in role.inputs["rules"] if "configmaps" in rule["resources"])
    assert only["resourceNames"] == ["istio"]
    assert {verb for rule in role.inputs["rules"] for verb in rule["verbs"]} == {
        "get",
        "list",
        "watch",
        "create",
    }
    istiod = recording.one("kubernetes:helm.sh/v3:Release", "east-istiod")
    assert istiod.inputs["values"]["global"]["enableReaderRBAC"] is False


def lists(recording: Recording, cluster: str = "east") -> dict[str, set[str]]:
    """The CRLs that a cluster gets: the serial numbers in each, by the common name of its CA."""
    found = recording.one(SECRET, f"{cluster}-cacerts").inputs["stringData"]["ca-crl.pem"]
    return {
        str(one.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value): set(
            revocation.serials([one])
        )
        for one in revocation.parse_lists(found)
    }


def test_without_the_setting_there_is_no_crl() -> None:
    """An empty one has a meaning of its own: proxies check."""
    recording = program()
    assert "ca-crl.pem" not in texts(recording)


def test_every_cluster_has_the_crls_of_all_and_roots_revoke() -> None:
    """Envoy refuses a chain of which one CA has no CRL."""
    clusters = {"west": {"context": "west"}}
    recording = program(trust={"revoked": ["0A:bc"]}, clusters=clusters)
    expected = {
        "mesh-root-g1-certificate": {"abc"},
        "east-intermediate-g1-certificate": set[str](),
        "west-intermediate-g1-certificate": set[str](),
    }
    assert lists(recording, "east") == lists(recording, "west") == expected
    assert "stringData" in recording.one(SECRET, "east-cacerts").secret_inputs
    again = program(trust={"revoked": ["abc"]}, clusters=clusters)
    assert lists(again) == expected


def test_while_a_root_is_rotated_both_roots_revoke() -> None:
    """Nobody needs to know which one has signed what is revoked."""
    trust = {"nextRoot": {"generation": 2}, "phase": "sign-with-new", "revoked": ["abc"]}
    found = lists(program(trust=trust))
    assert {name: found[name] for name in found if "root" in name} == {
        "mesh-root-g1-certificate": {"abc"},
        "mesh-root-g2-certificate": {"abc"},
    }


def test_keys_are_ecdsa_and_one_that_exists_keeps_its_algorithm() -> None:
    """Up to earlier releases, keys were RSA 4096 by default. A setting holds for a key that exists, too."""
    recording = program(trust={"root": {"key": "rsa-4096"}})
    root = recording.one(_KEY, "mesh-root-g1-key")
    intermediate = recording.one(_KEY, "east-intermediate-g1-key")
    assert root.inputs == {"algorithm": "RSA", "rsaBits": 4096}
    assert intermediate.inputs == {"algorithm": "ECDSA", "ecdsaCurve": "P256"}
    assert root.ignored == set()
    assert intermediate.ignored == {"algorithm", "rsaBits", "ecdsaCurve"}


def test_each_generation_of_an_intermediate_has_a_name_of_its_own() -> None:
    """Else ztunnel takes the CRL of one for that of the other, and refuses what it has signed."""

    def named(generation: int) -> str:
        recording = program(trust={"intermediate": {"generation": generation}})
        [request] = recording.of_type("tls:index/certRequest:CertRequest")
        return request.inputs["subject"]["commonName"]

    assert [named(generation) for generation in (1, 2, 3)] == [
        "dev intermediate CA east",
        "dev intermediate CA east 2",
        "dev intermediate CA east 3",
    ]


def test_an_offline_root_revokes_by_the_crl_that_is_given() -> None:
    """Its key is nowhere here."""
    serial = f"{authority('leaked', issuer=ROOT).certificate.serial_number:x}"
    given = revocation.revocation_list(ROOT.pem, ROOT.key_pem, [serial])
    recording = program(
        east={"trust": {"intermediate": {"certificate": OWN.pem, "privateKey": OWN.key_pem}}},
        trust={"root": {"certificate": ROOT.pem}, "revoked": [serial], "revocationLists": given},
    )
    assert lists(recording) == {"the user's root": {serial}, "the user's own": set()}


def test_clusters_keep_the_crl_of_an_intermediate_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workloads have certificates of it for half a day after a rotation, and call new clusters with them."""
    before = revocation.revocation_list(OWN.pem, OWN.key_pem, [])
    cacerts = Cacerts(certificate="", chain="", roots="", revocation_lists=before)
    there = {"east": ObservedCluster(trust=ObservedTrust(cacerts=cacerts)), "west": ObservedCluster()}
    monkeypatch.setattr(istio_system, "read_clusters", lambda _: there)
    clusters = {"west": {"context": "west"}}
    recording = program(trust={"revoked": []}, clusters=clusters)
    assert "the user's own" in lists(recording, "east")
    assert lists(recording, "west") == lists(recording, "east")
    assert "ca-crl.pem" not in texts(program(clusters=clusters))


def test_a_program_that_fails_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The CRLs are never known then, and the SDK waits for whatever has been declared."""

    def fail(*_: object) -> None:
        raise RuntimeError("a mistake of the program's")

    monkeypatch.setattr("mesh.mesh.Mesh._lead_to_other_networks", fail)
    with pytest.raises(RuntimeError, match="a mistake of the program's"):
        program(trust={"revoked": []})
