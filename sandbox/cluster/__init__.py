"""Local Kubernetes clusters with a real node each, in network namespaces of their own.

    from sandbox import cluster
    clusters = cluster.start(["east", "west"])      # {"east": Cluster(...), ...}
    clusters["east"].run(["curl", "http://172.30.0.9"])
    cluster.start(["a", "b"], dict.fromkeys("ab", cluster.Surroundings(network="eu")))
    cluster.chart_repository()                      # "http://127.0.0.1:41234"
    cluster.gateway_api_manifest()                  # a path, for `gatewayApi: {manifest: …}`
    cluster.has_ztunnel()                           # whether pods can be ambient
    cluster.stop()

All of it is in one folder, see `sandbox.paths.state_dir`.
"""

from sandbox.cluster.clusters import (
    Cluster,
    add_images,
    chart_repository,
    find,
    gateway_api_manifest,
    merged_kubeconfig,
    named,
    start,
    stop,
)
from sandbox.cluster.surroundings import Surroundings
from sandbox.cluster.ztunnel import has_ztunnel

__all__ = [
    "Cluster",
    "Surroundings",
    "add_images",
    "chart_repository",
    "find",
    "gateway_api_manifest",
    "has_ztunnel",
    "merged_kubeconfig",
    "named",
    "start",
    "stop",
]
