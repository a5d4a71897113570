"""Helm values of the user's that contradict what the mesh stands on."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import version_tuple
from mesh.istio.mesh_config import definition, mistakes
from mesh.istio.values import gateway_identity, istiod_identity
from mesh.mappings import as_map, leaves

_FORBIDDEN_ROOT = "_internal_defaults_do_not_set"
_INSTEAD = {
    "global.meshID": "or change mesh.id",
    "global.multiCluster.clusterName": "or change the cluster's name in clusters",
    "global.network": "or change the cluster's network",
    "meshConfig.trustDomain": "or change mesh.trustDomain",
    "global.enableReaderRBAC": "or change reader.role",
    "env.PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER": "or change reader.role",
    "env.PILOT_MULTICLUSTER_KUBECONFIG_PATH": "because istiod reads the kubeconfigs of other clusters there",
    "name": "because peers find the gateway by this name",
    "networkGateway": "or change the cluster's network",
}


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each such value, with the setting to use instead."""
    for cluster in config.online.values():
        for path, message in _conflicts(config, cluster):
            yield Problem(path=cluster.path(f"istio.values.{path}"), message=message)
        yield from _mesh_config(cluster, secret=config.is_secret(cluster.path("istio.values")))


def _conflicts(config: StackConfig, cluster: ClusterConfig) -> Iterator[tuple[str, str]]:
    user = cluster.istio.values
    for chart, values, identity in (
        ("base", user.base, {}),
        ("istiod", user.istiod, istiod_identity(cluster, config.mesh)),
        ("gateway", user.gateway, gateway_identity(cluster)),
    ):
        if _FORBIDDEN_ROOT in values:
            yield (
                f"{chart}.{_FORBIDDEN_ROOT}",
                "is reserved for the chart itself; set the keys below it at the top level instead",
            )
        for path, required in leaves(identity):
            given = _at(values, path.split("."))
            if given is not None and given != required:
                message = f"must be {required!r} in this mesh; leave it out, {_INSTEAD[path]}"
                yield f"{chart}.{path}", message


def _mesh_config(cluster: ClusterConfig, *, secret: bool) -> Iterator[Problem]:
    """What istiod would not take of the mesh configuration; settings that came later are none of ours."""
    later = version_tuple(cluster.istio.version)[:2] > definition().minor
    for mistake in mistakes(as_map(cluster.istio.values.istiod.get("meshConfig")) or {}, secret=secret):
        if mistake.unknown and later:
            continue
        name, bracket, rest = f"istio.values.istiod.meshConfig.{mistake.path}".partition("[")
        consequence = "" if mistake.unknown else ". istiod would drop the whole mesh configuration"
        yield Problem(path=f"{cluster.path(name)}{bracket}{rest}", message=mistake.message + consequence)


def _at(values: Mapping[str, Any], path: list[str]) -> Any:
    current: Any = values
    for key in path:
        inner = as_map(current)
        if inner is None:
            return current  # something else stands where a map belongs: it would replace the map
        current = inner.get(key)
        if current is None:
            return None
    return current
