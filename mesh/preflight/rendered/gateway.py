"""What the mesh needs in the chart `gateway`. Pure."""

from collections.abc import Iterable, Sequence

from mesh.config.types import ServiceType
from mesh.istio.names import (
    CROSS_NETWORK_GATEWAY,
    GATEWAY,
    GATEWAY_LABEL,
    GATEWAY_PORT,
    GATEWAY_PORT_LABEL,
    NAMESPACE,
    NETWORK_LABEL,
    NETWORK_VIEW,
    NO_REVISION,
    NODE_SELECTOR_ANNOTATION,
    PROXY_CONTAINER,
    REVISION_LABEL,
    revision_label,
)
from mesh.mappings import Json, at
from mesh.preflight.manifests import (
    CONTROLLERS,
    annotations,
    container,
    environment,
    find,
    labels,
    selects,
    template,
)
from mesh.preflight.rendered.expected import Check, Expected, Manifests


def exposes(hosts: Iterable[str], domain: str) -> bool:
    """Whether one of a Gateway's hosts is, or is a wildcard for, a service of a cluster with that domain."""
    services = f".svc.{domain}"
    return any(
        host == "*" or host.endswith(services) or (host.startswith("*.") and services.endswith(host[1:]))
        for host in hosts
    )


def _gateway(manifests: Manifests) -> Json | None:
    return next((c for kind in CONTROLLERS if (c := find(manifests, kind, GATEWAY, NAMESPACE))), None)


def _gateway_runs(manifests: Manifests, _: Expected) -> str | None:
    controller = _gateway(manifests)
    if controller is None:
        return f"leaves {NAMESPACE} without the gateway {GATEWAY}"
    return "leaves the gateway without a pod" if at(controller, "spec", "replicas") == 0 else None


def _gateway_label(manifests: Manifests, _: Expected) -> str | None:
    """Whether the Gateway that exposes services finds the pods."""
    if labels(template(_gateway(manifests))).get("istio") == GATEWAY_LABEL:
        return None
    return (
        f"takes the label istio={GATEWAY_LABEL} from the gateway's pods, by which the Gateway "
        f"{CROSS_NETWORK_GATEWAY} finds them"
    )


def _gateway_network(manifests: Manifests, expected: Expected) -> str | None:
    pod = template(_gateway(manifests))
    variables = environment(container(pod, PROXY_CONTAINER))
    service = find(manifests, "Service", GATEWAY, NAMESPACE)
    # Pods without the label have their network from the namespace.
    of_pods = labels(pod).get(NETWORK_LABEL, expected.network if expected.given else None)
    of_service = expected.network if expected.given or service is None else labels(service).get(NETWORK_LABEL)
    for what, given in (
        (f"label {NETWORK_LABEL} of the gateway's Service", of_service),
        (f"label {NETWORK_LABEL} of the gateway's pods", of_pods),
        (NETWORK_VIEW, variables.get(NETWORK_VIEW)),
        ("ISTIO_META_NETWORK", variables.get("ISTIO_META_NETWORK", expected.network)),
    ):
        if given != expected.network:
            return f"makes {what} {given!r}; expected the cluster's network, {expected.network!r}"
    return None


def _gateway_service(manifests: Manifests, expected: Expected) -> str | None:
    """Whether peers get an address, and reach the pods at it."""
    service = find(manifests, "Service", GATEWAY, NAMESPACE)
    if service is None:
        return f"leaves the gateway without the Service {GATEWAY}: peers would get no address"
    if message := _labelled(service) if expected.given else _without_address(service):
        return message
    if not selects(at(service, "spec", "selector"), template(_gateway(manifests))):
        return "makes the gateway's Service select other pods than the gateway's"
    return None


def _labelled(service: Json) -> str | None:
    if NETWORK_LABEL not in labels(service):
        return None
    return (
        f"gives the gateway's Service the label {NETWORK_LABEL}, by which peers would use its addresses and "
        "not those in gateway.addresses"
    )


def _without_address(service: Json) -> str | None:
    kind = at(service, "spec", "type")
    if kind == ServiceType.LOAD_BALANCER or at(service, "spec", "externalIPs"):
        return None
    if kind != ServiceType.NODE_PORT:
        return f"makes the gateway's Service a {kind}, which gives peers no address; expected LoadBalancer"
    if NODE_SELECTOR_ANNOTATION in annotations(service):
        return None
    return (
        f"makes the gateway's Service a NodePort without the annotation {NODE_SELECTOR_ANNOTATION}, which "
        "gives peers no address; expected LoadBalancer, or gateway.service.type: NodePort instead"
    )


def _gateway_port(manifests: Manifests, expected: Expected) -> str | None:
    """Whether the port that peers call leads to the one that the Gateway opens."""
    service = find(manifests, "Service", GATEWAY, NAMESPACE)
    if service is None:
        return None
    called = str(expected.port if expected.given else labels(service).get(GATEWAY_PORT_LABEL, GATEWAY_PORT))
    ports: Sequence[Json] = at(service, "spec", "ports") or []
    for port in ports:
        if str(port.get("port")) == called and port.get("protocol", "TCP") == "TCP":
            target = str(port.get("targetPort", port.get("port")))
            if target == str(GATEWAY_PORT):
                return None
            return f"leads port {called} of the gateway to {target}; expected {GATEWAY_PORT}"
    return f"closes port {called} of the gateway's Service, which peers call"


def _gateway_policy(manifests: Manifests, expected: Expected) -> str | None:
    """Whether network policies let the other clusters in."""
    pod = template(_gateway(manifests))
    policies = [m for m in manifests if m.get("kind") == "NetworkPolicy"]
    if expected.network_policy and not policies:
        return "makes no NetworkPolicy for the gateway, and gateway.networkPolicy asks for one"
    for policy in policies:
        if not selects(at(policy, "spec", "podSelector", "matchLabels"), pod):
            continue
        rules: Sequence[Json] = at(policy, "spec", "ingress") or []
        ports: list[Json | None] = [port for rule in rules for port in rule.get("ports") or [None]]
        if not any(port is None or str(port.get("port")) == str(GATEWAY_PORT) for port in ports):
            return (
                f"makes the gateway's NetworkPolicy close port {GATEWAY_PORT}; expected it in service.ports"
            )
    return None


def _gateway_injected(manifests: Manifests, expected: Expected) -> str | None:
    """Whether istiod's injector turns the pods into a gateway of its own."""
    pod = template(_gateway(manifests))
    if not pod:
        return None
    image = container(pod, PROXY_CONTAINER).get("image")
    if image != "auto":
        return (
            f"makes the image of the gateway {image!r}; expected 'auto', for which istiod puts its own proxy"
        )
    if labels(pod).get("sidecar.istio.io/inject") != "true":
        return "takes the label sidecar.istio.io/inject=true from the gateway's pods: they would not start"
    templates = str(annotations(pod).get("inject.istio.io/templates", "sidecar"))
    if "gateway" not in [name.strip() for name in templates.split(",")]:
        return f"makes the gateway's pods get the templates {templates!r}; expected 'gateway'"
    required = revision_label(expected.revision)
    if (revision := labels(pod).get(REVISION_LABEL, NO_REVISION)) != required:
        return f"gives the gateway the revision {revision!r}; expected {required!r}, that of its istiod"
    return None


CHECKS: tuple[Check, ...] = (
    _gateway_runs,
    _gateway_label,
    _gateway_network,
    _gateway_service,
    _gateway_port,
    _gateway_policy,
    _gateway_injected,
)
