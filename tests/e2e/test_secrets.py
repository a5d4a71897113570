"""No private key, token or admin's credential is in plain text anywhere but in kubeconfigs.

The mesh is given new intermediates and new values, some of them marked as secret, and all that this leaves
behind is searched for the old secrets and the new ones. Not searched is what Pulumi shows on request:
`--show-secrets`, and its debug log, `--logtostderr`, which has everything in plain.
"""

import base64
import copy
import json
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox import cluster
from sandbox.paths import state_dir
from tests.e2e.kube import Kube
from tests.e2e.leaks import Haystack, Needle, Watch
from tests.e2e.stack import Stack

pytestmark = pytest.mark.mesh

CLUSTERS = ("east", "west")
MARKED = {
    path: secrets.token_hex(20)
    for path in (
        "istio.values.istiod.env.MARKED",
        "istio.values.istiod.podAnnotations.marked",
        'istio.values.gateway.service.annotations["example.com/marked"]',
        "clusters.west.istio.values.istiod.env.MARKED_IN_WEST",
        "exposure.hosts[1]",
    )
}
"""What a user has marked as secret, by its path; other sections are in `tests/program`."""
COMMANDS = (
    "preview --diff --show-sames",
    "preview --json",
    "up --yes --skip-preview --diff",
    "stack output --json",
    "stack --show-ids --show-urns",
    "stack export",
    "stack history --json",
    "destroy --preview-only --diff --exclude-protected",
)
DIGESTS = ("table", "markdown", "json")
"""Forms of `python -m mesh preview`."""


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """Everything that was said, and seen, while the mesh was given new secrets."""

    begun: float
    texts: Mapping[str, str] = field(repr=False)
    watch: Watch = field(repr=False)
    needles: frozenset[Needle] = field(repr=False)
    marked: frozenset[Needle] = field(repr=False)
    """What the user has marked as secret: in the clusters, it is where Istio's charts have it."""

    @property
    def all_needles(self) -> frozenset[Needle]:
        """What Pulumi must keep."""
        return self.needles | self.marked


@pytest.fixture(scope="module")
def clusters(mesh: Stack, kube: Callable[[str], Kube]) -> Mapping[str, Kube]:
    """Return the mesh's clusters by name."""
    return {name: kube(name) for name in CLUSTERS}


@pytest.fixture(scope="module")
def rotation(
    mesh: Stack, clusters: Mapping[str, Kube], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rotation]:
    """Give each cluster a new intermediate, under watch; after the tests the mesh has its first settings."""
    config, environment = mesh.config(), mesh.environment
    temporary = tmp_path_factory.mktemp("tmp")
    before = _needles(mesh, clusters)
    mesh.environment = {**environment, "TMPDIR": str(temporary)}
    mesh.configure(_with_new_secrets(config))
    texts, begun = {}, time.time()
    try:
        for path, value in MARKED.items():
            mesh.set_secret(path, f"{value}.example.com" if path.startswith("exposure") else value)
        with Watch(temporary) as watch:
            for form in DIGESTS:
                done = mesh.command("preview", f"--output={form}")
                assert done.returncode == 0, done.stderr
                texts |= {f"digest as {form}": done.stdout, f"messages of digest as {form}": done.stderr}
            for command in COMMANDS:
                done = mesh.pulumi(*command.split())
                texts |= {f"output of {command}": done.stdout, f"messages of {command}": done.stderr}
        needles = before | _needles(mesh, clusters)
        marked = frozenset(Needle(name=path, secret=value) for path, value in MARKED.items())
        yield Rotation(begun=begun, texts=texts, watch=watch, needles=needles, marked=marked)
    finally:
        mesh.environment = environment
        mesh.configure(config)
        mesh.up()


def _with_new_secrets(config: dict[str, Any]) -> dict[str, Any]:
    """Return the configuration with the next intermediates, and a value that makes Helm upgrade istiod."""
    changed = copy.deepcopy(config)
    changed["trust"]["intermediate"]["generation"] = 2
    changed["istio"]["values"]["istiod"]["env"]["PILOT_DEBOUNCE_AFTER"] = "50ms"
    changed["exposure"] = {"hosts": ["*.local"]}
    return changed


