"""The failover of a service, for the clients of one cluster."""

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from mesh.config.sections.failover import FailoverSection
from mesh.istio.control_plane import ControlPlane
from mesh.istio.failover_policy import destination_rule, virtual_service
from mesh.istio.names import failover_name

_API = "networking.istio.io/v1"


class Failover(pulumi.ComponentResource):
    """A DestinationRule and a VirtualService for a host, which istiod gives to its clients' proxies.

    They are in Istio's root namespace, so they apply to clients of all namespaces. That namespace exists even
    if the service's does not exist in this cluster (`destinationRule` in `pilot/pkg/model/push_context.go` in
    istio/istio).
    """

    def __init__(
        self,
        name: str,
        failover: FailoverSection,
        *,
        host: str,
        istio_version: str,
        namespace: pulumi.Input[str],
        control_plane: ControlPlane,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare both."""
        super().__init__("mesh:index:Failover", name, None, opts)
        metadata = {"name": failover_name(host), "namespace": namespace}
        # Their definitions come with `base`; the webhook that validates them comes with istiod.
        child = pulumi.ResourceOptions(parent=self, depends_on=control_plane.ready)
        CustomResource(
            f"{name}-destination-rule",
            api_version=_API,
            kind="DestinationRule",
            metadata=metadata,
            spec=destination_rule(host, failover, istio_version),
            opts=child,
        )
        CustomResource(
            f"{name}-virtual-service",
            api_version=_API,
            kind="VirtualService",
            metadata=metadata,
            spec=virtual_service(host, failover),
            opts=child,
        )
