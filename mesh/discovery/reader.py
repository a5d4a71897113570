"""The account by which other clusters' control planes read a cluster."""

import base64
from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as kubernetes

from mesh.config.model import ClusterConfig
from mesh.discovery.kubeconfig import remote_kubeconfig
from mesh.istio.control_plane import ControlPlane

_ACCOUNT = "istio-reader-service-account"  # made by the chart `base`


class Reader(pulumi.ComponentResource):
    """Tokens of the reader's account, one for each generation, and the kubeconfig with the newest."""

    kubeconfig: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        cluster: ClusterConfig,
        namespace: pulumi.Input[str],
        control_plane: ControlPlane,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mesh:index:Reader", name, None, opts)
        tokens = [
            kubernetes.core.v1.Secret(
                f"{name}-token-g{generation}",
                type="kubernetes.io/service-account-token",
                metadata={
                    "name": f"istio-reader-token-g{generation}",
                    "namespace": namespace,
                    "annotations": {"kubernetes.io/service-account.name": _ACCOUNT},
                },
                # A token for an account that does not exist is deleted again by Kubernetes.
                opts=pulumi.ResourceOptions(parent=self, depends_on=[control_plane.base]),
            )
            for generation in cluster.reader.token_generations
        ]

        def kubeconfig(data: Mapping[str, str]) -> str:
            return remote_kubeconfig(
                cluster.name,
                cluster.api_server,
                token=base64.b64decode(data["token"]).decode(),
                certificate_authority=base64.b64decode(data["ca.crt"]).decode(),
            )

        self.kubeconfig = pulumi.Output.secret(tokens[-1].data).apply(kubeconfig)
        self.register_outputs({})
