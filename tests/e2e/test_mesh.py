"""What a mesh is made of, seen from its clusters with the tools that a user would take."""

import base64
import copy
import json
import re
import shlex
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.kube import Kube, assert_answered_everywhere, eventually
from tests.e2e.stack import Stack

pytestmark = pytest.mark.mesh

CLUSTERS = ("east", "west")
PAIRS = (("east", "west"), ("west", "east"))
READER = "system:serviceaccount:istio-system:istio-reader-service-account"

# What istiod watches in another cluster: `pilot/pkg/serviceregistry/kube/controller` in istio/istio.
WATCHED = (
    "services",
    "pods",
    "nodes",
    "namespaces",
    "configmaps",
    "secrets",
    "endpointslices.discovery.k8s.io",
    "workloadentries.networking.istio.io",
    "serviceentries.networking.istio.io",
    "customresourcedefinitions.apiextensions.k8s.io",
)


@pytest.fixture(scope="module")
def clusters(mesh: Stack, kube: Callable[[str], Kube]) -> Mapping[str, Kube]:
    """Return the mesh's clusters by name."""
    return {name: kube(name) for name in CLUSTERS}


@dataclass(frozen=True, kw_only=True)
class Trust:
    """PEM files of one cluster: its `cacerts`, and what a workload's proxy holds."""

    root: Path
    intermediate: Path
    chain: Path
    key: Path
    leaf: Path
    proxy_root: Path


@pytest.fixture(scope="module")
def trust(clusters: Mapping[str, Kube], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Trust]:
    """Write each cluster's certificates into files."""
    return {name: _write_trust(kube, tmp_path_factory.mktemp(name)) for name, kube in clusters.items()}


def _write_trust(kube: Kube, folder: Path) -> Trust:
    cacerts = kube.get("secret", "cacerts", "--namespace=istio-system")["data"]
    assert set(cacerts) == {"root-cert.pem", "ca-cert.pem", "cert-chain.pem", "ca-key.pem"}
    # A new pod gets a new certificate: that of an old one may be of an intermediate before this one.
    client = ("pod", "--namespace=sample", "--selector=app=client")
    kube.kubectl("delete", *client)
    kube.kubectl("wait", *client, "--for=condition=Ready", "--timeout=90s")
    dump = json.loads(kube.istioctl("proxy-config", "secret", "deployment/client.sample", "--output=json"))
    held = {entry["name"]: entry["secret"] for entry in dump["dynamicActiveSecrets"]}
    files = {
        **cacerts,
        "leaf.pem": held["default"]["tlsCertificate"]["certificateChain"]["inlineBytes"],
        "proxy-root.pem": held["ROOTCA"]["validationContext"]["trustedCa"]["inlineBytes"],
    }
    for name, content in files.items():
        (folder / name).write_bytes(base64.b64decode(content))
    return Trust(
        root=folder / "root-cert.pem",
        intermediate=folder / "ca-cert.pem",
        chain=folder / "cert-chain.pem",
        key=folder / "ca-key.pem",
        leaf=folder / "leaf.pem",
        proxy_root=folder / "proxy-root.pem",
    )


