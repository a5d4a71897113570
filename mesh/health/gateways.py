"""What can be wrong with the east-west gateway of the cluster that is called. Pure."""

from mesh.health.finding import PUT_BACK, Finding, Reason, put_back_release
from mesh.istio.names import CROSS_NETWORK_GATEWAY, GATEWAY, GATEWAY_PORT, NAMESPACE, NETWORK_LABEL
from mesh.live.facts import PairFacts


def gateway_down(facts: PairFacts) -> Finding | None:
    """A gateway without a Service or without a ready pod."""
    gateway, target = facts.target.gateway, facts.target.name
    if facts.link is None or (gateway.service and gateway.workload.ready):
        return None
    missing = "Service" if not gateway.service else f"ready pod (of {gateway.workload.pods})"
    return Finding(
        reason=Reason.GATEWAY_DOWN,
        cluster=target,
        message=f"the east-west gateway of {target} has no {missing}",
        hint=f"{put_back_release(target, GATEWAY, pods=gateway.workload.pods)}; if pods do not start, run "
        f"`kubectl -n {NAMESPACE} describe pods -l app={GATEWAY}`",
    )


def gateway_pending(facts: PairFacts) -> Finding | None:
    """A gateway that waits for the address of a load balancer.

    A fault even while calls are answered: proxies use the last address until their connections end.
    """
    return gateway_without_address(facts) if facts.target.gateway.service == "LoadBalancer" else None


def gateway_without_address(facts: PairFacts) -> Finding | None:
    """A gateway without an address, of whatever type."""
    gateway, target = facts.target.gateway, facts.target.name
    if facts.link is None or gateway.addresses:
        return None
    return Finding(
        reason=Reason.GATEWAY_WITHOUT_ADDRESS,
        cluster=target,
        message=f"the Service {GATEWAY} of {target}, type {gateway.service}, has no address for peers",
        hint=_address_hint(target, gateway.requested),
    )


def _address_hint(target: str, requested: str | None) -> str:
    service = f"`kubectl -n {NAMESPACE} describe service {GATEWAY}`"
    if requested is None:
        return f"check that {target} has a load balancer for Services; in {target}, run {service}"
    patch = '[{"op": "remove", "path": "/spec/loadBalancerIP"}]'
    return (
        f"the Service asks for {requested}, so check in {target} whether the load balancer can give it: "
        f"{service}; if istio.values.gateway does not ask for it, somebody else has set it: `kubectl -n "
        f"{NAMESPACE} patch service {GATEWAY} --type=json --patch='{patch}'`"
    )


def not_exposed(facts: PairFacts) -> Finding | None:
    """A gateway that exposes no services."""
    if facts.link is None or facts.target.gateway.exposes:
        return None
    target = facts.target.name
    return Finding(
        reason=Reason.CROSS_NETWORK_GATEWAY_MISSING,
        cluster=target,
        message=f"no Gateway in {target}/{NAMESPACE} passes TLS through on port {GATEWAY_PORT}: expected "
        f"{CROSS_NETWORK_GATEWAY} with AUTO_PASSTHROUGH",
        hint=PUT_BACK,
    )


def network_label(facts: PairFacts) -> Finding | None:
    """A network label that differs from the configured network."""
    target = facts.target
    if facts.link is None or target.network_label == target.network:
        return None
    return Finding(
        reason=Reason.NETWORK_LABEL_MISSING,
        cluster=target.name,
        message=f"{NAMESPACE} of {target.name} has the label {NETWORK_LABEL}="
        f"{target.network_label or '(none)'}; expected {target.network}",
        hint=PUT_BACK,
    )


def port_unreachable(facts: PairFacts) -> Finding | None:
    """A gateway that the caller's pod cannot connect to."""
    if facts.path is None or not facts.path.probe:
        return None
    return Finding(
        reason=Reason.GATEWAY_PORT_UNREACHABLE,
        cluster=facts.target.name,
        message=f"{facts.caller.name} cannot connect to {facts.target.name}'s gateway at "
        f"{facts.path.probed}: {facts.path.probe}",
        hint=f"allow TCP port {GATEWAY_PORT}: check firewalls, security groups, network policies and the "
        "health checks of the load balancer",
    )
