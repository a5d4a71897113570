"""What the program registers for each of the example stacks."""

import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from mesh.config.resolved import Connection, StackConfig
from mesh.istio.addresses import Node
from mesh.live import gateways, peers, services
from mesh.live.facts import LabelledServices, PeerAccess
from mesh.pki.certificates import parse
from mesh.stacks import state
from tests.program.conftest import write_kubeconfigs
from tests.program.recording import (
    EXAMPLES,
    PRIVATE_KEY,
    PROJECT,
    TOKEN,
    Recording,
    Registration,
    as_recorded,
    run,
    run_config,
)

_RELEASE = "kubernetes:helm.sh/v3:Release"
SNAPSHOTS = Path(__file__).parent / "snapshots"


def _clusters(stack_file: Path) -> dict[str, dict[str, Any]]:
    return yaml.safe_load(stack_file.read_text(encoding="utf-8"))["config"]["istio-mesh:clusters"]


@functools.cache  # an example always gives the same, and a recording is only read
def _run(stack_file: Path, *, preview: bool = False) -> Recording:
    write_kubeconfigs(_clusters(stack_file))
    return run(stack_file, preview=preview)


def _lineage(recording: Recording, registration: Registration) -> list[Registration]:
    """The resource's parents, nearest first."""
    by_urn = {r.urn: r for r in recording.resources}
    found: list[Registration] = []
    while registration.parent in by_urn:
        registration = by_urn[registration.parent]
        found.append(registration)
    return found


def _cluster_of(recording: Recording, registration: Registration) -> str:
    """The cluster that a resource belongs to by its place in the tree; for a remote secret its reader."""
    for parent in _lineage(recording, registration):
        if parent.type == "mesh:index:Cluster":
            return parent.name
    if "-sees-" in registration.name:
        return registration.name.split("-sees-")[0]
    raise AssertionError(f"{registration.urn} is in no cluster")


def _tree(recording: Recording) -> str:
    """Names, types and parents, one resource a line."""
    lines = {
        f"{r.parent.rpartition('::')[2]} / {r.name}: {r.type}{' (read)' if r.read else ''}"
        for r in recording.resources
    }
    return "\n".join(sorted(lines)) + "\n"


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def stack_file(request: pytest.FixtureRequest) -> Path:
    """Each of the example stacks."""
    return request.param


@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
def test_every_kubernetes_resource_goes_through_the_provider_of_its_own_cluster(
    stack_file: Path, *, preview: bool
) -> None:
    """By its place in the tree, and never through a default provider."""
    recording = _run(stack_file, preview=preview)
    inside = [r for r in recording.resources if r.type.startswith("kubernetes:")]
    assert inside, "no resource in any cluster: the program has not run"
    for registration in inside:
        expected = f"pulumi:providers:kubernetes::{_cluster_of(recording, registration)}"
        assert registration.provider.endswith(expected), f"{registration.name} is in the wrong cluster"


def test_no_metadata_has_an_empty_map(stack_file: Path) -> None:
    """API servers drop it, and each refresh would show it as a change."""
    for registration in _run(stack_file).resources:
        metadata = registration.inputs.get("metadata") or {}
        empty = [key for key, value in metadata.items() if value == {}]
        assert not empty, f"{registration.name} has {empty}"


def test_names_types_and_parents_are_those_of_the_snapshot(stack_file: Path) -> None:
    """A changed name or parent would replace what users have: it must be seen in a review.

    After a wanted change delete the snapshot and run the test twice: the first run writes it and fails.
    """
    snapshot = SNAPSHOTS / f"{stack_file.stem}.txt"
    tree = _tree(_run(stack_file))
    if not snapshot.exists():
        snapshot.parent.mkdir(exist_ok=True)
        snapshot.write_text(tree, encoding="utf-8")
        pytest.fail(f"{snapshot.name} was missing and is written now: look at it, then run again")
    assert tree == snapshot.read_text(encoding="utf-8")


