"""What a remote needs in the chart `istiod`, which makes no istiod there. Pure."""

from collections.abc import Sequence

from mesh.istio.names import INJECTOR, ISTIOD, NAMESPACE
from mesh.mappings import Json, at
from mesh.preflight.manifests import find
from mesh.preflight.rendered.expected import Check, Expected, Manifests
from mesh.preflight.rendered.istiod import ISTIOD_PORTS, mesh_config, reader_role


def _remote_service(manifests: Manifests, _: Expected) -> str | None:
    """Whether istiod's name leads proxies and the API server to the primary's istiod."""
    service = find(manifests, "Service", ISTIOD, NAMESPACE)
    slice_ = find(manifests, "EndpointSlice", ISTIOD, NAMESPACE)
    ports: Sequence[Json] = at(service, "spec", "ports") or []
    if slice_ is None or not {port.get("port") for port in ports} >= {*ISTIOD_PORTS}:
        return (
            f"leaves the remote without the Service {ISTIOD}, which leads to the control plane of its primary"
        )
    return None


def _remote_injection(manifests: Manifests, expected: Expected) -> str | None:
    """Whether pods get a proxy that knows where it is, from an istiod elsewhere."""
    webhook = find(manifests, "MutatingWebhookConfiguration", INJECTOR)
    entries: Sequence[Json] = at(webhook, "webhooks") or []
    services = [at(entry, "clientConfig", "service") for entry in entries]
    path = f"/inject/cluster/{expected.cluster}/net/{expected.network}"
    if not services or any(
        (at(service, "name"), at(service, "namespace"), at(service, "path")) != (ISTIOD, NAMESPACE, path)
        for service in services
    ):
        return f"leaves the cluster without the webhook {INJECTOR} to {path}: no pod would get a proxy"
    return None


def _remote_reader(manifests: Manifests, expected: Expected) -> str | None:
    """Whether the primary may write the roots and the CA of the webhooks."""
    if not (expected.reader and expected.reader_role):
        return None
    roles = [m for m in manifests if m.get("kind") == "ClusterRole"]
    lists: list[Sequence[Json]] = [role.get("rules") or [] for role in roles]
    rules = [rule for inner in lists for rule in inner]
    for resource, verb in (("configmaps", "create"), ("mutatingwebhookconfigurations", "update")):
        if not any(resource in r.get("resources", ()) and verb in r.get("verbs", ()) for r in rules):
            return f"keeps the primary from the right to {verb} {resource} in the remote"
    return None


CHECKS: tuple[Check, ...] = (_remote_service, mesh_config, _remote_injection, _remote_reader, reader_role)
