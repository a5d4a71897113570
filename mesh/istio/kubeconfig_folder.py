"""Remote clusters by a folder of kubeconfigs that istiod reads, in place of remote secrets. Pure.

istiod reads the one or the other (`NewController` in `pkg/kube/multicluster/secretcontroller.go` in
istio/istio). In the folder it takes files that end with `.yaml`, and the cluster in a file's current context
as the cluster ID (`pkg/kube/multicluster/kubeconfig_files.go`). It takes changes over while it runs.
"""

from typing import Any

from mesh.config.resolved import ClusterConfig, SecretEntry, StackConfig
from mesh.istio.names import remote_secret_name
from mesh.plan import remotes, secret_entry

VARIABLE = "PILOT_MULTICLUSTER_KUBECONFIG_PATH"
FOLDER = "/var/run/secrets/remote-kubeconfigs"
_VOLUME = "remote-kubeconfigs"


def kubeconfig_folders(config: StackConfig) -> dict[str, dict[str, SecretEntry]]:
    """For each cluster, by remote cluster, the Secrets with the kubeconfigs in its istiod's folder.

    Where a single remote cluster has its kubeconfig in a Secret of somebody else's, the remote secrets of the
    others are put there too. No folder, where none has.
    """
    found: dict[str, dict[str, SecretEntry]] = {}
    for cluster in config.clusters:
        seen = remotes(config, cluster)
        theirs = {name: entry for name in seen if (entry := secret_entry(config, name))}
        ours = {name: SecretEntry(name=remote_secret_name(name), key=name) for name in seen} if theirs else {}
        found[cluster] = {**ours, **theirs}
    return found


def written_by_others(cluster: ClusterConfig) -> dict[str, SecretEntry]:
    """By remote cluster, the Secrets in the folder that are no remote secrets of the program's."""
    return {n: e for n, e in cluster.kubeconfig_folder.items() if e.name != remote_secret_name(n)}


def volumes(cluster: ClusterConfig) -> list[dict[str, Any]]:
    """What the chart `istiod` adds to the pod's volumes; a Secret need not be there when istiod starts."""
    sources = [
        {
            "secret": {
                "name": entry.name,
                "optional": True,
                "items": [{"key": entry.key, "path": f"{remote}.yaml"}],
            }
        }
        for remote, entry in cluster.kubeconfig_folder.items()
    ]
    return [{"name": _VOLUME, "projected": {"sources": sources}}] if sources else []


def volume_mounts(cluster: ClusterConfig) -> list[dict[str, Any]]:
    """What the chart `istiod` adds to the mounts of istiod's container."""
    mount = {"name": _VOLUME, "mountPath": FOLDER, "readOnly": True}
    return [mount] if cluster.kubeconfig_folder else []
