"""The layouts of links that are compared; which one a mesh has is said by the environment.

`pair` is the program as it is. The others take the place of its `RemoteSecret`, and use all the rest.
"""

import os
import runpy
from collections.abc import Callable
from pathlib import Path

import pulumi
import pulumi_kubernetes as kubernetes

import mesh.mesh
from mesh.cluster import Cluster
from mesh.discovery.remote_secret import Target

VARIABLE = "ISTIO_MESH_BENCHMARK_LAYOUT"
LAYOUTS = ("pair", "bare", "keys")
_ENTRY_POINT = Path(__file__).resolve().parents[2] / "__main__.py"


class Bare:
    """One Secret for each ordered pair, without a component around it."""

    def link(self, name: str, *, reader: Cluster, target: Target, opts: pulumi.ResourceOptions) -> None:
        """Declare the Secret in `reader` at once."""
        kubernetes.core.v1.Secret(
            f"{name}-remote-secret",
            metadata={
                "name": f"istio-remote-secret-{target.name}",
                "namespace": reader.namespace,
                "labels": {"istio/multiCluster": "true"},
                "annotations": {"networking.istio.io/cluster": target.name},
            },
            string_data=target.kubeconfigs,
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=target.ready)),
        )

    def declare(self) -> None:
        """Nothing is left to declare."""


class Keys:
    """One Secret in each cluster, with a key for each other cluster."""

    def __init__(self) -> None:
        self._targets: dict[str, list[Target]] = {}
        self._readers: dict[str, tuple[Cluster, pulumi.ResourceOptions]] = {}

    def link(self, name: str, *, reader: Cluster, target: Target, opts: pulumi.ResourceOptions) -> None:
        """Remember one more key."""
        self._readers[reader.name] = (reader, opts)
        self._targets.setdefault(reader.name, []).append(target)

    def declare(self) -> None:
        """Declare the Secrets, once all keys are known."""
        for name, (reader, opts) in self._readers.items():
            targets = self._targets[name]
            ready = [resource for target in targets for resource in target.ready]
            kubernetes.core.v1.Secret(
                f"{name}-remote-secrets",
                metadata={
                    "name": "istio-remote-secrets",
                    "namespace": reader.namespace,
                    "labels": {"istio/multiCluster": "true"},
                },
                string_data=pulumi.Output.all(*(target.kubeconfigs for target in targets)).apply(_joined),
                opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=ready)),
            )


def _joined(maps: list[dict[str, str]]) -> dict[str, str]:
    return {key: text for one in maps for key, text in one.items()}


_OTHERS: dict[str, Callable[[], Bare | Keys]] = {"bare": Bare, "keys": Keys}


def run() -> None:
    """Run the program with its links laid out as the environment says."""
    layout = _OTHERS[os.environ[VARIABLE]]()
    mesh.mesh.RemoteSecret = layout.link
    runpy.run_path(str(_ENTRY_POINT))
    layout.declare()
