"""The one place where a Kubernetes provider is made."""

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.config.resolved import ClusterConfig


def kubernetes_provider(cluster: ClusterConfig, opts: pulumi.ResourceOptions) -> kubernetes.Provider:
    """The provider of one cluster; all that is in the cluster reaches it through its parent.

    A kubeconfig's path goes in as it is, so that no credential enters the state; contents go in as a secret.
    """
    connection = cluster.connection
    return kubernetes.Provider(
        cluster.name,
        kubeconfig=pulumi.Output.secret(connection.contents) if connection.contents else connection.path,
        context=connection.context,
        # Without it, a changed kubeconfig would replace the provider and all that it made.
        cluster_identifier=cluster.name,
        # Without it, a changed `cacerts` would be deleted and made again: an outage.
        enable_secret_mutable=True,
        skip_update_unreachable=cluster.skip_unreachable,
        opts=opts,
    )
