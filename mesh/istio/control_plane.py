"""Istio's control plane in one cluster."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.helm.v3 import Release

from mesh.config.resolved import ClusterConfig
from mesh.config.schema import MeshSection
from mesh.istio import values
from mesh.istio.names import BASE, ISTIOD
from mesh.istio.release import istio_release
from mesh.istio.values import Ways


class ControlPlane(pulumi.ComponentResource):
    """The charts `base` (definitions, the reader's account) and `istiod`.

    In a remote, the latter makes no istiod: only what leads to that of the primary.
    `ready` are the resources that everything waits for that needs a working control plane.
    """

    base: Release
    ready: list[pulumi.Resource]

    def __init__(
        self,
        name: str,
        cluster: ClusterConfig,
        *,
        mesh: MeshSection,
        namespace: pulumi.Input[str],
        cacerts: pulumi.Resource | None,
        ways: Ways | pulumi.Output[Ways],
        address: pulumi.Input[str] | None,
        definitions: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare both.

        `ways` are those that istiod is told to gateways of other networks, `address` is where a remote
        reaches the control plane that serves it, and `definitions` are those of the Gateway API.
        """
        super().__init__("mesh:index:ControlPlane", name, None, opts)
        self.base = istio_release(
            cluster,
            "base",
            name=BASE,
            namespace=namespace,
            values=values.base(cluster),
            # Nothing in it starts, and Helm looks again only after 2 s; istiod waits for definitions itself.
            skip_await=True,
            opts=pulumi.ResourceOptions(parent=self),
        )
        istiod = istio_release(
            cluster,
            "istiod",
            name=ISTIOD,
            namespace=namespace,
            values=ways.apply(lambda known: values.istiod(cluster, mesh, known, address))
            if isinstance(ways, pulumi.Output)
            else values.istiod(cluster, mesh, ways, address),
            # istiod needs the definitions of `base`; without `cacerts` at its start it makes its own root.
            opts=pulumi.ResourceOptions(
                parent=self, depends_on=[self.base, *([cacerts] if cacerts else []), *definitions]
            ),
        )
        self.ready = [istiod]
        self.register_outputs({"version": istiod.version})
