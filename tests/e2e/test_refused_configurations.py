"""The configuration through the real CLI: what is refused leaves nothing behind; all can be set by path.

The mistakes themselves, each with its message, are in tests/unit/test_refused_configurations.py.
"""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin

import pytest
import yaml
from jsonschema import Draft7Validator
from pydantic import BaseModel, SecretStr

from docs.stack_file_schema import schema
from mesh.config.schema import StackSections
from mesh.config.sections.cluster import ClusterSection, PeerSection
from sandbox import cluster, versions
from tests.builders.kubeconfigs import kubeconfig
from tests.e2e.stack import PROJECT, Stack

pytestmark = pytest.mark.mesh

SETTINGS = {
    "mesh.id": "shop",
    "mesh.trustDomain": "shop.example.com",
    "istio.version": "1.30.3",
    "istio.revision": "1-30-3",
    "istio.next.version": "1.31.0",
    "istio.next.revision": "canary",
    "istio.next.phase": "moved",
    "istio.chartRepository": "https://charts.example.com/istio",
    "istio.values.base.global.resourceScope": "cluster",
    "istio.values.istiod.pilot.replicaCount": "2",
    "istio.values.gateway.service.loadBalancerIP": "203.0.113.7",
    "istio.values.cni.cniBinDir": "/var/lib/cni/bin",
    "istio.values.ztunnel.terminationGracePeriodSeconds": "60",
    "trust.root.generation": "2",
    "trust.root.key": "ecdsa-p384",
    "trust.root.validityHours": "90000",
    "trust.root.certificate": "-----BEGIN CERTIFICATE-----",
    "trust.root.privateKey": "a private key",
    "trust.nextRoot.generation": "3",
    "trust.nextRoot.key": "rsa-2048",
    "trust.nextRoot.validityHours": "90001",
    "trust.nextRoot.certificate": "-----BEGIN CERTIFICATE-----",
    "trust.nextRoot.privateKey": "a private key",
    "trust.phase": "trust-both",
    "trust.shared": "true",
    "trust.stack": "organization/istio-mesh/trust",
    "trust.revoked[0]": "5f0c2a9be1d47703",
    "trust.revocationLists": "-----BEGIN X509 CRL-----",
    "dataPlane": "ambient",
    "gatewayApi.manifest": "gateway-api.yaml",
    "waypoints[0]": "shop",
    "failover[0].hosts[0]": "checkout.shop.svc.cluster.local",
    "failover[0].withinSeconds": "10",
    "failover[0].prefer": "region",
    "failover[0].idempotent": "true",
    "sees[0]": "region=eu",
    "exposure.hosts[0]": "*.shop.example.com",
    "exposure.namespaces[0]": "shop",
    "exposure.labels.exposed": "yes",
    "exposure.clusterLocal[0]": "*.payments.svc.cluster.local",
    "gateway.enabled": "true",
    "gateway.service.type": "NodePort",
    "gateway.service.preset": "aws-internal",
    "gateway.service.annotations.pool": "mesh",
    "gateway.service.sourceRanges[0]": "198.51.100.0/24",
    "gateway.service.ipFamilies[0]": "IPv6",
    "gateway.service.ipFamilyPolicy": "PreferDualStack",
    "gateway.service.nodePort": "31443",
    "gateway.service.nodeSelector.role": "edge",
    "gateway.port": "443",
    "gateway.addresses[0].address": "198.51.100.7",
    "gateway.addresses[0].port": "31443",
    "gateway.replicas": "2",
    "gateway.networkPolicy": "true",
    "reader.tokenGenerations[0]": "7",
    "reader.role": "minimal",
    "helloWorld.enabled": "true",
    "helloWorld.image": "registry.example.com/hello:1",
    "helloWorld.clientImage": "registry.example.com/client:1",
    "observability.enabled": "true",
    "observability.labels.release": "prometheus",
    "kiali.cluster": "north",
    "kiali.namespace": "monitoring",
    "rollout.waves[0][0]": "north",
    "peers.south.stack": "organization/istio-mesh/south",
    "clusters.north.context": "arctic",
    "clusters.north.kubeconfig": "~/.kube/north",
    "clusters.north.kubeconfigContents": "a kubeconfig",
    "clusters.north.network": "net-1",
    "clusters.north.labels.region": "eu",
    "clusters.north.stubs[0].namespace": "shop",
    "clusters.north.stubs[0].name": "cart",
    "clusters.north.stubs[0].ports.http": "80",
    "clusters.north.controlPlane": "east",
    "clusters.north.controlPlaneAddress": "198.51.100.8",
    "clusters.north.skipUnreachable": "true",
    "clusters.north.offline": "true",
    "clusters.north.apiServer.server": "https://203.0.113.10:6443",
    "clusters.north.apiServer.certificateAuthority": "-----BEGIN CERTIFICATE-----",
    "clusters.north.apiServer.tlsServerName": "kubernetes.default.svc",
    "clusters.north.apiServer.proxyUrl": "http://proxy.example.com:3128",
    "clusters.north.apiServer.clientCertificate": "-----BEGIN CERTIFICATE-----",
    "clusters.north.apiServer.clientKey": "a private key",
    "clusters.north.apiServer.from.east.server": "https://10.0.0.10:6443",
}
PLACES = [
    {"contents": "a kubeconfig"},
    {"file": "~/.kube/relay", "context": "north"},
    {"environment": "RELAY"},
    {"stack": "organization/relay/prod", "output": "kubeconfig"},
    {"secret": "tbot", "key": "config"},
]
INTERMEDIATE = {
    "key": "rsa-3072",
    "validityHours": "9000",
    "renewBeforeHours": "900",
    "generation": "4",
    "existing": "true",
    "certificate": "-----BEGIN CERTIFICATE-----",
    "privateKey": "a private key",
    "chain": "-----BEGIN CERTIFICATE-----",
}
SECRETS = ("privateKey", "clientKey", "kubeconfigContents", "reader.kubeconfig.contents")
OF_ONE_CLUSTER = (
    "istio.",
    "gateway.",
    "dataPlane",
    "sees",
    "exposure.",
    "reader.",
    "helloWorld.",
    "observability.",
    "trust.intermediate.",
)


