"""The one place where a Kubernetes provider is made."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.config.resolved import ClusterConfig


@dataclass(frozen=True, kw_only=True)
class GivenKubeconfig:
    """A kubeconfig that other resources of the program give, and the context in it that is used.

    With them go these resources: the cluster outlives what is in it.
    """

    contents: pulumi.Output[str]
    context: pulumi.Output[str]


def kubernetes_provider(
    cluster: ClusterConfig, given: GivenKubeconfig | None, opts: pulumi.ResourceOptions
) -> kubernetes.Provider:
    """The provider of one cluster; all that is in the cluster reaches it through its parent.

    A kubeconfig's path goes in as it is, so that no credential enters the state; contents go in as a secret.
    """
    connection = cluster.connection
    kubeconfig: pulumi.Input[str] = connection.path
    context: pulumi.Input[str] = connection.context
    if given is not None:
        kubeconfig, context = pulumi.Output.secret(given.contents), given.context
    elif connection.contents:
        kubeconfig = pulumi.Output.secret(connection.contents)
    return kubernetes.Provider(
        cluster.name,
        kubeconfig=kubeconfig,
        context=context,
        # Without it, a changed kubeconfig would replace the provider and all that it made.
        cluster_identifier=cluster.name,
        # Without it, a changed `cacerts` would be deleted and made again: an outage.
        enable_secret_mutable=True,
        skip_update_unreachable=cluster.skip_unreachable,
        opts=opts,
    )
