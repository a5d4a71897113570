"""Helm values of the user's that contradict what the mesh stands on."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import version_tuple
from mesh.istio import ambient_values
from mesh.istio.mesh_config import definition, mistakes
from mesh.istio.revisions import newest, revisions
from mesh.istio.values import gateway_identity, istiod_identity
from mesh.mappings import as_map, leaves

_FORBIDDEN_ROOT = "_internal_defaults_do_not_set"
# By the beginning of a path, the longest that there is.
_INSTEAD = {
    "istiod.revision": "or change istio.revision",
    "istiod.global.operatorManageWebhooks": "because the webhook of the tag default is another one",
    "gateway.revision": "or change istio.revision",
    "ztunnel.revision": "or change istio.revision",
    "istiod.global.meshID": "or change mesh.id",
    "istiod.global.multiCluster.clusterName": "or change the cluster's name in clusters",
    "istiod.global.network": "or change the cluster's network",
    "istiod.global.externalIstiod": "or change controlPlane of the clusters that it serves",
    "istiod.global.omitSidecarInjectorConfigMap": "or change the cluster's controlPlane",
    "istiod.istiodRemote.enabled": "or change the cluster's controlPlane",
    "istiod.istiodRemote.injectionPath": "or change the cluster's name or network",
    "istiod.telemetry.enabled": "or change the cluster's controlPlane",
    "istiod.meshConfig.trustDomain": "or change mesh.trustDomain",
    "istiod.global.enableReaderRBAC": "or change reader.role",
    "istiod.env.PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER": "or change reader.role",
    "istiod.env.PILOT_MULTICLUSTER_KUBECONFIG_PATH": "because istiod reads other kubeconfigs there",
    "istiod.env.PILOT_ENABLE_AMBIENT": "or change the cluster's dataPlane",
    "istiod.env.AMBIENT_ENABLE_MULTI_NETWORK": "or change the cluster's dataPlane",
    "istiod.meshConfig.defaultConfig": "or change the cluster's dataPlane",
    "cni.ambient": "or change the cluster's dataPlane",
    "ztunnel.resourceName": "because its pods are known by this name",
    "ztunnel.multiCluster": "or change the cluster's name in clusters",
    "ztunnel.network": "or change the cluster's network",
    "ztunnel.env.TRUST_DOMAIN": "or change mesh.trustDomain",
    "ztunnel.env.CLUSTER_DOMAIN": "or change istio.values.istiod.global.proxy.clusterDomain",
    "gateway.name": "because peers find the gateway by this name",
    "gateway.networkGateway": "or change the cluster's network",
    "gateway.env": "or change the cluster's network",
    "gateway.labels": "or change gateway.port and the cluster's network",
    "gateway.service.type": "or change gateway.service.type",
    "gateway.service.annotations": "or change gateway.service",
    "gateway.service.loadBalancerSourceRanges": "or change gateway.service.sourceRanges",
    "gateway.service.ipFamilies": "or change gateway.service.ipFamilies",
    "gateway.service.ipFamilyPolicy": "or change gateway.service.ipFamilyPolicy",
    "gateway.service.ports": "because gateway.port and gateway.service.nodePort make it",
    "gateway.replicaCount": "or change gateway.replicas",
    "gateway.autoscaling": "or change gateway.replicas",
    "gateway.global": "or change gateway.networkPolicy",
}


def problems(config: StackConfig, _now: datetime) -> Iterator[Problem]:
    """A problem for each such value, with the setting to use instead."""
    for cluster in config.online.values():
        for path, message in _conflicts(config, cluster):
            yield Problem(path=cluster.path(f"istio.values.{path}"), message=message)
        yield from _mesh_config(cluster, secret=config.is_secret(cluster.path("istio.values")))


def _conflicts(config: StackConfig, cluster: ClusterConfig) -> Iterator[tuple[str, str]]:
    user = cluster.istio.values
    ambient = cluster.data_plane.has_ztunnel
    ztunnel = ambient_values.ztunnel_identity(cluster, config.mesh.trust_domain) if ambient else {}
    for chart, values, identity in (
        ("base", user.base, {}),
        *(("istiod", user.istiod, istiod_identity(cluster, config.mesh, r)) for r in revisions(cluster)),
        ("gateway", user.gateway, gateway_identity(cluster)),
        ("cni", user.cni, ambient_values.cni_identity() if ambient else {}),
        ("ztunnel", user.ztunnel, ztunnel),
    ):
        if _FORBIDDEN_ROOT in values:
            yield (
                f"{chart}.{_FORBIDDEN_ROOT}",
                "is reserved for the chart itself; set the keys below it at the top level instead",
            )
        for path, required in _differing(values, identity, (chart,)):
            message = f"must be {required!r} in this mesh; leave it out, {_instead(path)}"
            yield ".".join(path), message


def _mesh_config(cluster: ClusterConfig, *, secret: bool) -> Iterator[Problem]:
    """What istiod would not take of the mesh configuration; settings that came later are none of ours."""
    later = version_tuple(newest(cluster).version)[:2] > definition().minor
    for mistake in mistakes(as_map(cluster.istio.values.istiod.get("meshConfig")) or {}, secret=secret):
        if mistake.unknown and later:
            continue
        name, bracket, rest = f"istio.values.istiod.meshConfig.{mistake.path}".partition("[")
        consequence = "" if mistake.unknown else ". istiod would drop the whole mesh configuration"
        yield Problem(path=f"{cluster.path(name)}{bracket}{rest}", message=mistake.message + consequence)


def _differing(
    values: Mapping[str, Any], required: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The paths at which values have something else than what is required there."""
    for key, wanted in required.items():
        given, place = values.get(key), (*path, key)
        if given is None:
            continue
        wanted_map, given_map = as_map(wanted), as_map(given)
        if wanted_map is not None and given_map is not None:
            yield from _differing(given_map, wanted_map, place)
        elif wanted_map is not None:  # something else stands where a map belongs: it would replace the map
            yield from (((*place, leaf), value) for leaf, value in leaves(wanted_map))
        elif given != wanted:
            yield place, wanted


def _instead(path: tuple[str, ...]) -> str:
    beginnings = (".".join(path[:size]) for size in range(len(path), 0, -1))
    return next(_INSTEAD[begin] for begin in beginnings if begin in _INSTEAD)
