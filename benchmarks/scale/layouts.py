"""The layouts of links that are compared.

`pair` is the program as it is. The other takes the place of its `remote_secret`, and uses all the rest.
"""

import runpy
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

import mesh.mesh
from mesh.discovery.remote_secret import RemoteCluster
from mesh.istio.names import REMOTE_SECRET_LABEL
from mesh.plan import Link

LAYOUTS = ("pair", "keys")
_ENTRY_POINT = Path(__file__).resolve().parents[2] / "__main__.py"


class Keys:
    """One Secret in each cluster, with a key for each other cluster."""

    def __init__(self) -> None:
        self._remotes: dict[str, list[RemoteCluster]] = {}
        self._places: dict[str, tuple[pulumi.Input[str], pulumi.ResourceOptions]] = {}

    def link(
        self,
        name: str,
        *,
        namespace: pulumi.Input[str],
        remote: RemoteCluster,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Remember one more key; `name` is that of the pair's Secret."""
        cluster = name.removesuffix(Link(cluster="", remote=remote.name).secret)
        self._places[cluster] = (namespace, opts)
        self._remotes.setdefault(cluster, []).append(remote)

    def declare(self) -> None:
        """Declare the Secrets, once all keys are known."""
        for name, (namespace, opts) in self._places.items():
            remotes = self._remotes[name]
            ready = [resource for remote in remotes for resource in remote.ready]
            kubernetes.core.v1.Secret(
                f"{name}-remote-secrets",
                metadata={
                    "name": "istio-remote-secrets",
                    "namespace": namespace,
                    "labels": {REMOTE_SECRET_LABEL: "true"},
                },
                string_data=pulumi.Output.all(*(remote.kubeconfigs for remote in remotes)).apply(_joined),
                opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=ready)),
            )


def _joined(maps: list[dict[str, str]]) -> dict[str, str]:
    return {key: text for one in maps for key, text in one.items()}


def run() -> None:
    """Run the program with its links laid out in the other way."""
    layout = Keys()
    mesh.mesh.remote_secret = layout.link
    runpy.run_path(str(_ENTRY_POINT))
    layout.declare()
