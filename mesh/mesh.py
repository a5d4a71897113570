"""The whole mesh: one root of trust, the clusters, and what they know of each other."""

import pulumi

from mesh import topology
from mesh.cluster import Cluster
from mesh.config.model import StackConfig
from mesh.discovery.remote_secret import RemoteSecret
from mesh.provider import kubernetes_provider
from mesh.trust.plan import earliest, fingerprint
from mesh.trust.root_ca import RootCA
from mesh.trust.roots import roots


class Mesh(pulumi.ComponentResource):
    """An Istio mesh over the clusters of `config`; clusters come up side by side, links join them."""

    root: RootCA
    clusters: dict[str, Cluster]

    def __init__(self, name: str, config: StackConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mesh:index:Mesh", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self._config = config
        self.root = RootCA(f"{name}-root", mesh_id=config.mesh.id, roots=roots(config.trust), opts=child)
        providers = {c.name: kubernetes_provider(c, child) for c in config.clusters.values()}
        self.clusters = {
            cluster.name: Cluster(
                cluster,
                mesh=config.mesh,
                root=self.root,
                opts=pulumi.ResourceOptions(parent=self, providers=[providers[cluster.name]]),
            )
            for cluster in config.clusters.values()
        }
        for link in topology.links(self.clusters):
            RemoteSecret(
                link.name,
                reader=self.clusters[link.reader],
                target=self.clusters[link.target],
                opts=pulumi.ResourceOptions(parent=self, providers=[providers[link.reader]]),
            )
        self.register_outputs({"rootFingerprint": self.root_fingerprint})

    @property
    def root_fingerprint(self) -> pulumi.Output[str]:
        """SHA-256 of the certificate of the root that signs."""
        return self.root.signing.certificate_pem.apply(fingerprint)

    @property
    def first_expiry(self) -> pulumi.Output[str]:
        """When the first of the CA certificates ends, in UTC (RFC 3339)."""
        intermediates = (cluster.intermediate.expires for cluster in self.clusters.values())
        ends = [self.root.signing.expires, *(end for end in intermediates if end is not None)]
        return pulumi.Output.all(*ends).apply(earliest)

    def describe(self) -> dict[str, dict[str, pulumi.Input[object]]]:
        """What a user needs to know of each cluster."""
        return {
            name: {
                "network": self._config.clusters[name].network,
                "apiServer": self._config.clusters[name].api_server.server,
                "istioVersion": self._config.clusters[name].istio.version,
                "gatewayAddresses": cluster.gateway.addresses,
            }
            for name, cluster in self.clusters.items()
        }
