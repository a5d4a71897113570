"""The whole mesh: one root of trust, the clusters, and what they know of each other."""

import pulumi

from mesh import topology
from mesh.cluster import Cluster
from mesh.config.resolved import StackConfig
from mesh.discovery.remote_secret import RemoteSecret, Target
from mesh.pki.profile import earliest, fingerprint
from mesh.pki.rotation import roots
from mesh.provider import kubernetes_provider
from mesh.stacks import contract as shared
from mesh.stacks.references import OtherStacks
from mesh.trust.root_ca import RootCA


class Mesh(pulumi.ComponentResource):
    """An Istio mesh over the clusters of `config`; clusters come up side by side, links join them.

    Roots and further clusters may come from other stacks.
    """

    root: RootCA
    clusters: dict[str, Cluster]

    def __init__(self, name: str, config: StackConfig, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mesh:index:Mesh", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self._config = config
        others = OtherStacks(config, child)
        self.root = RootCA(
            f"{name}-root",
            mesh_id=config.mesh.id,
            roots=roots(config.trust),
            elsewhere=others.root if config.trust.stack else None,
            opts=child,
        )
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
        targets = {
            **{name: _target(cluster) for name, cluster in self.clusters.items()},
            **{name: others.target(name) for name in config.peers},
        }
        for link in topology.links(self.clusters, config.peers):
            RemoteSecret(
                link.name,
                reader=self.clusters[link.reader],
                target=targets[link.target],
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

    def shared(self) -> pulumi.Output[dict[str, object]]:
        """What other stacks of the mesh go by, a secret as a whole; see `mesh.stacks.contract`."""
        return pulumi.Output.secret(
            {
                **shared.facts(self._config),
                "roots": {
                    str(generation): {
                        "certificate": root.certificate_pem,
                        "privateKey": root.private_key_pem,
                        "expires": root.expires,
                    }
                    for generation, root in self.root.generated.items()
                    if self._config.trust.shared
                },
                "clusters": {
                    name: {
                        "network": self._config.clusters[name].network,
                        "kubeconfig": cluster.reader.kubeconfig,
                    }
                    for name, cluster in self.clusters.items()
                },
            }
        )

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


def _target(cluster: Cluster) -> Target:
    # The way in, too: nobody is to be sent where it is not open yet, or is closed before the link is gone.
    return Target(
        name=cluster.name,
        kubeconfigs={cluster.name: cluster.reader.kubeconfig},
        ready=(*cluster.reader.ready, cluster.gateway.release, cluster.exposure),
    )