def _settings(place: dict[str, str]) -> dict[str, str]:
    """Every setting's path with a text for it, those that one cluster may override included.

    Of the places of a kubeconfig for peers there can be one.
    """
    for_all = {
        **SETTINGS,
        **{f"trust.intermediate.{key}": text for key, text in INTERMEDIATE.items()},
        **{f"reader.kubeconfig.{key}": text for key, text in place.items()},
    }
    overrides = {f"clusters.north.{p}": t for p, t in for_all.items() if p.startswith(OF_ONE_CLUSTER)}
    return {**for_all, **overrides}


def _leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """The paths of all settings below a section; of a free map, the map's own."""
    of_clusters = {"clusters": (ClusterSection, "clusters.north."), "peers": (PeerSection, "peers.south.")}
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        annotation = field.annotation
        options = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
        section = next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
        if path in of_clusters:
            yield from _leaves(*of_clusters[path])
        elif section is not None:
            yield from _leaves(section, f"{path}.")
        else:
            yield path if get_origin(annotation) is not dict else f"{path}.*"


def _at(sections: StackSections, path: str) -> Any:
    """What the models hold at a path such as `exposure.hosts[0]`; secrets are opened."""
    value: Any = sections
    for key in re.findall(r"[^.\[\]]+", path):
        if isinstance(value, BaseModel):
            by_alias = {field.alias or name: name for name, field in type(value).model_fields.items()}
            value = getattr(value, by_alias[key])
        else:
            value = value[int(key) if isinstance(value, tuple) else key]
    return value.get_secret_value() if isinstance(value, SecretStr) else value


