"""What one cluster's control plane knows of another cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.cluster import Cluster


@dataclass(frozen=True, kw_only=True)
class Target:
    """A cluster that others read.

    `kubeconfigs` has its kubeconfig by its cluster ID, or nothing as long as there is none; `ready` what must
    be there before anyone reads with it, and as long as anyone does.
    """

    name: str
    kubeconfigs: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    ready: Sequence[pulumi.Resource] = ()


class RemoteSecret(pulumi.ComponentResource):
    """A link: the Secret in `reader` by which its control plane watches the services of `target`.

    Labels and keys: `istioctl/pkg/multicluster/remote_secret.go` in istio/istio. The key must be the
    target's cluster ID.
    """

    def __init__(
        self, name: str, *, reader: Cluster, target: Target, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("mesh:index:Link", name, None, opts)
        kubernetes.core.v1.Secret(
            f"{name}-remote-secret",
            metadata={
                "name": f"istio-remote-secret-{target.name}",
                "namespace": reader.namespace,
                "labels": {"istio/multiCluster": "true"},
                "annotations": {"networking.istio.io/cluster": target.name},
            },
            string_data=target.kubeconfigs,
            opts=pulumi.ResourceOptions(parent=self, depends_on=target.ready),
        )
        self.register_outputs({})
