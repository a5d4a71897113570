"""What the state of a stack says of the clusters: which resources it has, and which namespaces those were."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mesh.config.resolved import Connection
from mesh.mappings import Json, at

PROVIDER = "pulumi:providers:kubernetes"
NAMESPACE = "kubernetes:core/v1:Namespace"
SECRET = "kubernetes:core/v1:Secret"  # noqa: S105 - a type
NAMESPACE_PATCH = "kubernetes:core/v1:NamespacePatch"
RELEASE = "kubernetes:helm.sh/v3:Release"


@dataclass(frozen=True, kw_only=True)
class RecordedNamespace:
    """A namespace as the last update left it.

    `uid` tells it from another of the same name in another cluster. `kept` is whether it was there before the
    stack, which then has set labels only.
    """

    uid: str | None
    kept: bool = False


@dataclass(frozen=True, kw_only=True)
class RecordedState:
    """The resources of a stack as of its last update: URNs by type and logical name, namespaces by name.

    `connections` has how Pulumi reaches each cluster, also one without an entry any more, where the state has
    the path of a kubeconfig and not its contents.
    """

    urns: Mapping[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    namespaces: Mapping[str, RecordedNamespace] = field(default_factory=dict[str, RecordedNamespace])
    connections: Mapping[str, Connection] = field(default_factory=dict[str, Connection])

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


def recorded(state: Json) -> RecordedState:
    """What an exported state says. Pure."""
    resources = list(_resources(state))
    return RecordedState(
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
            _name(resource): Connection(context=str(at(resource, "inputs", "context")), path=path)
            for resource in resources
            if resource["type"] == PROVIDER
            and isinstance(path := at(resource, "inputs", "kubeconfig"), str)  # contents are encrypted
        },
    )


def _resources(state: Json) -> Iterator[Json]:
    resources: Sequence[Json] = at(state, "deployment", "resources") or ()
    return (resource for resource in resources if not resource.get("delete"))


def _name(resource: Json) -> str:
    return str(resource["urn"]).rpartition("::")[2]