def _openssl(*arguments: str | Path, check: bool = True) -> str:
    done = subprocess.run(
        ["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )
    assert not check or done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}{done.stdout}"
    return done.stdout + done.stderr


def test_every_cluster_answers_every_cluster(clusters: Mapping[str, Kube]):
    """HelloWorld is called by its one name, over mutual TLS, across the networks."""
    assert_answered_everywhere(clusters)


def test_three_releases_are_deployed_in_each_cluster(mesh: Stack, clusters: Mapping[str, Kube]):
    """Helm itself says so, at the version that the stack file wants."""
    version = mesh.config()["istio"]["version"]
    for kube in clusters.values():
        found = {name: (r["chart"], r["status"], r["namespace"]) for name, r in kube.releases().items()}
        assert found == {
            "istio-base": (f"base-{version}", "deployed", "istio-system"),
            "istiod": (f"istiod-{version}", "deployed", "istio-system"),
            "istio-eastwestgateway": (f"gateway-{version}", "deployed", "istio-system"),
        }


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_workloads_certificate_chains_to_the_root(trust: Mapping[str, Trust], name: str):
    """The leaf that the client's proxy holds, by the cluster's intermediate, to the mesh's root."""
    files = trust[name]
    _openssl("verify", "-CAfile", files.root, "-untrusted", files.intermediate, files.leaf)
    names = _openssl("x509", "-in", files.leaf, "-noout", "-ext", "subjectAltName")
    assert "URI:spiffe://cluster.local/ns/sample/sa/client" in names


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_bundle_in_cacerts_holds_together(trust: Mapping[str, Trust], name: str):
    """The key is the intermediate's, and the chain is the intermediate, then the root."""
    files = trust[name]
    of_certificate = _openssl("x509", "-in", files.intermediate, "-noout", "-pubkey")
    assert of_certificate == _openssl("pkey", "-in", files.key, "-pubout"), (
        "ca-key.pem is of another certificate"
    )
    chain = files.intermediate.read_text() + files.root.read_text()
    assert files.chain.read_text() == chain, "cert-chain.pem is not the intermediate and its root"


def test_all_clusters_have_one_root_and_intermediates_of_their_own(mesh: Stack, trust: Mapping[str, Trust]):
    """It is the root of the stack's output, in `cacerts` and in the proxies alike."""
    roots = {path for files in trust.values() for path in (files.root, files.proxy_root)}
    prints = {_openssl("x509", "-in", path, "-noout", "-fingerprint", "-sha256") for path in roots}
    assert [text.strip().partition("=")[2] for text in prints] == [mesh.outputs()["rootFingerprint"]]
    intermediates = {files.intermediate.read_text() for files in trust.values()}
    assert len(intermediates) == len(CLUSTERS), "two clusters have one intermediate"


def test_an_intermediate_cannot_make_a_ca_below_it(trust: Mapping[str, Trust], tmp_path: Path):
    """Whoever gets hold of a cluster's key can sign workloads, but no CA that would be believed."""
    files = trust["east"]
    leaf_by_intermediate = _signed(tmp_path, "workload", files.intermediate, files.key, is_ca=False)
    sub_ca = _signed(tmp_path, "sub-ca", files.intermediate, files.key, is_ca=True)
    leaf_by_sub_ca = _signed(tmp_path, "impostor", sub_ca, tmp_path / "sub-ca.key", is_ca=False)
    verify = ["verify", "-CAfile", files.root, "-untrusted", files.intermediate]
    assert "OK" in _openssl(*verify, leaf_by_intermediate)
    refused = _openssl(*verify, "-untrusted", sub_ca, leaf_by_sub_ca, check=False)
    assert "path length constraint exceeded" in refused


def _signed(folder: Path, name: str, issuer: Path, issuer_key: Path, *, is_ca: bool) -> Path:
    """Make a certificate and its key `<name>.key`, signed by an issuer."""
    certificate = folder / f"{name}.pem"
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"),
        *("-subj", f"/CN={name}", "-keyout", folder / f"{name}.key", "-out", certificate),
        *("-CA", issuer, "-CAkey", issuer_key),
        *("-addext", f"basicConstraints=critical,CA:{'TRUE' if is_ca else 'FALSE'}"),
    )
    return certificate


@pytest.fixture(scope="module")
def remote(clusters: Mapping[str, Kube], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Kube]:
    """Give the view that `reader` has of `target` by its remote secret; its one key is the target's name."""

    def view(reader: str, target: str) -> Kube:
        name = f"istio-remote-secret-{target}"
        secret = clusters[reader].get("secret", name, "--namespace=istio-system")
        assert list(secret["data"]) == [target]
        assert secret["metadata"]["labels"]["istio/multiCluster"] == "true"
        path = tmp_path_factory.mktemp("remote") / "kubeconfig"
        path.write_bytes(base64.b64decode(secret["data"][target]))
        context = yaml.safe_load(path.read_text())["current-context"]
        return Kube(context=context, kubeconfig=path, environment=clusters[reader].environment)

    return view


def _identity(kube: Kube) -> str:
    return kube.get("namespace", "kube-system")["metadata"]["uid"]


@pytest.mark.parametrize(("reader", "target"), PAIRS)
def test_a_remote_secret_opens_the_other_api_server(
    clusters: Mapping[str, Kube], remote: Callable[..., Kube], reader: str, target: str
):
    """As the reader's account, and nobody more; a cluster is known by the uid of its kube-system."""
    view = remote(reader, target)
    assert _identity(view) == _identity(clusters[target]) != _identity(clusters[reader])
    who = json.loads(view.kubectl("auth", "whoami", "--output=json"))
    assert who["status"]["userInfo"]["username"] == READER


@pytest.mark.parametrize(("reader", "target"), PAIRS)
def test_a_reader_may_list_what_istiod_needs_and_change_nothing(
    remote: Callable[..., Kube], reader: str, target: str
):
    """Kubernetes itself is asked what the token in the remote secret is good for."""
    view = remote(reader, target)

    def may(verb: str, resource: str) -> bool:
        asked = view.run("kubectl", "auth", "can-i", verb, resource, "--all-namespaces", check=False)
        assert asked.stdout.strip() in ("yes", "no"), asked.stderr
        return asked.stdout.strip() == "yes"

    assert [kind for kind in WATCHED if not may("list", kind)] == []
    changes = (("create", "pods"), ("update", "secrets"), ("delete", "services"), ("create", "pods/exec"))
    assert [change for change in changes if may(*change)] == []


@pytest.mark.parametrize(("reader", "target"), PAIRS)
def test_istiod_has_synced_with_the_other_cluster(clusters: Mapping[str, Kube], reader: str, target: str):
    """By `istioctl remote-clusters`, with the secret that it was read from."""
    kube = clusters[reader]

    def rows() -> list[list[str]]:
        return [line.split()[:3] for line in kube.istioctl("remote-clusters").splitlines()[1:]]

    expected = [target, f"istio-system/istio-remote-secret-{target}", "synced"]
    eventually(lambda: expected in rows(), rows)
    assert rows()[0][:2] == [reader, "synced"]
    assert len(rows()) == len(CLUSTERS)


