"""Helm values for Istio's charts: what the program sets, around what the user sets.

Three layers: defaults that a user may change, then the user's values, then what the mesh stands on.
Keys are those of the charts' `values.yaml` (istio/istio, `manifests/charts/`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from mesh.config.resolved import ClusterConfig
from mesh.config.schema import MeshSection
from mesh.config.types import ReaderRole
from mesh.istio import kubeconfig_folder
from mesh.istio.names import GATEWAY, GATEWAY_PORT
from mesh.mappings import as_map, at, deep_merge

Values: TypeAlias = dict[str, Any]

GATEWAY_METRICS: Mapping[str, str] = {
    "sidecar.istio.io/statsInclusionRegexps": rf"listener\..*_{GATEWAY_PORT}\."
    "(downstream_cx_active|downstream_cx_total|no_filter_chain_match)"
}
"""Annotation by which the gateway's proxy counts the connections from other networks, which Istio leaves out
(`pkg/bootstrap/config.go` in istio/istio)."""


def base(cluster: ClusterConfig) -> Values:
    """Values for the chart `base`."""
    return dict(cluster.istio.values.base)


def istiod(cluster: ClusterConfig, mesh: MeshSection) -> Values:
    """Values for the chart `istiod`."""
    user = cluster.istio.values.istiod
    values = deep_merge(deep_merge(_istiod_defaults(), user), istiod_identity(cluster, mesh))
    if cluster.exposure.cluster_local:
        kept = {"settings": {"clusterLocal": True}, "hosts": list(cluster.exposure.cluster_local)}
        # After the user's: a secret in theirs is known by its place in the list.
        values["meshConfig"]["serviceSettings"] = [*service_settings(cluster), kept]
    for key, ours in (
        ("volumes", kubeconfig_folder.volumes(cluster)),
        ("volumeMounts", kubeconfig_folder.volume_mounts(cluster)),
    ):
        if ours:
            values[key] = [*(values.get(key) or ()), *ours]
    return values


def service_settings(cluster: ClusterConfig) -> Sequence[Any]:
    """The user's own `meshConfig.serviceSettings`; empty where they are no list."""
    settings: object = at(cluster.istio.values.istiod, "meshConfig", "serviceSettings")
    return cast(list[Any], settings) if isinstance(settings, list) else []


def environment(cluster: ClusterConfig) -> Mapping[str, str]:
    """The environment of istiod as the defaults and the user's values make it."""
    env = as_map(deep_merge(_istiod_defaults(), cluster.istio.values.istiod).get("env")) or {}
    return {name: str(value) for name, value in env.items()}


def gateway(cluster: ClusterConfig) -> Values:
    """Values for the chart `gateway` as an east-west gateway."""
    user = cluster.istio.values.gateway
    defaults = _gateway_defaults()
    if cluster.observability.enabled:
        defaults["podAnnotations"] = dict(GATEWAY_METRICS)
    return deep_merge(deep_merge(defaults, user), gateway_identity(cluster))


def istiod_identity(cluster: ClusterConfig, mesh: MeshSection) -> Values:
    """What the chart `istiod` must be given, whatever the user sets."""
    identity: Values = {
        "global": {
            "meshID": mesh.id,
            "multiCluster": {"clusterName": cluster.name},
            "network": cluster.network,
        },
        "meshConfig": {"trustDomain": mesh.trust_domain},
    }
    if cluster.reader.role == ReaderRole.MINIMAL:
        identity = deep_merge(identity, _minimal_reader())
    if cluster.kubeconfig_folder:
        identity = deep_merge(identity, {"env": {kubeconfig_folder.VARIABLE: kubeconfig_folder.FOLDER}})
    return identity


def _minimal_reader() -> Values:
    return {
        "global": {"enableReaderRBAC": False},
        # On, istiod waits for the Secrets of other clusters, which it may not read.
        "env": {"PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER": "false"},
    }


def _istiod_defaults() -> Values:
    return {
        # Off, istiod takes no second root: rotation of the root would need a restart of everything first.
        "env": {"ISTIO_MULTIROOT_MESH": "true"},
        "meshConfig": {
            "defaultConfig": {
                "proxyMetadata": {
                    # Services that exist in other clusters only get a name to call them by.
                    "ISTIO_META_DNS_CAPTURE": "true",
                    # Proxies learn further roots while they run.
                    "PROXY_CONFIG_XDS_AGENT": "true",
                }
            }
        },
    }


def gateway_identity(cluster: ClusterConfig) -> Values:
    """What the chart `gateway` must be given, whatever the user sets."""
    return {"name": GATEWAY, "networkGateway": cluster.network}


def _gateway_defaults() -> Values:
    # The chart's NetworkPolicy opens the ports of `service.ports`, which for an east-west gateway are not
    # the Service's ports (templates/networkpolicy.yaml).
    ports = {"status-port": 15021, "tls": GATEWAY_PORT, "tls-istiod": 15012, "tls-webhook": 15017}
    return {
        "service": {
            "ports": [
                {"name": name, "port": port, "protocol": "TCP", "targetPort": port}
                for name, port in ports.items()
            ]
        },
        # Istio's injector gives a gateway a probe every 15 s: refused at the start, it is ready 15 s later.
        # Asked every 2 s it is ready at once, and as before it takes a minute of refusals to be unready.
        "readinessProbe": {
            "httpGet": {"path": "/healthz/ready", "port": 15021},
            "periodSeconds": 2,
            "timeoutSeconds": 3,
            "failureThreshold": 30,
        },
    }
