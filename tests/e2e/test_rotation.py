"""Trust and tokens renewed and rotated in a running mesh, while calls go both ways.

The mesh is one that the program made before roots could be rotated: `states/before-rotation.json` is its
state then. Its clusters are lost, and taken over by two new ones; its keys and certificates stay.
"""

import base64
import copy
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from mesh.config.resolved import Connection
from mesh.live.kubernetes_api import ApiError, ExecError, KubernetesApi
from mesh.live.pods import injected
from mesh.live.proxies import WorkloadTrust, workload_trust
from sandbox import cluster
from tests.e2e.connections import Connections
from tests.e2e.kube import Kube, eventually
from tests.e2e.load import Load
from tests.e2e.stack import Stack

pytestmark = pytest.mark.trust

CONTEXTS = {"east": "trust-east", "west": "trust-west"}
_STATE = Path(__file__).parent / "states" / "before-rotation.json"
_STACK_FILE = _STATE.with_suffix(".yaml")
# The stack and the contexts have other names than those of the mesh that was left.
_RENAMED = {
    "urn:pulumi:mesh::": "urn:pulumi:rotation::",
    "istio-mesh-mesh": "istio-mesh-rotation",
    **{f'"context":"{name}"': f'"context":"{context}"' for name, context in CONTEXTS.items()},
}
_PASSPHRASE = "taken over\n"
# The kubelet brings a changed Secret into the pod within a minute or so.
_PROPAGATION_SECONDS = 240
_SYSTEM = "istio-system"