def _needles(mesh: Stack, clusters: Mapping[str, Kube]) -> frozenset[Needle]:
    """Return the secrets in use: CA keys, readers' tokens, the admins' credentials, the passphrase."""
    found = {Needle(name="the passphrase", secret=(state_dir() / "passphrase").read_text())}
    for resource in mesh.state(show_secrets=True)["deployment"]["resources"]:
        if resource["type"] == "tls:index/privateKey:PrivateKey":
            name = resource["urn"].rpartition("::")[2]
            found.add(Needle(name=f"the key {name}", secret=_plain(resource["outputs"]["privateKeyPem"])))
    for name, kube in clusters.items():
        for secret in kube.get("secrets", "--namespace=istio-system")["items"]:
            if secret["type"] == "kubernetes.io/service-account-token":
                token = base64.b64decode(secret["data"]["token"]).decode().rpartition(".")[2]
                found.add(Needle(name=f"{name}'s {secret['metadata']['name']}", secret=token))
    for user in yaml.safe_load(cluster.merged_kubeconfig().read_text())["users"]:
        for key in ("token", "client-key-data", "password"):
            if secret := user["user"].get(key):
                found.add(Needle(name=f"the {key} of {user['name']}'s admin", secret=secret))
    return frozenset(found)


def _plain(value: object) -> str:
    """Return a text of the state, which with `--show-secrets` stands in an envelope, as JSON."""
    return json.loads(value["plaintext"]) if isinstance(value, dict) else str(value)


def test_everything_that_matters_is_looked_for(rotation: Rotation):
    """The root's key, two intermediates and a token for each cluster, and the admin of each."""
    names = sorted(needle.name for needle in rotation.needles)
    assert len([name for name in names if name.startswith("the key ")]) == 1 + 2 * len(CLUSTERS), names
    assert len([name for name in names if "token-g" in name]) == len(CLUSTERS), names
    assert len([name for name in names if "admin" in name]) >= len(CLUSTERS), names


def test_the_search_finds_what_is_there(mesh: Stack, clusters: Mapping[str, Kube], rotation: Rotation):
    """Where secrets belong, they are found: a search that finds nothing elsewhere is sharp."""
    haystack = Haystack(rotation.all_needles)
    in_state = haystack.in_bytes(mesh.pulumi("stack", "export", "--show-secrets").stdout.encode(), "x")
    assert {f"the key {name} in x" for name in ("mesh-root-g1-key", "east-intermediate-g2-key")} <= in_state
    assert {f"{path} in x" for path in MARKED} <= in_state
    in_cluster = {
        found
        for kube in clusters.values()
        for found in haystack.in_bytes(kube.kubectl("get", "secrets", "-A", "-o=json").encode(), "x")
    }
    assert {"the key west-intermediate-g2-key in x", "west's istio-reader-token-g1 in x"} <= in_cluster
    in_kubeconfig = haystack.in_bytes(cluster.merged_kubeconfig().read_bytes(), "x")
    assert len(in_kubeconfig) >= len(CLUSTERS)


def test_nothing_that_pulumi_says_has_a_secret(rotation: Rotation):
    """Previews and their digests, differences, updates, outputs, exported state, history."""
    assert Haystack(rotation.all_needles).in_texts(rotation.texts) == set()


def test_pulumis_own_logs_have_secrets_in_cipher_only(rotation: Rotation):
    """It keeps one of each command in its home, with all that the plugins were told."""
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    logs = [file for file in (home / "logs").glob("*") if file.stat().st_mtime >= rotation.begun]
    haystack = Haystack(rotation.all_needles)
    assert {found for log in logs for found in haystack.in_bytes(log.read_bytes(), log.name)} == set()


