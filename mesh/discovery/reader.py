"""The reader: the account by which other clusters' control planes read a cluster."""

import base64
from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.config.resolved import ApiServer, ClusterConfig
from mesh.config.types import ReaderRole
from mesh.discovery.reader_role import minimal_role
from mesh.istio.control_plane import ControlPlane
from mesh.istio.names import READER_ACCOUNT, token_name
from mesh.kubeconfig.write import remote_kubeconfig
from mesh.pki.certificates import authority_for_peers


class Reader(pulumi.ComponentResource):
    """The tokens of the reader's account, one for each generation, and kubeconfigs with the newest.

    `kubeconfig` is for every peer but those in `kubeconfigs_from`. Where the configuration gives one, there
    are no tokens; it is None where something else writes it into the reading clusters. `ready` are the
    resources that must exist before the kubeconfig works. The account itself belongs to the chart `base`, and
    the remote secrets that carry the kubeconfig belong to the clusters that read.
    """

    kubeconfig: pulumi.Output[str] | None
    kubeconfigs_from: Mapping[str, pulumi.Output[str]]
    ready: list[pulumi.Resource]

    def __init__(
        self,
        name: str,
        cluster: ClusterConfig,
        *,
        namespace: pulumi.Input[str],
        control_plane: ControlPlane,
        given: pulumi.Output[str] | None,
        awaited: pulumi.Output[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the tokens, or take the kubeconfig that is `given`.

        `awaited` is the program's own kubeconfig, where it is not known yet and so the API server is not.
        """
        super().__init__("mesh:index:Reader", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        # The chart `istiod` gives the account its rights: a request before that is refused.
        self.ready = [*control_plane.ready]
        if cluster.reader.role == ReaderRole.MINIMAL:
            role = minimal_role(
                name,
                account=READER_ACCOUNT,
                namespace=namespace,
                serves=cluster.control_plane is not None,
                opts=child,
            )
            self.ready.append(role)
        self.kubeconfig, self.kubeconfigs_from = given, {}
        if cluster.kubeconfig is None:
            token = _token(name, cluster, namespace, control_plane, child)
            self.kubeconfig = token_kubeconfig(cluster.name, cluster.api_server, token, awaited)
            self.kubeconfigs_from = {
                reader: token_kubeconfig(cluster.name, server, token, awaited)
                for reader, server in cluster.api_servers_from.items()
            }


def _token(
    name: str,
    cluster: ClusterConfig,
    namespace: pulumi.Input[str],
    control_plane: ControlPlane,
    opts: pulumi.ResourceOptions,
) -> pulumi.Output[Mapping[str, str]]:
    """The data of the Secret with the newest token."""
    tokens = [
        kubernetes.core.v1.Secret(
            f"{name}-token-g{generation}",
            type="kubernetes.io/service-account-token",
            metadata={
                "name": token_name(generation),
                "namespace": namespace,
                "annotations": {"kubernetes.io/service-account.name": READER_ACCOUNT},
            },
            # A token for an account that does not exist is deleted again by Kubernetes.
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[control_plane.base])),
        )
        for generation in cluster.reader.token_generations
    ]
    return tokens[-1].data


def token_kubeconfig(
    cluster: str,
    server: ApiServer,
    data: pulumi.Output[Mapping[str, str]],
    awaited: pulumi.Output[str] | None = None,
) -> pulumi.Output[str]:
    """A kubeconfig for peers that reach a cluster's API server so, with the token in a Secret's `data`.

    It is not known as long as `awaited` is not.
    """

    def kubeconfig(data: Mapping[str, str]) -> str:
        return remote_kubeconfig(
            cluster,
            server,
            token=base64.b64decode(data["token"]).decode(),
            certificate_authority=authority_for_peers(
                server.certificate_authority, base64.b64decode(data["ca.crt"]).decode()
            ),
        )

    known = pulumi.Output.secret(data)
    if awaited is not None:
        known = pulumi.Output.all(known, awaited).apply(lambda both: both[0])
    return known.apply(kubeconfig)
