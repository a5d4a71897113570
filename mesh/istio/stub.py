"""Services that exist in other clusters only."""

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.core.v1 import ServicePortArgs, ServiceSpecArgs

from mesh.config.sections.ambient import StubSection
from mesh.istio.names import GLOBAL_LABEL, stub_name

_NO_POD = {"app.kubernetes.io/managed-by": "istio-mesh", "app.kubernetes.io/component": "stub"}


def stub_service(cluster: str, stub: StubSection, opts: pulumi.ResourceOptions) -> kubernetes.core.v1.Service:
    """A Service without pods, which names pods in other clusters.

    ztunnel resolves names, and takes calls, only for Services of its own cluster.
    """
    return kubernetes.core.v1.Service(
        stub_name(cluster, stub.namespace, stub.name),
        metadata={
            "name": stub.name,
            "namespace": stub.namespace,
            "labels": {GLOBAL_LABEL: "true"},
            # Otherwise the provider would wait for pods, which never come.
            "annotations": {"pulumi.com/skipAwait": "true"},
        },
        spec=ServiceSpecArgs(
            selector=_NO_POD,
            ports=[ServicePortArgs(name=name, port=port) for name, port in stub.ports.items()],
        ),
        opts=opts,
    )
