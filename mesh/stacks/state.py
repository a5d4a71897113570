"""What the state of a stack says of the clusters: which resources it has, and which namespaces those were."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mesh.config.resolved import Connection
from mesh.kubeconfig.write import NOWHERE
from mesh.mappings import Json, as_map, at

MESH = "mesh:index:Mesh"
_STACK = "pulumi:pulumi:Stack"
_PROVIDERS = "pulumi:providers:"
PROVIDER = f"{_PROVIDERS}kubernetes"
NAMESPACE = "kubernetes:core/v1:Namespace"
SECRET = "kubernetes:core/v1:Secret"  # noqa: S105 - a type
NAMESPACE_PATCH = "kubernetes:core/v1:NamespacePatch"
RELEASE = "kubernetes:helm.sh/v3:Release"
MUTATING_WEBHOOK = "kubernetes:admissionregistration.k8s.io/v1:MutatingWebhookConfiguration"
ISTIO_GATEWAY = "kubernetes:networking.istio.io/v1:Gateway"


@dataclass(frozen=True, kw_only=True)
class RecordedNamespace:
    """A namespace as the last update left it.

    `uid` tells it from another of the same name in another cluster. `kept` is whether it was there before the
    stack, which then has set labels only.
    """

    uid: str | None
    kept: bool = False


@dataclass(frozen=True, kw_only=True)
class RecordedResource:
    """A resource as the last update left it.

    `parent` and `provider` are URNs, empty where there is none; `provider_version` is that of the provider's
    plugin. `custom` is whether it has a provider, `read` whether the stack only reads it. In `outputs`,
    secrets are encrypted.
    """

    urn: str
    type: str
    parent: str = ""
    provider: str = ""
    provider_version: str | None = None
    custom: bool = True
    read: bool = False
    outputs: Json = field(default_factory=dict[str, Any], repr=False)

    @property
    def name(self) -> str:
        """The logical name."""
        return self.urn.rpartition("::")[2]


@dataclass(frozen=True, kw_only=True)
class RecordedState:
    """The resources of a stack as of its last update: URNs by type and logical name, namespaces by name.

    `connections` has how Pulumi reaches each cluster, also one without an entry any more, where the state has
    the path of a kubeconfig and not its contents. Clusters in `away` were offline at the last update.
    """

    resources: Sequence[RecordedResource] = ()
    urns: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    namespaces: Mapping[str, RecordedNamespace] = field(default_factory=dict[str, RecordedNamespace])
    connections: Mapping[str, Connection] = field(default_factory=dict[str, Connection])
    away: frozenset[str] = frozenset()

    @property
    def kept(self) -> frozenset[str]:
        """Logical names of the namespaces that were there before the stack."""
        return frozenset(name for name, namespace in self.namespaces.items() if namespace.kept)


class StateError(Exception):
    """A state cannot be read; the message says why."""


def export(stack: str, folder: Path) -> Json:
    """The state of a stack as JSON; secrets in it stay encrypted.

    The CLI gives it while an update is running, too. Pulumi's own function for it,
    `readStackResourceOutputs`, would decrypt all of it, and has no answer for a stack without a state.

    Args:
        stack: the name, in full where it may not be one of the project in `folder`.
        folder: where the project is.

    Raises:
        StateError: the CLI is not on the path, or gives no state.
    """
    command = ["pulumi", "stack", "export", "--stack", stack, "--non-interactive"]
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as missing:
        raise StateError("there is no `pulumi` on the path; expected the CLI's folder in PATH") from missing
    if done.returncode != 0:
        raise StateError(f"pulumi cannot export the stack {stack}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def recorded(state: Json, mesh: str | None = None) -> RecordedState:
    """What an exported state says. Pure.

    Args:
        state: of a stack.
        mesh: name of the mesh, in a stack that has other resources, too. Only what is below it counts.
    """
    resources = list(_resources(state) if mesh is None else _below(mesh, _resources(state)))
    kubeconfigs = {
        (_name(resource), str(at(resource, "inputs", "context"))): path
        for resource in resources
        if resource["type"] == PROVIDER
        and isinstance(path := at(resource, "inputs", "kubeconfig"), str)  # contents are encrypted
    }
    versions = {r["urn"]: at(r, "inputs", "version") for r in resources if r["type"].startswith(_PROVIDERS)}
    return RecordedState(
        resources=tuple(_resource(resource, versions) for resource in resources),
        urns={(resource["type"], _name(resource)): resource["urn"] for resource in resources},
        namespaces={
            _name(resource): RecordedNamespace(
                uid=at(resource, "outputs", "metadata", "uid"),
                kept=resource["type"] == NAMESPACE_PATCH,
            )
            for resource in resources
            if resource["type"] in (NAMESPACE, NAMESPACE_PATCH)
        },
        connections={
            name: Connection(context=context, path=path)
            for (name, context), path in kubeconfigs.items()
            if path != NOWHERE
        },
        away=frozenset(name for (name, _), path in kubeconfigs.items() if path == NOWHERE)
        | _stated(resources),
    )


def _resources(state: Json) -> Iterator[Json]:
    resources: Sequence[Json] = at(state, "deployment", "resources") or ()
    return (resource for resource in resources if not resource.get("delete"))


def _below(mesh: str, resources: Iterator[Json]) -> Iterator[Json]:
    """The component of a mesh and everything below it. In a state, parents come before their children."""
    found: set[str] = set()
    for resource in resources:
        own = resource["type"] == MESH and _name(resource) == mesh
        if own or resource.get("parent") in found:
            found.add(resource["urn"])
            yield resource


def _stated(resources: Sequence[Json]) -> frozenset[str]:
    """The clusters that the stack's outputs say were offline, unless they are encrypted."""
    found = (at(resource, "outputs", "clusters") for resource in resources if resource["type"] == _STACK)
    clusters = as_map(next(found, None)) or {}
    return frozenset(name for name, stated in clusters.items() if at(as_map(stated) or {}, "offline") is True)


def _resource(resource: Json, versions: Mapping[str, str | None]) -> RecordedResource:
    provider = str(resource.get("provider") or "").rpartition("::")[0]  # what is cut off is its ID
    return RecordedResource(
        urn=str(resource["urn"]),
        type=str(resource["type"]),
        parent=str(resource.get("parent") or ""),
        provider=provider,
        provider_version=versions.get(provider),
        custom=bool(resource.get("custom")),
        read=bool(resource.get("external")),
        outputs=resource.get("outputs") or {},
    )


def _name(resource: Json) -> str:
    return str(resource["urn"]).rpartition("::")[2]