@pytest.fixture
def stack(start_clusters: Callable[..., Any], new_stack: Callable[[str], Stack], tmp_path: Path) -> Stack:
    """Return a stack whose clusters nobody answers for: what is refused never asks them."""
    start_clusters()
    path = tmp_path / "kubeconfig"
    servers = {name: f"https://{name}.example.invalid:6443" for name in ("east", "west")}
    path.write_text(kubeconfig(servers), encoding="utf-8")
    clusters = {name: {"kubeconfig": str(path), "context": name} for name in servers}
    stack = new_stack("refused")
    stack.init({"mesh": {"id": "dev"}, "clusters": clusters})
    return stack


def test_the_table_of_settings_is_complete():
    """A setting that is added to the models is to be added here."""
    free_maps = r"(istio\.values\.\w+|labels|annotations|nodeSelector|from)\..*"
    settings = {path for place in PLACES for path in _settings(place)}
    paths = {re.sub(free_maps, r"\1.*", re.sub(r"\[0\].*", "", path)) for path in settings}
    assert set(_leaves(StackSections)) == paths


@pytest.mark.parametrize("place", PLACES, ids=[next(iter(place)) for place in PLACES])
def test_every_setting_can_be_set_by_its_path(stack: Stack, place: dict[str, str]):
    """What the CLI makes of a text on the command line is what the models take: numbers, switches, lists.

    The schema takes it too, and the line by which editors find the schema is still there.
    """
    stack.configure({})
    comment = "# yaml-language-server: $schema=docs/stack-file.schema.json\n"
    stack.config_file.write_text(comment + stack.config_file.read_text(encoding="utf-8"), encoding="utf-8")
    words = []
    settings = _settings(place)
    for path, text in settings.items():
        kind = "--secret" if path.endswith(SECRETS) else "--plaintext"
        words += [kind, f"{path}={text}"]
    stack.pulumi("config", "set-all", "--path", *words)
    # One by one, as users do it; a text that begins with dashes is no flag.
    stack.pulumi("config", "set", "--path", "clusters.north.network", "net-2")
    stack.pulumi("config", "set", "--path", "mesh.id", "1")
    shown = json.loads(stack.pulumi("config", "--json", "--show-secrets").stdout)
    # Maps and lists are shown as JSON, and texts as they are.
    raw = {
        key.removeprefix("istio-mesh:"): entry.get("objectValue", entry["value"])
        for key, entry in shown.items()
    }
    sections = StackSections.model_validate(raw)
    expected = {**settings, "clusters.north.network": "net-2"}
    assert sections.mesh.id == "1"
    for path, text in expected.items():
        if path != "mesh.id":
            assert str(_at(sections, path)).lower() == text.lower(), path
    written = stack.config_file.read_text(encoding="utf-8")
    assert "a private key" not in written
    assert written.startswith(comment)
    errors = Draft7Validator(schema()).iter_errors(yaml.safe_load(written))
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


@pytest.mark.parametrize(
    ("command", "change", "message"),
    [
        ("preview", {"istio": {"version": "1.20.0"}}, "istio-mesh:istio.version: '1.20.0' is invalid"),
        ("up", {"mesh": {"id": "dev", "colour": "red"}}, "istio-mesh:mesh.colour: unknown key"),
        ("up", {"clusters": {"east": {"context": "east"}}}, "istio-mesh:clusters.east.kubeconfig: cannot"),
    ],
    ids=["a version", "a key", "a kubeconfig"],
)
def test_a_refused_configuration_leaves_nothing_behind(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: str, change: Any, message: str
):
    """The exit code says so, the message is there once, without a traceback, and no resource is made."""
    monkeypatch.setitem(stack.environment, "HOME", str(tmp_path))
    monkeypatch.delitem(stack.environment, "KUBECONFIG")
    stack.configure({**stack.config(), **change})
    flags = ["--yes", "--skip-preview"] if command == "up" else []
    done = stack.pulumi(command, *flags, check=False)
    assert done.returncode != 0
    _, _, diagnostics = done.stdout.partition("Diagnostics:")
    assert diagnostics.count(message) == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    made = {r["type"] for r in stack.state()["deployment"].get("resources", [])}
    assert made <= {"pulumi:pulumi:Stack"}


