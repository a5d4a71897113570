"""What a cluster's east-west gateway exposes: services to other networks, and istiod to remotes."""

from collections.abc import Iterable

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from mesh.config.resolved import ClusterConfig
from mesh.istio.control_plane import ControlPlane
from mesh.istio.hosts import cluster_domain, exposed_hosts, service_host
from mesh.istio.names import (
    CROSS_NETWORK_GATEWAY,
    GATEWAY_LABEL,
    GATEWAY_PORT,
    ISTIOD,
    ISTIOD_GATEWAY,
    ISTIOD_HOST,
    ISTIOD_PORT,
    NAMESPACE,
    WEBHOOK_PORT,
)


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


def exposed_istiod(
    cluster: ClusterConfig,
    namespace: pulumi.Input[str],
    control_plane: ControlPlane,
    opts: pulumi.ResourceOptions,
) -> tuple[CustomResource, CustomResource]:
    """A Gateway and a VirtualService that pass TLS through to istiod, for proxies and API servers of remotes.

    Source of the shape: `samples/multicluster/expose-istiod.yaml` in istio/istio. Only connections for the
    name are let in by which both know istiod.
    """
    after = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=control_plane.ready))
    host = service_host(ISTIOD, NAMESPACE, cluster_domain(cluster))
    ports = {"tls-istiod": (ISTIOD_PORT, ISTIOD_PORT), "tls-istiodwebhook": (WEBHOOK_PORT, 443)}
    gateway = CustomResource(
        f"{cluster.name}-{ISTIOD_GATEWAY}",
        api_version="networking.istio.io/v1",
        kind="Gateway",
        metadata={"name": ISTIOD_GATEWAY, "namespace": namespace},
        spec={
            "selector": {"istio": GATEWAY_LABEL},
            "servers": [
                {
                    "port": {"number": port, "name": name, "protocol": "TLS"},
                    "tls": {"mode": "PASSTHROUGH"},
                    "hosts": [ISTIOD_HOST],
                }
                for name, (port, _) in ports.items()
            ],
        },
        opts=after,
    )
    route = CustomResource(
        f"{cluster.name}-{ISTIOD_GATEWAY}-route",
        api_version="networking.istio.io/v1",
        kind="VirtualService",
        metadata={"name": ISTIOD_GATEWAY, "namespace": namespace},
        spec={
            "hosts": [ISTIOD_HOST],
            "gateways": [ISTIOD_GATEWAY],
            "tls": [
                {
                    "match": [{"port": port, "sniHosts": [ISTIOD_HOST]}],
                    "route": [{"destination": {"host": host, "port": {"number": target}}}],
                }
                for port, target in ports.values()
            ],
        },
        opts=after,
    )
    return gateway, route
