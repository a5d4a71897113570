"""Whether istiod runs with the mesh configuration that the stack has. Pure."""

from mesh.health.finding import Finding, Reason, put_back_release
from mesh.istio.mesh_config import Difference, differences
from mesh.istio.names import ISTIOD, MESH_CONFIG, revisioned
from mesh.live.facts import ClusterFacts


def not_loaded(cluster: ClusterFacts) -> Finding | None:
    """An istiod with another mesh configuration than the stack has.

    istiod drops a configuration that it cannot parse, with one warning, and goes on with the one before until
    it is restarted: so its ConfigMap is looked at, too.
    """
    running = {revision: one for revision, one in cluster.declared.items() if one.workload.ready}
    for revision, istiod in running.items():
        for where, loaded in istiod.mesh_configs.items():
            if different := next(differences(cluster.mesh_config, loaded), None):
                return _differs(cluster, revision, where, different)
    return None


def _differs(cluster: ClusterFacts, revision: str, where: str, different: Difference) -> Finding:
    release = revisioned(ISTIOD, revision)
    return Finding(
        reason=Reason.MESH_CONFIG_NOT_LOADED,
        cluster=cluster.control_plane,
        message=f"{where} in {cluster.control_plane} has another mesh configuration than the stack: "
        f"meshConfig.{different.path} is {different.loaded!r}; expected {different.wanted!r}",
        hint="run `pulumi up`; if that changes nothing, somebody has changed the ConfigMap "
        f"{revisioned(MESH_CONFIG, revision)}: {put_back_release(cluster.control_plane, release)}",
    )