def test_values_that_take_away_what_the_mesh_stands_on_are_refused_by_what_the_charts_come_to(stack: Stack):
    """Though nobody answers for the clusters; the charts come from the repository of the stack file."""
    values = {"gateway": {"service": {"type": "ClusterIP"}}}
    istio = {"chartRepository": cluster.chart_repository(), "values": values}
    stack.configure({**stack.config(), "istio": istio})
    done = stack.pulumi("preview", check=False)
    assert done.returncode != 0
    message = (
        "istio-mesh:istio.values.gateway.service.type: makes the gateway's Service a ClusterIP, which gives"
    )
    _, _, diagnostics = done.stdout.partition("Diagnostics:")
    assert diagnostics.count(message) == 1, done.stdout + done.stderr
    assert not stack.state()["deployment"].get("resources")


def test_validate_says_all_that_is_wrong_without_the_clusters(stack: Stack):
    """A stack that is valid passes; of one that is not, charts, rules and versions are told at once."""
    repository = {"chartRepository": cluster.chart_repository()}
    stack.configure({**stack.config(), "istio": repository})
    done = stack.command("validate")
    assert (done.returncode, done.stdout) == (0, "stack refused: no errors, no warnings\n"), done.stderr
    clusters = stack.config()["clusters"]
    clusters["west"] |= {"sees": ["nobody"], "istio": {"version": "1.28.9"}}
    values = {"gateway": {"service": {"type": "ClusterIP"}}}
    stack.configure({**stack.config(), "istio": {**repository, "values": values}, "clusters": clusters})
    done = stack.command("validate", "--output", "json")
    report = json.loads(done.stdout)
    assert done.returncode == 1, done.stderr
    assert {(finding["severity"], finding["path"]) for finding in report["findings"]} == {
        ("error", "istio-mesh:clusters.west.sees.0"),
        ("error", "istio-mesh:istio.values.gateway.service.type"),
        ("error", "istio-mesh:clusters.west.istio.version"),  # that repository does not have it
        ("warning", "istio-mesh:clusters.west.istio.version"),
    }
    assert stack.command("validate", "--stack", "nobody").returncode == 2


def test_the_mesh_is_drawn_from_its_configuration(stack: Stack):
    """Though nobody answers for the clusters."""
    done = stack.command("diagram", "--output", "svg")
    assert done.returncode == 0, done.stderr
    assert ET.fromstring(done.stdout).tag.endswith("svg")  # noqa: S314 - our own drawing


@pytest.mark.parametrize("command", ["preview", "up", "refresh", "destroy"])
def test_a_cli_that_is_too_old_is_told_which_version_is_needed(stack: Stack, tmp_path: Path, command: str):
    """In one line, before anything else is done; the project asks for more than the CLI that there is."""
    required, newer = '">=3.256.0"', f'">{versions.PULUMI}"'
    text = (PROJECT / "Pulumi.yaml").read_text(encoding="utf-8")
    assert required in text
    (tmp_path / "Pulumi.yaml").write_text(text.replace(required, newer), encoding="utf-8")
    stack.project = tmp_path
    flags = [] if command == "preview" else ["--yes", "--skip-preview"]
    done = stack.pulumi(command, *flags, check=False)
    assert done.returncode != 0
    told = f"error: Pulumi CLI version {versions.PULUMI} does not satisfy the version range {newer}"
    assert (done.stdout + done.stderr).strip() == told