@pytest.mark.parametrize("name", CLUSTERS)
def test_every_proxy_has_taken_its_configuration(clusters: Mapping[str, Kube], name: str):
    """By `istioctl proxy-status`: all of the sidecars and the gateway, and no type that is behind."""
    kube = clusters[name]

    def states() -> dict[str, set[str]]:
        status = json.loads(kube.istioctl("proxy-status", "--output=json"))["resources"]
        return {
            proxy["node"]["id"]: {config["configStatus"] for config in proxy["genericXdsConfigs"]}
            for proxy in status
        }

    def is_synced() -> bool:
        deployments = {pod.partition(".")[0].rsplit("-", 2)[0] for pod in states()}
        wanted = {"client", f"helloworld-{name}", "istio-eastwestgateway"}
        return deployments == wanted and all(state == {"SYNCED"} for state in states().values())

    eventually(is_synced, states)


@pytest.mark.parametrize("kind", ["mesh:index:RemoteSecret", "mesh:index:Link"])
def test_a_state_of_an_earlier_program_needs_no_change(mesh: Stack, kind: str) -> None:
    """Remote secrets had components around them once, first of one type, then of another."""
    state = mesh.state()
    resources = state["deployment"]["resources"]
    [whole] = [r for r in resources if r["type"] == "mesh:index:Mesh"]
    for secret in [r for r in resources if "-sees-" in r["urn"]]:
        name = secret["urn"].rpartition("::")[2].removesuffix("-remote-secret")
        around = f"{whole['urn'].replace('mesh:index:Mesh::mesh', f'mesh:index:Mesh${kind}')}::{name}"
        secret["parent"] = around
        secret["urn"] = f"{around.rpartition('::')[0]}${secret['type']}::{name}-remote-secret"
        component = {"urn": around, "custom": False, "type": kind, "parent": whole["urn"]}
        resources.insert(resources.index(whole) + 1, component)
    with mesh.having(state):
        assert mesh.preview() == []


def test_the_state_says_where_a_resource_is_declared_and_no_more(mesh: Stack) -> None:
    """The SDK would write all calls that led there, which is a quarter of the state."""
    for resource in mesh.resources().values():
        if "$" in resource["urn"]:  # below the mesh
            assert len(resource.get("stackTrace", ())) <= 3, resource["urn"]
    places = {r.get("sourcePosition", "").partition("#")[0] for r in mesh.resources().values()}
    assert "project:///mesh/istio/release.py" in places


def _renamed(config: dict[str, Any]) -> None:
    config["clusters"]["north"] = config["clusters"].pop("east")


def test_a_name_that_is_put_back_deletes_nothing(mesh: Stack, kube: Callable[[str], Kube]) -> None:
    """A rename that an earlier program began half: the state has both names, and both lead to one cluster."""
    state = mesh.state()
    resources = state["deployment"]["resources"]
    halves = ("::mesh:index:Mesh$mesh:index:Cluster::east", "kubernetes::east", "::east-istio-system")
    for resource in [r for r in resources if r["urn"].endswith(halves)]:
        resources.append(json.loads(json.dumps(resource).replace("::east", "::north")))
    before = kube("east").get("namespace", "istio-system")["metadata"]["uid"]
    with mesh.having(state):
        refused = mesh.up(check=False)
        assert refused.returncode != 0, "the namespace of both names was deleted with one of them"
        assert "would delete istio-system of east" in refused.stdout, refused.stdout
        (command,) = re.findall(r"`pulumi (state delete [^`]+)`", refused.stdout)
        mesh.pulumi(*shlex.split(command), "--yes")
        assert [(c.op, c.type) for c in mesh.preview()] == [("delete", "mesh:index:Cluster")]
        mesh.up()  # the component is in no cluster
        assert kube("east").get("namespace", "istio-system")["metadata"]["uid"] == before


def _of_another_mesh(config: dict[str, Any]) -> None:
    config["mesh"]["id"] = "another"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_renamed, "istio-mesh:clusters.north: its context leads to the cluster that is 'east' in this mesh"),
        (_of_another_mesh, "istio-mesh:clusters.west: is a member of the mesh 'dev'"),
    ],
)
def test_a_cluster_that_is_a_member_already_is_refused(
    mesh: Stack, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    """Under another name or of another mesh, before anything is registered."""
    config = mesh.config()
    try:
        changed = copy.deepcopy(config)
        change(changed)
        mesh.configure(changed)
        refused = mesh.pulumi("preview", check=False)
    finally:
        mesh.configure(config)
    assert refused.returncode != 0
    assert "in the clusters; nothing was changed." in refused.stdout, refused.stdout + refused.stderr
    assert message in refused.stdout, refused.stdout + refused.stderr
    assert "istio-mesh:trust" not in refused.stdout, "what follows from it is reported, too"
