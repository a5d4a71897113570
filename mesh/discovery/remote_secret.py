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


def remote_secret(
    name: str, *, namespace: pulumi.Input[str], remote: RemoteCluster, opts: pulumi.ResourceOptions
) -> kubernetes.core.v1.Secret:
    """The remote secret for `remote` in `namespace` of the cluster whose provider `opts` gives.

    It owns neither the token nor the kubeconfig: those are the remote cluster's `Reader`'s.
    Labels and keys: `istioctl/pkg/multicluster/remote_secret.go` in istio/istio. The data key must be the
    remote's cluster ID.
    """
    own = pulumi.ResourceOptions(
        depends_on=remote.ready,
        # One that was imported says `Opaque`, as the default is: the provider would replace it for that.
        ignore_changes=["type"],
    )
    return kubernetes.core.v1.Secret(
        name,
        metadata={
            "name": remote_secret_name(remote.name),
            "namespace": namespace,
            "labels": {REMOTE_SECRET_LABEL: "true"},
            "annotations": {REMOTE_SECRET_ANNOTATION: remote.name},
        },
        string_data=remote.kubeconfigs,
        opts=pulumi.ResourceOptions.merge(opts, own),
    )
