"""Local Kubernetes clusters with a real node each, in network namespaces of their own.

    from sandbox import cluster
    clusters = cluster.start(["east", "west"])      # {"east": Cluster(...), ...}
    clusters["east"].run(["curl", "http://172.30.0.9"])
    cluster.start(["a", "b"], dict.fromkeys("ab", cluster.Surroundings(network="eu")))
    cluster.chart_repository()                      # "http://127.0.0.1:41234"
    cluster.stop()

All of it is in one folder, see `sandbox.paths.state_dir`.
"""

from sandbox.cluster.clusters import Cluster, chart_repository, find, merged_kubeconfig, named, start, stop
from sandbox.cluster.surroundings import Surroundings

__all__ = [
    "Cluster",
    "Surroundings",
    "chart_repository",
    "find",
    "merged_kubeconfig",
    "named",
    "start",
    "stop",
]
