"""Helm values for Istio's charts: what the program sets, around what the user sets.

Three layers: defaults that a user may change, then the user's values, then what the mesh stands on. What the
section `gateway` says belongs to the last one: it is said once, there or in the values.
Keys are those of the charts' `values.yaml` (istio/istio, `manifests/charts/`).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from mesh.config.resolved import ClusterConfig
from mesh.config.sections.mesh import MeshSection
from mesh.config.types import ReaderRole, ServiceType
from mesh.istio import ambient_values, kubeconfig_folder
from mesh.istio.addresses import PeerAddress
from mesh.istio.load_balancers import PRESETS
from mesh.istio.names import (
    GATEWAY,
    GATEWAY_LABEL,
    GATEWAY_PORT,
    GATEWAY_PORT_LABEL,
    GATEWAY_PORTS,
    MESH_NETWORKS_ANNOTATION,
    NETWORK_LABEL,
    NETWORK_VIEW,
    NODE_SELECTOR_ANNOTATION,
)
from mesh.istio.revisions import Revision, has_tag, running, serving
from mesh.istio.scopes import service_scopes
from mesh.mappings import as_map, at, deep_merge

Values: TypeAlias = dict[str, Any]
Ways: TypeAlias = Mapping[str, Sequence[PeerAddress]]
"""The addresses of gateways by the network behind them."""

_MOST_REPLICAS = 5
"""`autoscaling.maxReplicas` of the chart `gateway`."""

GATEWAY_METRICS: Mapping[str, str] = {
    "sidecar.istio.io/statsInclusionRegexps": rf"listener\..*_{GATEWAY_PORT}\."
    "(downstream_cx_active|downstream_cx_total|no_filter_chain_match)"
}
"""Annotation by which the gateway's proxy counts the connections from other networks, which Istio leaves out
(`pkg/bootstrap/config.go` in istio/istio)."""


GATEWAY_DRAIN_SECONDS = 300
"""How many seconds a stopping gateway pod keeps its connections, at most; Istio's default is 5.

Most load balancers give the connections of a removed target as long. What waits for pods waits longer: ten
minutes for a namespace (`pkg/await/await.go` in pulumi/pulumi-kubernetes), and for a node by the cluster
autoscaler (`--max-graceful-termination-sec`).
"""

ANY_ADDRESS = "192.0.2.1"
"""In place of an address that only an update knows (RFC 5737)."""


def base(cluster: ClusterConfig) -> Values:
    """Values for the chart `base`."""
    user = cluster.istio.values.base
    if cluster.control_plane is not None:
        # Without a control plane of its own, nothing reads or checks Istio's objects in the cluster.
        return deep_merge({"defaultRevision": ""}, user)
    # If it differs from the tag `default`, istiod warns (`pkg/revisions/tag_watcher.go` in istio/istio).
    checks = serving(cluster).name
    return deep_merge({"defaultRevision": checks}, user) if checks else dict(user)


def istiod(
    cluster: ClusterConfig,
    mesh: MeshSection,
    ways: Ways | None = None,
    address: Any = ANY_ADDRESS,
    *,
    revision: Revision | None = None,
) -> Values:
    """Values for the chart `istiod`.

    Args:
        cluster: the one that istiod is for.
        mesh: that it belongs to.
        ways: addresses of gateways of other networks that istiod cannot find by their Services.
        address: where a remote reaches the control plane that serves it.
        revision: which control plane of the cluster it is, the running one by default.
    """
    user = cluster.istio.values.istiod
    identity = istiod_identity(cluster, mesh, revision)
    if cluster.control_plane is not None:
        identity["global"]["remotePilotAddress"] = address
    values = deep_merge(deep_merge(_istiod_defaults(cluster), user), identity)
    if cluster.data_plane.has_ztunnel:
        values["meshConfig"]["serviceScopeConfigs"] = service_scopes(cluster)
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
    return deep_merge(values, _told(ways)) if ways else values


def _told(ways: Ways) -> Values:
    """The addresses in istiod's configuration, and in an annotation of its pods, by which it restarts.

    istiod reads them again without that, but then forgets the addresses of gateways with the type NodePort:
    it computes them for a copy of the Service only (`addOrUpdateService` in
    `pilot/pkg/serviceregistry/kube/controller/controller.go` in istio/istio, seen in 1.31.0).
    """
    texts = [f"{network}={','.join(a.authority for a in addresses)}" for network, addresses in ways.items()]
    return {
        "global": {"meshNetworks": mesh_networks(ways)},
        "podAnnotations": {MESH_NETWORKS_ANNOTATION: " ".join(texts)},
    }


def service_settings(cluster: ClusterConfig) -> Sequence[Any]:
    """The user's own `meshConfig.serviceSettings`; empty where they are no list."""
    settings: object = at(cluster.istio.values.istiod, "meshConfig", "serviceSettings")
    return cast(list[Any], settings) if isinstance(settings, list) else []