def test_preview_shows_the_same_resources_as_up(stack_file: Path) -> None:
    """Nothing is made inside an `apply`, where previews would miss it."""
    assert _tree(_run(stack_file, preview=True)) == _tree(_run(stack_file))


def test_a_cluster_name_is_in_every_logical_name_below_it(stack_file: Path) -> None:
    """So one cluster's resources are never renamed by another's coming or going."""
    recording = _run(stack_file)
    for registration in recording.resources:
        if registration.type.startswith("kubernetes:"):
            cluster = _cluster_of(recording, registration)
            assert registration.name.startswith(cluster), f"{registration.name} does not name {cluster}"


def test_a_further_cluster_changes_nothing_of_the_others(home: Path) -> None:
    """All that two clusters have is there unchanged with three, inputs and dependencies included."""
    document = yaml.safe_load((PROJECT / "examples/two-clusters.yaml").read_text(encoding="utf-8"))
    before = _run(PROJECT / "examples/two-clusters.yaml")
    document["config"]["istio-mesh:clusters"]["south"] = {"context": "south", "helloWorld": True}
    three = home / "three.yaml"
    three.write_text(yaml.safe_dump(document), encoding="utf-8")
    after = {r.urn: r for r in _run(three).resources}
    for registration in before.resources:
        assert after.pop(registration.urn) == registration
    assert {urn.rpartition("::")[2].split("-sees-")[0] for urn in after} >= {"south", "east", "west"}
    assert all("south" in urn for urn in after), "more than the new cluster and its links was added"


def test_clusters_depend_on_each_other_by_links_only(stack_file: Path) -> None:
    """Outside links, nothing in one cluster waits for anything in another, but a remote for its primary."""
    recording = _run(stack_file)
    primaries = {name: entry.get("controlPlane") for name, entry in _clusters(stack_file).items()}
    place = {
        r.urn: _cluster_of(recording, r)
        for r in recording.resources
        if r.type.startswith("kubernetes:") and "-sees-" not in r.name
    }
    for registration in recording.resources:
        if registration.urn in place:
            others = {place[urn] for urn in registration.dependencies if urn in place}
            own = place[registration.urn]
            assert others <= {own, primaries[own]}, f"{registration.name} waits for {others}"


_LINKS = {
    # The other two are by a Secret that something else writes.
    "kubeconfig-directory": [
        "cloud-sees-edge",
        "edge-sees-cloud",
        "factory-sees-cloud",
        "factory-sees-edge",
    ],
    "hub-and-spokes": ["hub-sees-lyon", "hub-sees-porto", "lyon-sees-hub", "porto-sees-hub"],
    "groups-by-label": [
        "boston-sees-denver",
        *(f"control-sees-{name}" for name in ("boston", "denver", "milan", "paris")),
        "denver-sees-boston",
        "milan-sees-paris",
        "paris-sees-milan",
    ],
}


def test_there_is_a_link_for_each_ordered_pair(stack_file: Path) -> None:
    """Each cluster reads all others, and not itself, where the stack file selects none; a remote none."""
    names = list(_clusters(stack_file))
    readers = [name for name, entry in _clusters(stack_file).items() if "controlPlane" not in entry]
    secrets = _run(stack_file).of_type(state.SECRET)
    links = [r.name.removesuffix("-remote-secret") for r in secrets if "-sees-" in r.name]
    every = sorted(f"{reader}-sees-{target}" for reader in readers for target in names if reader != target)
    assert sorted(links) == _LINKS.get(stack_file.stem, every)


