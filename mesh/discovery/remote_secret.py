"""The Secret by which one cluster's control plane discovers the services of a remote cluster."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.istio.names import REMOTE_SECRET_ANNOTATION, REMOTE_SECRET_LABEL, remote_secret_name


@dataclass(frozen=True, kw_only=True)
class RemoteCluster:
    """A cluster that another one reads.

    `kubeconfigs` has its kubeconfig by its cluster ID, or is empty as long as there is none. `ready` are the
    resources that must exist before a control plane uses the kubeconfig, and until none does any more.
    """

    name: str
    kubeconfigs: pulumi.Input[Mapping[str, pulumi.Input[str]]]
    ready: Sequence[pulumi.Resource] = ()


class RemoteSecret(pulumi.ComponentResource):
    """The remote secret in one cluster for a remote cluster.

    It owns neither the token nor the kubeconfig: those are the remote cluster's `Reader`'s.
    Labels and keys: `istioctl/pkg/multicluster/remote_secret.go` in istio/istio. The data key must be the
    remote's cluster ID.
    """

    secret: kubernetes.core.v1.Secret

    def __init__(
        self,
        name: str,
        *,
        namespace: pulumi.Input[str],
        remote: RemoteCluster,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the Secret in `namespace` of the cluster whose provider `opts` gives."""
        earlier = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_="mesh:index:Link")])
        super().__init__("mesh:index:RemoteSecret", name, None, pulumi.ResourceOptions.merge(opts, earlier))
        self.secret = kubernetes.core.v1.Secret(
            f"{name}-remote-secret",
            metadata={
                "name": remote_secret_name(remote.name),
                "namespace": namespace,
                "labels": {REMOTE_SECRET_LABEL: "true"},
                "annotations": {REMOTE_SECRET_ANNOTATION: remote.name},
            },
            string_data=remote.kubeconfigs,
            # One that was imported says `Opaque`, as the default is: the provider would replace it for that.
            opts=pulumi.ResourceOptions(parent=self, depends_on=remote.ready, ignore_changes=["type"]),
        )
        self.register_outputs({})
