"""What the section `gateway` comes to for the gateway of ambient workloads. Pure.

istiod makes its Deployment and its Service itself, and merges them with patches from a ConfigMap
(`pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go` in istio/istio).
"""

import json
from typing import Any

from mesh.config.resolved import ClusterConfig
from mesh.config.types import IpFamilyPolicy, ServiceType
from mesh.istio.load_balancers import PRESETS
from mesh.istio.names import HBONE_GATEWAY, HBONE_PORT

_MOST_REPLICAS = 5
"""Of a gateway of the chart `gateway`."""
_CPU_PERCENT = 80
"""As in the chart `gateway`."""


def patches(cluster: ClusterConfig) -> dict[str, str]:
    """The ConfigMap's data: strategic merge patches as JSON, by what they change; empty without settings."""
    found = {
        "service": _service(cluster),
        "deployment": _deployment(cluster),
        "horizontalPodAutoscaler": _autoscaler(cluster),
        "podDisruptionBudget": _budget(cluster),
    }
    return {key: json.dumps(patch, sort_keys=True) for key, patch in found.items() if patch}


def _service(cluster: ClusterConfig) -> dict[str, Any]:
    service = cluster.gateway.service
    annotations = {**(PRESETS[service.preset] if service.preset else {}), **service.annotations}
    policy = service.ip_family_policy
    if policy is None and service.ip_families is not None and len(service.ip_families) == 1:
        # istiod asks for two where the cluster has them.
        policy = IpFamilyPolicy.SINGLE_STACK
    spec: dict[str, Any] = {
        **({"type": service.type.value} if service.type != ServiceType.LOAD_BALANCER else {}),
        **({"loadBalancerSourceRanges": list(service.source_ranges)} if service.source_ranges else {}),
        **({"ipFamilies": [family.value for family in service.ip_families]} if service.ip_families else {}),
        **({"ipFamilyPolicy": policy.value} if policy else {}),
    }
    if service.node_port is not None:
        spec["ports"] = [{"port": HBONE_PORT, "nodePort": service.node_port}]
    return {
        **({"metadata": {"annotations": annotations}} if annotations else {}),
        **({"spec": spec} if spec else {}),
    }


def _several(cluster: ClusterConfig) -> bool:
    return (cluster.gateway.replicas or 1) > 1


def _deployment(cluster: ClusterConfig) -> dict[str, Any]:
    """Several pods on several nodes."""
    if not _several(cluster):
        return {}
    constraints = [
        {
            "maxSkew": 1,
            "topologyKey": key,
            # A cluster with one node, or one zone, still runs all of them.
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": {"gateway.networking.k8s.io/gateway-name": HBONE_GATEWAY}},
            # Else pods that an update is about to end would count.
            "matchLabelKeys": ["pod-template-hash"],
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
    return {"spec": {"template": {"spec": {"topologySpreadConstraints": constraints}}}}


def _autoscaler(cluster: ClusterConfig) -> dict[str, Any]:
    """As many pods at least; more under load. istiod makes none without a patch."""
    replicas = cluster.gateway.replicas
    if replicas is None:
        return {}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": _CPU_PERCENT}}
    return {
        "spec": {
            "minReplicas": replicas,
            "maxReplicas": max(replicas, _MOST_REPLICAS),
            "metrics": [{"type": "Resource", "resource": cpu}],
        }
    }


def _budget(cluster: ClusterConfig) -> dict[str, Any]:
    """A drain takes one pod at a time. istiod makes none without a patch."""
    return {"spec": {"maxUnavailable": 1}} if _several(cluster) else {}