@pytest.mark.parametrize("kind", ["mesh:index:RemoteSecret", "mesh:index:Link"])
def test_a_mesh_keeps_the_components_that_were_around_its_remote_secrets(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Else its next preview would delete one for each link; a new link has none."""
    stack_file = PROJECT / "examples" / "three-clusters.yaml"
    now = _run(stack_file)
    links = [r for r in now.of_type(state.SECRET) if "-sees-tokyo-" in r.name]
    recorded = [as_recorded(r) for r in now.resources if r not in links]
    for link in links:
        name = link.name.removesuffix("-remote-secret")
        urn = link.urn.replace(state.SECRET, kind).replace(link.name, name)
        around = {"urn": urn, "type": kind, "custom": False, "parent": link.parent}
        recorded += [around, {**as_recorded(link), "parent": urn}]
    monkeypatch.setattr(state, "export", lambda *_: {"deployment": {"resources": recorded}})
    write_kubeconfigs(_clusters(stack_file))
    later = run(stack_file)
    assert {r.name for r in later.of_type(kind)} == {"frankfurt-sees-tokyo", "virginia-sees-tokyo"}
    for secret in (r for r in later.of_type(state.SECRET) if "-sees-" in r.name):
        around = secret.name.removesuffix("-remote-secret") if "-sees-tokyo-" in secret.name else "mesh"
        assert secret.parent.rpartition("::")[2] == around


def test_the_outputs_say_who_sees_whom_where_that_is_selected() -> None:
    """By name; the picture has an arrow where only one of two sees the other."""
    outputs = _run(PROJECT / "examples/groups-by-label.yaml").outputs
    assert outputs["clusters"]["paris"]["sees"] == ["milan"]
    assert outputs["clusters"]["control"]["sees"] == ["paris", "milan", "boston", "denver"]
    assert 'cluster_control -->|"mTLS 15443"| cluster_paris' in outputs["diagram"]
    assert 'cluster_paris <-->|"mTLS 15443"| cluster_milan' in outputs["diagram"]


def test_an_api_server_that_nobody_reads_is_not_tried_before_an_update(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may be private."""
    tried: list[str] = []

    def read_peer_access(_config: StackConfig, names: Iterable[str]) -> dict[str, PeerAccess]:
        tried.extend(names)
        return {}

    monkeypatch.setattr(peers, "read_peer_access", read_peer_access)
    stack_file = PROJECT / "examples/groups-by-label.yaml"
    write_kubeconfigs(_clusters(stack_file))
    run(stack_file)
    assert tried == ["paris", "milan", "boston", "denver"]


def _exposed(recording: Recording) -> dict[str, list[str]]:
    gateways = recording.of_type("kubernetes:networking.istio.io/v1:Gateway")
    return {
        gateway.name.removesuffix("-cross-network-gateway"): gateway.inputs["spec"]["servers"][0]["hosts"]
        for gateway in gateways
    }


def test_what_is_exposed_is_in_the_gateway_of_each_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services by their labels as they are now, where a cluster's entry does not select others."""
    asked: list[str] = []

    def read_labelled(connection: Connection, labels: Mapping[str, str]) -> LabelledServices:
        assert labels == {"mesh.example.com/exposed": "true"}
        asked.append(connection.context)
        there = {"east": (("cart", "shop"), ("pay", "web"))}
        return LabelledServices(names=there.get(connection.context, ()))

    monkeypatch.setattr(services, "read_labelled", read_labelled)
    stack_file = PROJECT / "examples/exposure.yaml"
    write_kubeconfigs(_clusters(stack_file))
    assert _exposed(run(stack_file)) == {
        "east": ["cart.shop.svc.cluster.local", "pay.web.svc.cluster.local"],
        "west": ["status.web.svc.cluster.local", "*.shop.svc.cluster.local"],
        "north": ["nothing.invalid"],
    }
    assert sorted(asked) == ["east", "north"]


def test_calls_that_stay_inside_are_told_to_the_istiod_of_each_cluster() -> None:
    """But for the one whose entry keeps nothing inside; nothing else differs."""
    recording = _run(PROJECT / "examples/exposure.yaml")
    found = {
        name: recording.one("kubernetes:helm.sh/v3:Release", f"{name}-istiod").inputs["values"]["meshConfig"]
        for name in ("east", "west", "north")
    }
    kept = [{"settings": {"clusterLocal": True}, "hosts": ["*.payments.svc.cluster.local"]}]
    assert {name: values.pop("serviceSettings", None) for name, values in found.items()} == {
        "east": kept,
        "west": kept,
        "north": None,
    }
    assert found["east"] == found["north"]


def test_root_ca_is_protected_and_nothing_else_is() -> None:
    """A destroy must not take the root by accident; all else can be made again."""
    recording = _run(PROJECT / "examples/two-clusters.yaml")
    protected = {r.type for r in recording.resources if r.protect}
    assert protected == {
        "tls:index/privateKey:PrivateKey",
        "tls:index/selfSignedCert:SelfSignedCert",
        "random:index/randomId:RandomId",
    }
    assert {r.name for r in recording.resources if r.protect} == {
        "mesh-root-g1-key",
        "mesh-root-g1-certificate",
        "mesh-root-g1-serial",
    }


def test_root_forbids_certificate_authorities_below_the_intermediates() -> None:
    """`pathlen:1`; the intermediates themselves cannot carry a 0 (the TLS provider loses it)."""
    recording = _run(PROJECT / "examples/two-clusters.yaml")
    root = recording.one("tls:index/selfSignedCert:SelfSignedCert", "mesh-root-g1-certificate").inputs
    assert root["maxPathLength"] == 1
    assert root["isCaCertificate"] is True
    assert root["setSubjectKeyId"] is True


def test_cacerts_has_istios_keys_with_the_chain_leaf_first() -> None:
    """Intermediate, its key, root, and intermediate followed by root."""
    recording = _run(PROJECT / "examples/two-clusters.yaml")
    data = recording.one("kubernetes:core/v1:Secret", "east-cacerts").inputs["stringData"]
    assert set(data) == {"ca-cert.pem", "ca-key.pem", "root-cert.pem", "cert-chain.pem"}
    assert data["ca-key.pem"].startswith(PRIVATE_KEY)
    signing = load_pem_private_key(data["ca-key.pem"].encode(), None)
    assert signing.public_key() == parse(data["ca-cert.pem"])[0].public_key()
    assert data["cert-chain.pem"] == data["ca-cert.pem"] + data["root-cert.pem"]


def test_istiod_starts_after_cacerts_and_base() -> None:
    """Without `cacerts` at its first start istiod would make a root of its own."""
    recording = _run(PROJECT / "examples/two-clusters.yaml")
    istiod = recording.one("kubernetes:helm.sh/v3:Release", "east-istiod")
    assert {urn.rpartition("::")[2] for urn in istiod.dependencies} >= {"east-cacerts", "east-istio-base"}


def test_only_base_is_not_waited_for(stack_file: Path) -> None:
    """It starts nothing; what comes after istiod or a gateway needs them ready."""
    releases = [r for r in _run(stack_file).resources if r.type == "kubernetes:helm.sh/v3:Release"]
    assert releases, "no release: the program has not run"
    for release in releases:
        assert bool(release.inputs.get("skipAwait")) == (release.inputs["name"] == "istio-base"), release.name


def test_helm_leaves_validation_to_the_api_server_where_a_release_is_new() -> None:
    """Up to earlier releases of this program, Helm got OpenAPI documents for it; there it goes on."""
    releases = _run(PROJECT / "examples/two-clusters.yaml").of_type(_RELEASE)
    assert releases, "no release: the program has not run"
    for release in releases:
        assert release.inputs["disableOpenapiValidation"] is True
        assert release.ignored == {"disableOpenapiValidation"}


def test_a_service_is_not_waited_for_beside_its_pods() -> None:
    """The provider would add 10 s after the last change of its endpoints to every first update."""
    recording = _run(PROJECT / "examples/two-clusters.yaml")
    service = recording.one("kubernetes:core/v1:Service", "east-hello-world-service")
    assert service.inputs["metadata"]["annotations"]["pulumi.com/skipAwait"] == "true"


def test_secrets_are_secret_on_their_way_to_the_engine(stack_file: Path) -> None:
    """Private keys and tokens are never plain inputs of a resource, and never outputs of the stack."""
    recording = _run(stack_file)
    holding = [
        (r, key)
        for r in recording.resources
        for key, value in r.inputs.items()
        if PRIVATE_KEY in json.dumps(value) or TOKEN in json.dumps(value)
    ]
    assert len(holding) > len(_clusters(stack_file)), "no secret was found where secrets must be"
    for registration, key in holding:
        assert key in registration.secret_inputs, f"{registration.name}: {key} is plain"
    exported = json.dumps(recording.outputs)
    assert PRIVATE_KEY not in exported
    assert TOKEN not in exported


def test_providers_keep_credentials_out_and_objects_in_place(stack_file: Path) -> None:
    """A kubeconfig's path, never its contents; changed kubeconfigs and Secrets replace nothing."""
    clusters = _clusters(stack_file)
    for provider in _run(stack_file).of_type("pulumi:providers:kubernetes"):
        cluster = clusters[provider.name]
        assert provider.inputs["kubeconfig"] == cluster.get("kubeconfig", "~/.kube/config")
        assert provider.inputs["context"] == cluster["context"]
        assert provider.inputs["clusterIdentifier"] == provider.name
        assert provider.inputs["enableSecretMutable"] == "true"
        skip = "true" if cluster.get("skipUnreachable") else "false"
        assert provider.inputs["skipUpdateUnreachable"] == skip


def test_kubeconfig_contents_enter_the_provider_as_a_secret(home: Path) -> None:
    """They hold credentials."""
    contents = (home / "contents").as_posix()
    write_kubeconfigs({"east": {"context": "east", "kubeconfig": contents}})
    east = {"context": "east", "kubeconfigContents": Path(contents).read_text(encoding="utf-8")}
    config = {"istio-mesh:mesh": '{"id": "dev"}', "istio-mesh:clusters": json.dumps({"east": east})}
    recording = run_config(config, secret=["istio-mesh:clusters"])
    (provider,) = recording.of_type("pulumi:providers:kubernetes")
    assert "kubeconfig" in provider.secret_inputs


def test_the_provider_gets_the_one_file_of_kubeconfig_that_has_the_context(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no list of files, as kubectl does, and no credential of theirs enters the state."""
    files = {name: (home / f"{name}.yaml").as_posix() for name in ("east", "west")}
    write_kubeconfigs({name: {"context": name, "kubeconfig": path} for name, path in files.items()})
    monkeypatch.setenv("KUBECONFIG", ":".join(files.values()))
    recording = run_config(
        {"istio-mesh:mesh": '{"id": "dev"}', "istio-mesh:clusters": '{"west": {"context": "west"}}'}
    )
    (provider,) = recording.of_type("pulumi:providers:kubernetes")
    assert provider.inputs["kubeconfig"] == files["west"], "another file than kubectl would use"
    assert "kubeconfig" not in provider.secret_inputs, "a path is no secret"


def test_remote_secret_is_what_istiod_reads() -> None:
    """Label, annotation, one key that is the target's name, and a kubeconfig with the target's token."""
    recording = _run(PROJECT / "examples/two-clusters.yaml")
    secret = recording.one("kubernetes:core/v1:Secret", "east-sees-west-remote-secret").inputs
    assert secret["metadata"]["name"] == "istio-remote-secret-west"
    assert secret["metadata"]["labels"] == {"istio/multiCluster": "true"}
    assert secret["metadata"]["annotations"]["networking.istio.io/cluster"] == "west"
    assert list(secret["stringData"]) == ["west"]
    kubeconfig = yaml.safe_load(secret["stringData"]["west"])
    assert kubeconfig["users"][0]["user"] == {"token": f"{TOKEN}west-reader-token-g1"}
    assert kubeconfig["clusters"][0]["cluster"]["server"] == "https://west.example.com:6443"


def test_a_link_comes_after_the_way_in_that_it_leads_to_and_goes_before_it() -> None:
    """Pulumi deletes in the opposite order: else calls would be sent to a gateway that is closed."""
    recording = _run(PROJECT / "examples/two-clusters.yaml")
    secret = recording.one("kubernetes:core/v1:Secret", "east-sees-west-remote-secret")
    waits_for = {urn.rpartition("::")[2] for urn in secret.dependencies}
    way_in = {"west-istio-eastwestgateway", "west-cross-network-gateway"}
    assert waits_for >= {"west-istiod", "west-reader-token-g1", *way_in}


def test_private_api_server_is_reached_by_peers_as_configured() -> None:
    """Server, TLS name, proxy and CA of the cluster's `apiServer`, not those of the kubeconfig."""
    recording = _run(PROJECT / "examples/private-api-server.yaml")
    secret = recording.one("kubernetes:core/v1:Secret", "cloud-sees-factory-remote-secret").inputs
    server = yaml.safe_load(secret["stringData"]["factory"])["clusters"][0]["cluster"]
    assert server["server"] == "https://factory.internal.example.com:6443"
    assert server["tls-server-name"] == "kubernetes.default.svc"
    assert server["proxy-url"] == "http://proxy.example.com:3128"
    assert server["certificate-authority-data"].startswith("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t")


def test_per_cluster_settings_override_those_of_all() -> None:
    """Values merge key by key; version, keys, hosts and tokens are the cluster's own."""
    recording = _run(PROJECT / "examples/three-clusters.yaml")
    release = "kubernetes:helm.sh/v3:Release"
    frankfurt = recording.one(release, "frankfurt-istiod").inputs
    virginia = recording.one(release, "virginia-istiod").inputs
    assert frankfurt["values"]["global"]["logAsJson"] is True
    assert virginia["values"]["global"]["logAsJson"] is False
    assert virginia["values"]["resources"] == frankfurt["values"]["resources"]
    assert recording.one(release, "tokyo-istiod").inputs["version"] == "1.30.5"
    assert virginia["version"] == "1.31.0"
    gateway = recording.one("kubernetes:networking.istio.io/v1:Gateway", "tokyo-cross-network-gateway").inputs
    assert gateway["spec"]["servers"][0]["hosts"] == ["*.shop.svc.cluster.local"]
    tokens = [r.name for r in recording.of_type("kubernetes:core/v1:Secret") if "token" in r.name]
    assert tokens == [
        "frankfurt-reader-token-g1",
        "tokyo-reader-token-g1",
        "tokyo-reader-token-g2",
        "virginia-reader-token-g1",
    ]
    assert [r.name for r in recording.of_type("mesh:index:HelloWorld")] == [
        "frankfurt-hello-world",
        "virginia-hello-world",
    ]


def test_outputs_tell_what_the_mesh_is() -> None:
    """Mesh, clusters with their gateways' addresses, the root's fingerprint, the first expiry, a diagram."""
    outputs = _run(PROJECT / "examples/two-clusters.yaml").outputs
    assert set(outputs) == {"meshId", "clusters", "rootFingerprint", "firstExpiry", "diagram"}
    assert outputs["clusters"]["east"] == {
        "network": "net-east",
        "apiServer": "https://east.example.com:6443",
        "istioVersion": "1.31.0",
        "gatewayAddresses": ["203.0.113.7", "gateway.example.com", "198.51.100.1"],
    }
    assert outputs["firstExpiry"] == "2028-11-20T10:00:00+00:00"
    assert outputs["diagram"].startswith("flowchart LR\n")


def test_given_addresses_are_told_to_the_others_and_shown() -> None:
    """Their Service is no gateway to istiod."""
    recording = _run(PROJECT / "examples/gateways-nat.yaml")
    factory = [{"address": a, "port": 443} for a in ("198.51.100.7", "198.51.100.8")]
    office = [{"address": "mesh.office.example.com", "port": 15443}]
    told = {
        name: recording.one(_RELEASE, f"{name}-istiod").inputs["values"]["global"].get("meshNetworks")
        for name in ("cloud", "factory", "office")
    }
    assert told == {
        "cloud": {"net-factory": {"gateways": factory}, "net-office": {"gateways": office}},
        "factory": {"net-office": {"gateways": office}},
        "office": {"net-factory": {"gateways": factory}},
    }
    released = {
        name: recording.one(_RELEASE, f"{name}-istio-eastwestgateway").inputs["values"] for name in told
    }
    assert {name: given["networkGateway"] for name, given in released.items()} == {
        "cloud": "net-cloud",
        "factory": "",
        "office": "",
    }
    shown = {name: cluster["gatewayAddresses"] for name, cluster in recording.outputs["clusters"].items()}
    assert shown["factory"] == ["198.51.100.7:443", "198.51.100.8:443"]
    assert shown["office"] == ["mesh.office.example.com"]


def _with_node_ports() -> Recording:
    """As often as it is asked for: what the nodes have differs."""
    stack_file = PROJECT / "examples/gateways-node-ports.yaml"
    write_kubeconfigs(_clusters(stack_file))
    return run(stack_file)


def test_node_ports_are_shown_with_the_addresses_of_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the nodes have when the update begins, and the port that the Service got."""
    node = Node(labels={"role": "edge"}, address="203.0.113.1")
    monkeypatch.setattr(gateways, "read_nodes_of", lambda _connection: (node, Node(address="203.0.113.2")))
    recording = _with_node_ports()
    values = recording.one(_RELEASE, "edge-istio-eastwestgateway").inputs["values"]
    assert values["service"]["annotations"] == {"traffic.istio.io/nodeSelector": '{"role": "edge"}'}
    shown = {name: cluster["gatewayAddresses"] for name, cluster in recording.outputs["clusters"].items()}
    assert shown == {"east": ["203.0.113.1:31443", "203.0.113.2:31443"], "edge": ["203.0.113.1:31443"]}


def test_node_ports_without_an_address_for_peers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is declared: istiod would send calls to addresses of pods."""
    monkeypatch.setattr(gateways, "read_nodes_of", lambda _connection: (Node(address="203.0.113.2"), Node()))
    with pytest.raises(pulumi.RunError) as refused:
        _with_node_ports()
    (line,) = [line for line in str(refused.value).splitlines() if "NodePort" in line]
    assert "gateway.service.type: is NodePort, and none of the 0 nodes with role=edge of edge has an" in line


def test_presets_and_two_ip_families_reach_the_chart() -> None:
    """As values; what the chart makes of them is for its own tests."""
    internal = _run(PROJECT / "examples/gateways-internal.yaml")
    azure = internal.one(_RELEASE, "azure-istio-eastwestgateway").inputs["values"]
    assert azure["service"]["annotations"] == {
        "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
        "service.beta.kubernetes.io/azure-load-balancer-internal-subnet": "mesh",
    }
    assert azure["autoscaling"] == {"minReplicas": 2}
    dual = _run(PROJECT / "examples/gateways-dual-stack.yaml")
    east = dual.one(_RELEASE, "east-istio-eastwestgateway").inputs["values"]
    assert (east["service"]["ipFamilies"], east["service"]["ipFamilyPolicy"]) == (
        ["IPv4", "IPv6"],
        "RequireDualStack",
    )
    assert dual.outputs["clusters"]["lab"]["gatewayAddresses"] == ["[2001:db8::7]:443"]