def mesh_networks(ways: Ways) -> Values:
    """Networks as istiod's configuration of them has them."""
    return {
        network: {"gateways": [{"address": a.address, "port": a.port} for a in addresses]}
        for network, addresses in ways.items()
    }


def environment(cluster: ClusterConfig) -> Mapping[str, str]:
    """The environment of istiod as the defaults and the user's values make it."""
    env = as_map(deep_merge(_istiod_defaults(cluster), cluster.istio.values.istiod).get("env")) or {}
    return {name: str(value) for name, value in env.items()}


def gateway(cluster: ClusterConfig) -> Values:
    """Values for the chart `gateway` as an east-west gateway."""
    user = cluster.istio.values.gateway
    defaults = deep_merge(_gateway_defaults(), _spread(cluster))
    if cluster.observability.enabled:
        defaults["podAnnotations"] = dict(GATEWAY_METRICS)
    return deep_merge(deep_merge(defaults, user), gateway_identity(cluster))


def istiod_identity(cluster: ClusterConfig, mesh: MeshSection, revision: Revision | None = None) -> Values:
    """What the chart `istiod` must be given, whatever the user sets."""
    identity: Values = {
        "global": {
            "meshID": mesh.id,
            "multiCluster": {"clusterName": cluster.name},
            "network": cluster.network,
        },
        "meshConfig": {"trustDomain": mesh.trust_domain},
    }
    if cluster.data_plane.has_ztunnel:
        identity = deep_merge(identity, ambient_values.istiod_identity())
    if cluster.serves:
        identity["global"]["externalIstiod"] = True
    if cluster.control_plane is not None:
        identity = deep_merge(identity, _remote(cluster))
    if cluster.reader.role == ReaderRole.MINIMAL:
        identity = deep_merge(identity, _minimal_reader())
    if cluster.kubeconfig_folder:
        identity = deep_merge(identity, {"env": {kubeconfig_folder.VARIABLE: kubeconfig_folder.FOLDER}})
    return deep_merge(identity, _revision(cluster, revision or running(cluster)))


def _revision(cluster: ClusterConfig, revision: Revision) -> Values:
    """What distinguishes control planes, and leaves pods without a revision to the tag `default`."""
    if revision.name:
        return {"revision": revision.name}
    return {"global": {"operatorManageWebhooks": True}} if has_tag(cluster) else {}


def _minimal_reader() -> Values:
    return {
        "global": {"enableReaderRBAC": False},
        # On, istiod waits for the Secrets of other clusters, which it may not read.
        "env": {"PILOT_ENABLE_REMOTE_CREDENTIALS_CONTROLLER": "false"},
    }


def _remote(cluster: ClusterConfig) -> Values:
    """What makes a cluster a remote: no istiod, and a webhook by which another one knows where pods are.

    As `files/profile-remote.yaml` of the chart, but for the ConfigMap: istiod takes the cluster's trust
    domain from it (`pilot/pkg/serviceregistry/kube/controller/multicluster.go`).
    """
    return {
        "istiodRemote": {
            "enabled": True,
            "injectionPath": f"/inject/cluster/{cluster.name}/net/{cluster.network}",
        },
        "telemetry": {"enabled": False},
        "global": {"omitSidecarInjectorConfigMap": True},
    }