def test_no_process_had_a_secret_among_its_arguments(rotation: Rotation):
    """The plugins included; Helm runs inside one of them."""
    watch = rotation.watch
    assert watch.looks > 20, "the processes were listed too rarely to find a short one"
    assert any(b"pulumi" in arguments and b"up" in arguments for arguments in watch.arguments)
    assert any(b"pulumi-resource-kubernetes" in arguments for arguments in watch.arguments)
    haystack = Haystack(rotation.all_needles)
    found = {f for line in watch.arguments for f in haystack.in_bytes(line, repr(line[:60]))}
    assert found == set()


def test_no_temporary_file_had_a_secret(rotation: Rotation):
    """Neither while it was in use, nor left behind, but for what the README warns of.

    The kubernetes provider copies the kubeconfig that it is given (`writeKubeconfigToFile` in its
    `pkg/provider/util.go`): only what the user already has in a file is in the copy.
    """
    haystack = Haystack(rotation.all_needles)
    own = _users(cluster.merged_kubeconfig().read_bytes())
    for name, contents in rotation.watch.files.items():
        for content in contents:
            if name.startswith("kubeconfig"):
                assert _users(content) in ([], own), f"{name} has more than the user's own kubeconfig"
            else:
                assert haystack.in_bytes(content, name) == set()


def _users(kubeconfig: bytes) -> list[Any]:
    """The users of a kubeconfig by name; none of one that is just being written."""
    try:
        return sorted((yaml.safe_load(kubeconfig) or {}).get("users") or [], key=lambda user: user["name"])
    except yaml.YAMLError:
        return []


def test_the_state_has_secrets_in_cipher_only(mesh: Stack, rotation: Rotation):
    """The files in which Pulumi keeps it, with all backups, and the stack file beside them."""
    assert Haystack(rotation.all_needles).in_folder(mesh.folder) == set()


def test_what_is_not_marked_stays_readable(mesh: Stack, rotation: Rotation):
    """A reviewer sees what a release changes, but for the marked values."""
    shown = rotation.texts["output of preview --diff --show-sames"]
    assert "PILOT_DEBOUNCE_AFTER" in shown
    assert "50ms" in shown
    for form in DIGESTS:
        assert "PILOT_DEBOUNCE_AFTER" in rotation.texts[f"digest as {form}"]
        assert "[secret]" in rotation.texts[f"digest as {form}"]
    state = mesh.resources()
    (istiod,) = (r for urn, r in state.items() if urn.endswith("::west-istiod"))
    values = istiod["outputs"]["values"]
    assert values["global"]["multiCluster"] == {"clusterName": "west"}
    assert values["env"]["PILOT_DEBOUNCE_AFTER"] == "50ms"
    assert "ciphertext" in values["env"]["MARKED_IN_WEST"]


def test_the_sandbox_has_secrets_in_kubeconfigs_only(rotation: Rotation):
    """Logs, settings, and the clusters' databases, which are encrypted; images are what they were before."""
    without = ("kubeconfig", "passphrase", "containerd", "bin")
    assert Haystack(rotation.needles).in_folder(state_dir(), without=without) == set()


def test_helms_records_have_no_secret(clusters: Mapping[str, Kube], rotation: Rotation):
    """Whoever may read a release's values learns nothing by it."""
    haystack = Haystack(rotation.needles)
    found = set()
    for name, kube in clusters.items():
        records = kube.get("secrets", "-A", "--field-selector=type=helm.sh/release.v1")["items"]
        assert len(records) >= 3, f"{name} lacks records of base, istiod and gateway"
        for record in records:
            found |= haystack.in_bytes(base64.b64decode(record["data"]["release"]), f"{name}'s Helm record")
    assert found == set()


def test_private_files_are_private(mesh: Stack):
    """What may hold secrets is for its owner alone."""
    private = [cluster.merged_kubeconfig(), state_dir() / "passphrase"]
    private += [c.layout.kubeconfig for c in cluster.find().values()]
    private += [file for c in cluster.find().values() for file in c.layout.pki.glob("*.key")]
    assert [str(path) for path in private if path.stat().st_mode & 0o077] == []
