"""A Gateway of the Gateway API of which istiod makes a Deployment and a Service."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource

from mesh.istio.names import GATEWAY_API, HBONE_PORT
from mesh.istio.namespace import FIELD_MANAGER

# istiod copies the annotations of a Gateway without any for its infrastructure to all that it makes of it;
# Pulumi's have no business there.
_MADE_FOR = {"app.kubernetes.io/managed-by": "istio-mesh"}
# What istiod says once the Service has an address. It takes a Service of that name in another cluster for the
# same one: where a cluster joins a mesh, both may be true before it has anything of its own.
_MADE = json.dumps(["condition=Programmed", "jsonpath={.status.addresses[0].value}"])
_NO_DEPLOYMENT = "spec.selector: Required value"
"""What the API server says of a patch for a Deployment that does not exist."""
_TRIES = 60
_BETWEEN_TRIES_SECONDS = 2.0
"""Together longer than an istiod that ends goes on leading, during which the new one makes nothing."""


def managed_gateway(
    logical_name: str,
    *,
    name: str,
    namespace: pulumi.Input[str],
    gateway_class: str,
    labels: Mapping[str, str],
    infrastructure: Mapping[str, Any],
    tls: Mapping[str, Any] | None = None,
    needed: Iterable[pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> tuple[CustomResource, kubernetes.apps.v1.DeploymentPatch]:
    """The Gateway with a listener for ambient workloads, and what is done once its pods are ready.

    Args:
        logical_name: of the Gateway.
        name: of the Gateway, and of all that istiod makes of it.
        namespace: where it is.
        gateway_class: one of istiod's.
        labels: of the Gateway.
        infrastructure: labels of what istiod makes, and where patches of it are.
        tls: of the listener.
        needed: what must exist before; the definitions and istiod are among it.
        opts: of both.
    """
    gateway = CustomResource(
        logical_name,
        api_version=GATEWAY_API,
        kind="Gateway",
        metadata={
            "name": name,
            "namespace": namespace,
            **({"labels": dict(labels)} if labels else {}),  # empty, each refresh would show them as a change
            "annotations": {"pulumi.com/waitFor": _MADE},
        },
        spec={
            "gatewayClassName": gateway_class,
            "infrastructure": {"annotations": _MADE_FOR, **infrastructure},
            "listeners": [
                {"name": "mesh", "port": HBONE_PORT, "protocol": "HBONE", **({"tls": tls} if tls else {})}
            ],
        },
        opts=_after(opts, list(needed)),
    )
    # A patch of the Deployment is done once the pods are ready. It changes only annotations of its own.
    pods = kubernetes.apps.v1.DeploymentPatch(
        f"{logical_name}-pods",
        metadata={
            # Known only once the Gateway exists, and with it the Deployment: a preview has none to patch.
            "name": gateway.id.apply(lambda _: name),
            "namespace": namespace,
            "annotations": FIELD_MANAGER,
        },
        opts=pulumi.ResourceOptions.merge(
            _after(opts, [gateway]),
            pulumi.ResourceOptions(
                hooks=pulumi.ResourceHookBinding(
                    on_error=[pulumi.ErrorHook(f"{logical_name}-made", again_until_made)]
                )
            ),
        ),
    )
    return gateway, pods


async def again_until_made(failure: pulumi.ErrorHookArgs) -> bool:
    """Whether to try again what failed, after a pause: istiod has not made the Deployment yet."""
    if _NO_DEPLOYMENT not in failure.errors[0] or len(failure.errors) > _TRIES:
        return False
    await asyncio.sleep(_BETWEEN_TRIES_SECONDS)
    return True


def _after(opts: pulumi.ResourceOptions, needed: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=needed))