def _istiod_defaults(cluster: ClusterConfig) -> Values:
    return {
        **(ambient_values.istiod_defaults() if cluster.data_plane.has_ztunnel else {}),
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


def service_type(cluster: ClusterConfig) -> str:
    """The type of the gateway's Service, whether the section or the values say it."""
    return str(at(gateway(cluster), "service", "type") or ServiceType.LOAD_BALANCER)


def gateway_identity(cluster: ClusterConfig) -> Values:
    """What the chart `gateway` must be given, whatever the user's values are."""
    identity: Values = {"name": GATEWAY, **_network(cluster)}
    if (revision := serving(cluster)).name:
        identity |= {"revision": revision.name}
    service = _service(cluster)
    identity |= {"service": {**identity.get("service", {}), **service}} if service else {}
    if (replicas := cluster.gateway.replicas) is not None:
        # Which of both counts depends on whether the autoscaler is on.
        identity |= {"replicaCount": replicas, "autoscaling": {"minReplicas": replicas}}
    if cluster.gateway.network_policy is not None:
        identity |= {"global": {"networkPolicy": {"enabled": cluster.gateway.network_policy}}}
    return identity


def _network(cluster: ClusterConfig) -> Values:
    """The network behind the gateway, and the ports to it.

    With `networkGateway`, the chart labels the Service as the way into the network, and fixes its ports. A
    Service with other ports is labelled otherwise; one whose addresses do not count is not labelled at all,
    and its pods have their network from the namespace.
    """
    gateway = cluster.gateway
    own_ports = gateway.port != GATEWAY_PORT or gateway.service.node_port is not None
    if not (gateway.addresses or own_ports):
        return {"networkGateway": cluster.network}
    values: Values = {
        "networkGateway": "",
        "env": {NETWORK_VIEW: cluster.network},
        "service": {"ports": _service_ports(gateway.port, gateway.service.node_port)},
    }
    if gateway.addresses:
        return values
    labels = {NETWORK_LABEL: cluster.network}
    if gateway.port != GATEWAY_PORT:
        labels |= {GATEWAY_PORT_LABEL: str(gateway.port)}
    return {**values, "labels": labels}


def _service(cluster: ClusterConfig) -> Values:
    """What the section says of the Service."""
    service = cluster.gateway.service
    annotations = {**(PRESETS[service.preset] if service.preset else {}), **service.annotations}
    if service.type == ServiceType.NODE_PORT and not cluster.gateway.addresses:
        # Without it, istiod takes no addresses from the nodes.
        annotations[NODE_SELECTOR_ANNOTATION] = json.dumps(service.node_selector, sort_keys=True)
    return {
        **({"type": service.type.value} if "type" in service.model_fields_set else {}),
        **({"annotations": annotations} if annotations else {}),
        **({"loadBalancerSourceRanges": list(service.source_ranges)} if service.source_ranges else {}),
        **({"ipFamilies": [family.value for family in service.ip_families]} if service.ip_families else {}),
        **({"ipFamilyPolicy": service.ip_family_policy.value} if service.ip_family_policy else {}),
    }


def _service_ports(port: int, node_port: int | None = None) -> list[Values]:
    """All ports of the Service, with the one for other networks as it is asked for."""
    ports: list[Values] = [
        {
            "name": name,
            "port": port if target == GATEWAY_PORT else target,
            "protocol": "TCP",
            "targetPort": target,
        }
        for name, target in GATEWAY_PORTS.items()
    ]
    if node_port is not None:
        for entry in ports:
            if entry["targetPort"] == GATEWAY_PORT:
                entry["nodePort"] = node_port
    return ports


def _gateway_defaults() -> Values:
    return {
        # The chart's NetworkPolicy opens the ports of `service.ports`, which for an east-west gateway are not
        # the Service's ports (templates/networkpolicy.yaml).
        "service": {"ports": _service_ports(GATEWAY_PORT)},
        # Istio's injector gives a gateway a probe every 15 s: refused at the start, it is ready 15 s later.
        # Asked every 2 s it is ready at once, and as before it takes a minute of refusals to be unready.
        "readinessProbe": {
            "httpGet": {"path": "/healthz/ready", "port": 15021},
            "periodSeconds": 2,
            "timeoutSeconds": 3,
            "failureThreshold": 30,
        },
        # A stopping pod stays until the last connection through it has ended (`pkg/envoy/agent.go`).
        "env": {"EXIT_ON_ZERO_ACTIVE_CONNECTIONS": "true"},
        "terminationGracePeriodSeconds": GATEWAY_DRAIN_SECONDS,
    }


def _spread(cluster: ClusterConfig) -> Values:
    """Several pods on several nodes, of which a drain takes one at a time."""
    replicas = cluster.gateway.replicas
    if replicas is None or replicas == 1:
        return {}
    values: Values = {
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": key,
                # A cluster with one node, or one zone, still runs all of them.
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"istio": GATEWAY_LABEL}},
                # Else pods that an update is about to end would count.
                "matchLabelKeys": ["pod-template-hash"],
            }
            for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
        ]
    }
    if replicas > _MOST_REPLICAS:
        values["autoscaling"] = {"maxReplicas": replicas}
    if "podDisruptionBudget" not in cluster.istio.values.gateway:  # a budget has one number, not two
        values["podDisruptionBudget"] = {"maxUnavailable": 1}
    return values
