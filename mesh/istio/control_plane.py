"""Istio's control plane in one cluster."""

from collections.abc import Sequence
from typing import Any

import pulumi
from pulumi_kubernetes.helm.v3 import Release

from mesh.config.resolved import ClusterConfig
from mesh.config.sections.mesh import MeshSection
from mesh.istio import values
from mesh.istio.names import BASE, ISTIOD, revisioned
from mesh.istio.release import istio_release
from mesh.istio.revision_tag import revision_tag
from mesh.istio.revisions import Revision, has_tag, newest, revisions, serving
from mesh.istio.values import Ways


class ControlPlane(pulumi.ComponentResource):
    """The charts `base` (definitions, the reader's account) and `istiod`, once for each revision.

    In a remote, `istiod` makes no istiod, only what leads to the primary's. With revisions, the tag `default`
    leads to the one that serves. `ready` are the resources to wait for before using the control plane.
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
        """Declare them.

        `ways` are addresses of gateways of other networks, for istiod. `address` is where a remote reaches
        the control plane that serves it. `definitions` are those of the Gateway API.
        """
        super().__init__("mesh:index:ControlPlane", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.base = istio_release(
            cluster,
            "base",
            name=BASE,
            version=newest(cluster).version,
            namespace=namespace,
            values=values.base(cluster),
            # Nothing in it starts, and Helm looks again only after 2 s; istiod waits for definitions itself.
            skip_await=True,
            opts=child,
        )

        def istiod(revision: Revision, *before: pulumi.Resource) -> Release:
            def given(known: Ways) -> dict[str, Any]:
                return values.istiod(cluster, mesh, known, address, revision=revision)

            return istio_release(
                cluster,
                "istiod",
                name=revisioned(ISTIOD, revision.name),
                version=revision.version,
                namespace=namespace,
                values=ways.apply(given) if isinstance(ways, pulumi.Output) else given(ways),
                # It needs the definitions of `base`; without `cacerts` at its start it makes its own root.
                opts=pulumi.ResourceOptions(
                    parent=self,
                    depends_on=[self.base, *([cacerts] if cacerts else []), *definitions, *before],
                ),
            )

        made = {revision: istiod(revision) for revision in revisions(cluster) if revision.name}
        tag = [revision_tag(cluster, list(made.values()), child)] if has_tag(cluster) else []
        for revision in revisions(cluster):
            if not revision.name:
                # It leaves its own webhook to the tag: that must be there before.
                made[revision] = istiod(revision, *tag)
        self.ready = [made[serving(cluster)], *tag]
        self.register_outputs({"version": made[serving(cluster)].version})
