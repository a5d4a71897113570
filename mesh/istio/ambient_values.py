"""Helm values for a cluster with ztunnel, in the three layers of `mesh.istio.values`."""

from typing import Any

from mesh.config.resolved import ClusterConfig
from mesh.istio.hosts import cluster_domain
from mesh.istio.names import ZTUNNEL
from mesh.istio.revisions import serving
from mesh.mappings import deep_merge

Values = dict[str, Any]

_PROFILE = "ambient"


def istiod_defaults() -> Values:
    """What the chart `istiod` gets for ambient workloads, below the user's values."""
    return {"profile": _PROFILE}


def istiod_identity() -> Values:
    """What the chart `istiod` must be given for ambient workloads of several networks.

    Most of it is in the profile as well, which the user's values may replace.
    """
    return {
        "env": {"PILOT_ENABLE_AMBIENT": "true", "AMBIENT_ENABLE_MULTI_NETWORK": "true"},
        "meshConfig": {"defaultConfig": {"proxyMetadata": {"ISTIO_META_ENABLE_HBONE": "true"}}},
    }


def cni(cluster: ClusterConfig) -> Values:
    """Values for the chart `cni`."""
    user = cluster.istio.values.cni
    return deep_merge(deep_merge({"profile": _PROFILE}, user), cni_identity())


def cni_identity() -> Values:
    """What the chart `cni` must be given, whatever the user sets."""
    return {"ambient": {"enabled": True}}


def ztunnel(cluster: ClusterConfig, trust_domain: str) -> Values:
    """Values for the chart `ztunnel`."""
    return deep_merge(cluster.istio.values.ztunnel, ztunnel_identity(cluster, trust_domain))


def ztunnel_identity(cluster: ClusterConfig, trust_domain: str) -> Values:
    """What the chart `ztunnel` must be given, whatever the user sets.

    With another cluster ID than istiod's, ztunnel is never ready. Without its network, it sees nothing of
    other networks, and nothing says so.
    """
    return {
        # The chart's name for all that it makes.
        "resourceName": ZTUNNEL,
        # Its control plane.
        **({"revision": revision} if (revision := serving(cluster).name) else {}),
        "multiCluster": {"clusterName": cluster.name},
        # Above `global.network`, which the chart takes for the same.
        "network": cluster.network,
        "env": {
            # Of ztunnel's own identity: all others come from istiod.
            "TRUST_DOMAIN": trust_domain,
            # For short names of services, which ztunnel resolves.
            "CLUSTER_DOMAIN": cluster_domain(cluster),
        },
        # It reads them from 1.29 on; proxies get them without a value.
        **({"peerCaCrl": {"enabled": True}} if cluster.revocation else {}),
    }