class Mesh:
    """The stack and its two clusters, as the tests look at them."""

    def __init__(self, stack: Stack, kubes: Mapping[str, Kube]) -> None:
        self.stack = stack
        self.kubes = kubes
        self.apis = {
            name: KubernetesApi.connect(Connection(context=context, path=str(cluster.merged_kubeconfig())))
            for name, context in CONTEXTS.items()
        }

    def configure(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the stack's configuration in place."""
        config = copy.deepcopy(self.stack.config())
        change(config)
        self.stack.configure(config)

    def set_trust(self, **settings: Any) -> None:
        """Replace settings of the section `trust`; None takes one away."""

        def change(config: dict[str, Any]) -> None:
            config["trust"] = {k: v for k, v in {**config["trust"], **settings}.items() if v is not None}

        self.configure(change)

    def load(self) -> Load:
        """Calls from both clusters, four a second each."""
        return Load(cluster.merged_kubeconfig(), CONTEXTS.values())

    def proxies(self, name: str) -> list[WorkloadTrust]:
        """What all proxies of a cluster show and trust."""
        api = self.apis[name]
        return [workload_trust(api, *pod) for pod in injected(api.list("/api/v1/pods"))]

    def wait_for_proxies(self, holds: Callable[[WorkloadTrust], bool]) -> None:
        """Wait until all proxies in both clusters are as expected."""
        seen: list[object] = []

        def all_hold(name: str) -> bool:
            seen.clear()
            try:
                found = self.proxies(name)
            except ExecError as error:
                seen.append(error)
                return False
            seen.extend((_names(proxy.path), _names(proxy.roots)) for proxy in found)
            return bool(found) and all(map(holds, found))

        for name in CONTEXTS:
            eventually(lambda name=name: all_hold(name), lambda: seen, seconds=_PROPAGATION_SECONDS)

    def restart_istiod(self) -> None:
        """Restart both control planes, one after the other."""
        for kube in self.kubes.values():
            kube.kubectl("-n", _SYSTEM, "rollout", "restart", "deployment/istiod")
            kube.kubectl("-n", _SYSTEM, "rollout", "status", "deployment/istiod", "--timeout=110s")

    def restart_servers(self) -> None:
        """Restart the workload that answers in both clusters."""
        for name, kube in self.kubes.items():
            deployment = f"deployment/helloworld-{name}"
            kube.kubectl("-n", "sample", "rollout", "restart", deployment)
            kube.kubectl("-n", "sample", "rollout", "status", deployment, "--timeout=110s")

    def assert_answered(self) -> None:
        """Both clusters are answered by both, and no call fails."""
        for kube in self.kubes.values():
            eventually(lambda kube=kube: set(kube.answers()) == set(CONTEXTS), kube.answers)
            assert set(kube.answers(20)) <= set(CONTEXTS), f"a call from {kube.context} failed"

    def cacerts(self, name: str) -> dict[str, str]:
        """The Secret `cacerts` of a cluster in plain."""
        return _plain(self.kubes[name].get("-n", _SYSTEM, "secret/cacerts"))

    def token(self, name: str, generation: int) -> str:
        """The reader's token of that generation."""
        return _plain(self.kubes[name].get("-n", _SYSTEM, f"secret/istio-reader-token-g{generation}"))[
            "token"
        ]

    def names(self) -> set[str]:
        """The logical names of all resources in the state."""
        return {urn.rpartition("::")[2] for urn in self.stack.resources()}


def _plain(secret: Mapping[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def _names(certificates: tuple[x509.Certificate, ...]) -> list[str]:
    return [c.subject.rfc4514_string() for c in certificates]


def _chains_to(generation: int) -> Callable[[WorkloadTrust], bool]:
    """Whether a proxy's certificate leads to the root of that generation."""
    return lambda proxy: _common_name(proxy.path[-1].subject) == f"dev root CA {generation}"


def _common_name(name: x509.Name) -> str:
    return str(name.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def _trusts(*generations: int) -> Callable[[WorkloadTrust], bool]:
    """Whether a proxy trusts the roots of exactly these generations."""

    def holds(proxy: WorkloadTrust) -> bool:
        names = {_common_name(root.subject) for root in proxy.roots}
        return names == {f"dev root CA {generation}" for generation in generations}

    return holds


@pytest.fixture(scope="module")
def connections(mesh_of_before: Mesh) -> Iterator[Connections]:
    """Long connections between the two clusters, whose mesh is there by then."""
    with Connections(mesh_of_before.kubes).deployed() as found:
        yield found


@pytest.fixture(scope="module")
def mesh_of_before(
    fresh_clusters: Callable[..., Mapping[str, cluster.Cluster]],
    new_stack: Callable[[str], Stack],
    sandbox_environment: Mapping[str, str],
    kube: Callable[[str], Kube],
) -> Iterator[Mesh]:
    """The state of a mesh of before, imported into a stack for two clusters with nothing in them."""
    fresh_clusters(*CONTEXTS.values())
    stack = new_stack("rotation")
    passphrase = stack.folder / "passphrase"
    passphrase.write_text(_PASSPHRASE)
    stack.environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(passphrase)
    filled = {"@kubeconfig@": str(cluster.merged_kubeconfig()), "@charts@": cluster.chart_repository()}
    document = yaml.safe_load(_fill(_STACK_FILE.read_text(), filled))
    for name, context in CONTEXTS.items():
        document["config"]["istio-mesh:clusters"][name]["context"] = context
    stack.config_file.write_text(yaml.safe_dump(document))
    stack.init(stack.config())
    state = stack.folder / "state.json"
    state.write_text(_fill(_STATE.read_text(), {**filled, **_RENAMED}))
    stack.pulumi("stack", "import", "--file", str(state))
    yield Mesh(stack, {name: kube(context) for name, context in CONTEXTS.items()})
    cluster.stop(list(CONTEXTS.values()))


def _fill(text: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text


def test_a_mesh_of_before_is_taken_over_with_its_root_and_intermediates(mesh_of_before: Mesh) -> None:
    """Nothing of its trust changes, neither in the preview nor when new clusters get it."""
    mesh, kept = mesh_of_before, {}
    before = {r["urn"]: r for r in json.loads(_STATE.read_text())["deployment"]["resources"]}
    fingerprint = next(r["outputs"]["rootFingerprint"] for u, r in before.items() if "pulumi:Stack" in u)
    refused = mesh.stack.up(check=False)
    assert refused.returncode != 0, "two empty clusters were taken for those of the state"
    for name, context in CONTEXTS.items():
        assert f"clusters.{name}: its context '{context}' leads to a cluster with no istio-system" in (
            refused.stdout
        )
    assert "run `pulumi refresh`, then `pulumi up`" in refused.stdout
    mesh.stack.pulumi("refresh", "--yes", "--skip-preview")  # what was in the clusters is gone
    changes = mesh.stack.preview()
    assert not [c for c in changes if c.type.startswith(("tls:", "random:"))], changes
    assert not [c for c in changes if c.op in ("replace", "create-replacement", "delete")], changes
    mesh.stack.up()
    for urn, resource in before.items():
        if resource["type"].startswith("tls:"):
            kept[urn.rpartition("::")[2]] = resource["outputs"].get("certPem") or resource["id"]
    now = {
        u.rpartition("::")[2]: r for u, r in mesh.stack.resources().items() if r["type"].startswith("tls:")
    }
    now = {n: r["outputs"].get("certPem") or r["id"] for n, r in now.items()}
    assert now == kept, "a key or a certificate was made again"
    assert mesh.stack.outputs()["rootFingerprint"] == fingerprint
    mesh.assert_answered()


def test_a_mesh_gets_crls_without_a_failed_call(mesh_of_before: Mesh) -> None:
    """Nothing is revoked and nothing is restarted; all that follows goes on with them."""
    mesh = mesh_of_before
    mesh.set_trust(revoked=[])
    assert {(c.op, c.name) for c in mesh.stack.preview()} == {("update", f"{n}-cacerts") for n in CONTEXTS}
    with mesh.load() as load:
        mesh.stack.up()
        for kube in mesh.kubes.values():
            eventually(
                lambda kube=kube: "BEGIN X509 CRL" in _published_lists(kube),
                lambda kube=kube: _published_lists(kube),
                seconds=_PROPAGATION_SECONDS,
            )
    assert not load.report.failed, load.report


def _published_lists(kube: Kube) -> str:
    """The CRLs that istiod gives the workloads of the sample's namespace."""
    return kube.get("-n", "sample", "configmap/istio-ca-crl")["data"]["ca-crl.pem"]


def test_an_intermediate_is_rotated_without_a_failed_call_or_broken_connection(
    mesh_of_before: Mesh, connections: Connections
) -> None:
    """Key and certificate are new, in place, and nothing else is touched."""
    mesh = mesh_of_before

    def raise_generation(config: dict[str, Any]) -> None:
        config["clusters"]["east"]["trust"] = {"intermediate": {"generation": 2}}

    mesh.configure(raise_generation)
    before = mesh.cacerts("east")
    changes = {(c.op, c.name) for c in mesh.stack.preview()}
    parts = ("key", "request", "certificate")
    assert changes == {
        *(("create", f"east-intermediate-g2-{part}") for part in parts),
        *(("update", f"{name}-cacerts") for name in CONTEXTS),  # the CRL is for both
        *(("delete", f"east-intermediate-g1-{part}") for part in parts),
    }
    with connections.watched() as watch, mesh.load() as load:
        mesh.stack.up()
        after = mesh.cacerts("east")
        eventually(
            lambda: _signs_with(mesh, after["ca-cert.pem"]),
            lambda: "istiod in east still signs with the intermediate of before",
            seconds=_PROPAGATION_SECONDS,
        )
    assert not load.report.failed, load.report
    assert not watch.broken, watch
    assert after["ca-key.pem"] != before["ca-key.pem"], "the intermediate has its old key"
    assert after["root-cert.pem"] == before["root-cert.pem"], "the root has changed, too"


def _signs_with(mesh: Mesh, certificate: str) -> bool:
    """Whether istiod in east gives a new pod a certificate of that intermediate."""
    kube = mesh.kubes["east"]
    image = mesh.stack.config()["helloWorld"]["clientImage"]
    pod = ["-n", "sample", "run", "newcomer", f"--image={image}", "--image-pull-policy=Never"]
    kube.kubectl(*pod, "--command", "--", "sleep", "infinity")
    try:
        kube.kubectl("-n", "sample", "wait", "pod/newcomer", "--for=condition=Ready", "--timeout=60s")
        shown = workload_trust(mesh.apis["east"], "sample", "newcomer").chain
    finally:
        kube.kubectl("-n", "sample", "delete", "pod/newcomer", "--now")
    return x509.load_pem_x509_certificate(certificate.encode()) in shown


def test_an_intermediate_of_an_earlier_program_keeps_its_name(mesh_of_before: Mesh) -> None:
    """All generations had the name of the first."""
    stack = mesh_of_before.stack
    now = json.dumps(stack.state())
    earlier = now.replace(' intermediate CA east 2"', ' intermediate CA east"')
    assert earlier != now
    with stack.having(json.loads(earlier)):
        assert stack.preview() == []


def test_a_revoked_intermediate_is_refused_until_it_is_revoked_no_more(mesh_of_before: Mesh) -> None:
    """Workloads in east still have certificates of the one before."""
    mesh = mesh_of_before
    state = json.loads(_STATE.read_text())["deployment"]["resources"]
    (old,) = (r for r in state if r["urn"].endswith("::east-intermediate-g1-certificate"))
    serial = f"{x509.load_pem_x509_certificate(old['outputs']['certPem'].encode()).serial_number:x}"
    now = x509.load_pem_x509_certificate(mesh.cacerts("east")["ca-cert.pem"].encode()).serial_number
    mesh.set_trust(revoked=[f"{now:x}"])
    refused = mesh.stack.up(check=False)
    assert refused.returncode != 0, "an intermediate was revoked with which a cluster signs"
    assert f"{now:x} is the intermediate with which east signs" in refused.stdout
    mesh.set_trust(revoked=[serial])
    mesh.stack.up()
    eventually(
        lambda: _refuse_each_other(mesh),
        lambda: {name: kube.answers() for name, kube in mesh.kubes.items()},
        seconds=_PROPAGATION_SECONDS,
    )
    assert mesh.stack.preview() == [], "the CRLs come out otherwise"
    mesh.set_trust(revoked=[])
    mesh.stack.up()
    eventually(
        lambda: set(mesh.kubes["east"].answers()) == set(CONTEXTS),
        lambda: mesh.kubes["east"].answers(),
        seconds=_PROPAGATION_SECONDS,
    )
    mesh.assert_answered()


def _refuse_each_other(mesh: Mesh) -> bool:
    """Whether west takes no certificate of east, as server and as client; what is open there stays open."""
    west = mesh.kubes["west"]
    for deployment in ("deployment/helloworld-west", "deployment/client"):
        west.kubectl("-n", "sample", "rollout", "restart", deployment)
        west.kubectl("-n", "sample", "rollout", "status", deployment, "--timeout=110s")
    return "west" not in mesh.kubes["east"].answers() and set(west.answers()) == {"west"}


def test_reader_tokens_are_rotated_without_a_failed_call_or_broken_connection(
    mesh_of_before: Mesh, connections: Connections
) -> None:
    """Both live at once, every remote secret moves, and only then the old ones go and are refused."""
    mesh = mesh_of_before
    old = {name: mesh.token(name, 1) for name in CONTEXTS}

    def generations(*numbers: int) -> None:
        mesh.configure(lambda config: config.update({"reader": {"tokenGenerations": list(numbers)}}))

    generations(2)
    refused = mesh.stack.pulumi("preview", check=False)
    assert refused.returncode != 0, "a token that peers use was dropped"
    assert "still uses it; expected [1, 2] first" in refused.stdout
    with connections.watched() as watch, mesh.load() as load:
        generations(1, 2)
        mesh.stack.up()
        assert all(_status(mesh, name, token) == 200 for name, token in old.items())
        for reader, target in (("east", "west"), ("west", "east")):
            secret = _plain(mesh.kubes[reader].get("-n", _SYSTEM, f"secret/istio-remote-secret-{target}"))
            assert mesh.token(target, 2) in secret[target]
        generations(2)
        mesh.stack.up()
        for name, token in old.items():
            eventually(lambda n=name, t=token: _status(mesh, n, t) == 401, lambda: "the old token is taken")
    assert not load.report.failed, load.report
    assert not watch.broken, watch
    mesh.restart_servers()  # whose new addresses only the new tokens can tell
    mesh.assert_answered()


def _status(mesh: Mesh, name: str, token: str) -> int:
    """What the API server of a cluster says to a token."""
    kubeconfig = yaml.safe_load(cluster.merged_kubeconfig().read_text())
    for entry in kubeconfig["users"]:
        entry["user"] = {"token": token}
    contents = yaml.safe_dump(kubeconfig)
    try:
        connection = Connection(context=CONTEXTS[name], path="", contents=contents)
        KubernetesApi.connect(connection).get("/api/v1/namespaces")
    except ApiError as error:
        return error.status
    return 200


PHASES = ("trust-both", "sign-with-new", "drop-old")


@pytest.mark.parametrize("phase", PHASES[1:])
def test_a_phase_before_its_turn_is_refused_before_anything_changes(mesh_of_before: Mesh, phase: str) -> None:
    """The message says which phase comes next, and the clusters are as they were."""
    mesh = mesh_of_before
    before = {name: mesh.cacerts(name) for name in CONTEXTS}
    mesh.set_trust(nextRoot={"generation": 2, "key": "ecdsa-p256"}, phase=phase)
    refused = mesh.stack.up(check=False)
    assert refused.returncode != 0, f"{phase} was accepted before its turn"
    assert f"{phase} is not the next phase" in refused.stdout
    assert "Run trust-both next" in refused.stdout
    mesh.set_trust(root={"generation": 2, "key": "ecdsa-p256"}, nextRoot=None, phase=None)
    jumped = mesh.stack.up(check=False)
    assert jumped.returncode != 0, "another root was accepted without a rotation"
    assert "which is not the root of generation 2" in jumped.stdout
    mesh.set_trust(root={"key": "ecdsa-p256"})
    assert {name: mesh.cacerts(name) for name in CONTEXTS} == before, "cacerts was changed all the same"
    assert not [name for name in mesh.names() if "root-g2" in name], "the next root was made all the same"


def test_the_root_is_rotated_without_a_failed_call_or_broken_connection(
    mesh_of_before: Mesh, connections: Connections
) -> None:
    """Every phase holds under load and through restarts; at its end nobody knows the old root."""
    mesh = mesh_of_before
    in_phase = {
        "trust-both": (_trusts(1, 2), _chains_to(1)),
        "sign-with-new": (_trusts(1, 2), _chains_to(2)),
        "drop-old": (_trusts(2), _chains_to(2)),
    }
    for phase, (trusts, chains) in in_phase.items():
        mesh.set_trust(nextRoot={"generation": 2, "key": "ecdsa-p256"}, phase=phase)
        with connections.watched() as watch, mesh.load() as load:
            mesh.stack.up()
            mesh.wait_for_proxies(lambda proxy, trusts=trusts, chains=chains: trusts(proxy) and chains(proxy))
            mesh.restart_istiod()
        assert not load.report.failed, f"{phase}: {load.report}"
        assert not watch.broken, f"{phase}: {watch}"
        _wait_for_report(mesh)
        mesh.restart_servers()
        mesh.assert_answered()
    mesh.set_trust(root={"generation": 2, "key": "ecdsa-p256"}, nextRoot=None, phase=None)
    gone = {(c.op, c.name) for c in mesh.stack.preview()}
    assert gone == {("delete", f"mesh-root-g1-{part}") for part in ("key", "serial", "certificate")}
    mesh.stack.up()
    assert mesh.stack.preview() == []
    mesh.wait_for_proxies(lambda proxy: _trusts(2)(proxy) and _chains_to(2)(proxy))


def _report(mesh: Mesh, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `python -m mesh trust` says of the stack."""
    return mesh.stack.command("trust", *arguments)


def _wait_for_report(mesh: Mesh) -> None:
    """Wait, as the runbook says, until every istiod works with what the stack says."""
    said: list[str] = []

    def in_place() -> bool:
        done = _report(mesh)
        said[:] = [done.stdout, done.stderr]
        return done.returncode == 0

    eventually(in_place, lambda: "\n".join(said), seconds=_PROPAGATION_SECONDS)


def test_the_report_says_what_is_in_place_after_all_this(mesh_of_before: Mesh) -> None:
    """One root, which signs everything that any proxy shows; second generations of everything rotated."""
    done = _report(mesh_of_before, "--output=json", "--workloads")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["findings"] == []
    assert [row["what"] for row in report["certificates"]] == [
        "root 2",
        "intermediate of east",
        "intermediate of west",
    ]
    assert {row["root"] for row in report["workloads"]} == {"dev root CA 2"}
    assert {(t["cluster"], t["generation"], *t["usedBy"]) for t in report["tokens"]} == {
        ("east", 2, "west"),
        ("west", 2, "east"),
    }
    assert _report(mesh_of_before, "--fail-within=1").returncode == 0
    soon = _report(mesh_of_before, "--fail-within=100000")
    assert soon.returncode == 1
    assert "intermediate of east" in soon.stderr


def test_a_difference_between_stack_and_cluster_is_reported(mesh_of_before: Mesh) -> None:
    """A token is deleted by hand: the report says which, and the exit code says that something is wrong."""
    mesh = mesh_of_before
    mesh.kubes["west"].kubectl("-n", _SYSTEM, "delete", "secret/istio-reader-token-g2")
    done = _report(mesh)
    assert done.returncode == 1
    assert "east reads west with the token of generation 2, which was deleted" in done.stdout
    mesh.stack.up("--refresh")
    assert _report(mesh).returncode == 0
    mesh.assert_answered()


def test_no_key_and_no_token_stands_anywhere_in_plain(mesh_of_before: Mesh) -> None:
    """Neither in state, outputs, preview, report, the stack's files, nor in any process's arguments."""
    mesh = mesh_of_before
    secrets = _secrets(mesh)
    assert len(secrets) >= 5, "three keys and two tokens"
    texts = {
        "state": json.dumps(mesh.stack.state()),
        "outputs": json.dumps(mesh.stack.outputs()),
        "preview": mesh.stack.pulumi("preview", "--diff", "--refresh").stdout,
        "report": _report(mesh, "--workloads").stdout + _report(mesh, "--output=json").stdout,
        **{str(f): f.read_text(errors="replace") for f in mesh.stack.folder.rglob("*") if f.is_file()},
        **{str(p): _arguments(p) for p in Path("/proc").glob("[0-9]*")},
    }
    found = [name for name, text in texts.items() for secret in secrets if secret in text]
    assert not found


def _secrets(mesh: Mesh) -> set[str]:
    """A telling part of every private key and token that is in use: a line of its PEM, or the signature."""
    keys = [
        resource["outputs"]["privateKeyPem"]["plaintext"]
        for resource in mesh.stack.state(show_secrets=True)["deployment"]["resources"]
        if resource["type"] == "tls:index/privateKey:PrivateKey"
    ]
    lines = {json.loads(key).splitlines()[1] for key in keys}
    return lines | {mesh.token(name, 2).rpartition(".")[2] for name in CONTEXTS}


def _arguments(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""  # it has ended
