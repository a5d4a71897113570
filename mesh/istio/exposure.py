"""What a cluster's east-west gateway exposes to other networks."""

from collections.abc import Iterable

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from mesh.config.resolved import ClusterConfig
from mesh.istio.control_plane import ControlPlane
from mesh.istio.hosts import exposed_hosts
from mesh.istio.names import CROSS_NETWORK_GATEWAY, GATEWAY_LABEL, GATEWAY_PORT


def cross_network_gateway(
    cluster: ClusterConfig,
    namespace: pulumi.Input[str],
    control_plane: ControlPlane,
    labelled: Iterable[str],
    opts: pulumi.ResourceOptions,
) -> CustomResource:
    """The Gateway that passes mutual TLS through to the service that SNI names.

    `labelled` are the hosts of the Services that the cluster exposes by their labels.
    Source of the shape: `samples/multicluster/expose-services.yaml` in istio/istio.
    """
    server = {
        "port": {"number": GATEWAY_PORT, "name": "tls", "protocol": "TLS"},
        "tls": {"mode": "AUTO_PASSTHROUGH"},
        "hosts": list(exposed_hosts(cluster, labelled)),
    }
    return CustomResource(
        f"{cluster.name}-{CROSS_NETWORK_GATEWAY}",
        api_version="networking.istio.io/v1",
        kind="Gateway",
        metadata={"name": CROSS_NETWORK_GATEWAY, "namespace": namespace},
        spec={"selector": {"istio": GATEWAY_LABEL}, "servers": [server]},
        # Its definition comes with `base`; the webhook that validates it comes with istiod.
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=control_plane.ready)),
    )
