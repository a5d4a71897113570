"""What can be wrong with the gateway that calls to another cluster go through. Pure."""

from mesh.cli.verify.hints import PUT_BACK
from mesh.cli.verify.model import Finding
from mesh.istio.values import GATEWAY_NAME, GATEWAY_PORT
from mesh.live.facts import PairFacts


def gateway_down(facts: PairFacts) -> Finding | None:
    """A gateway without a Service or without pods."""
    gateway, target = facts.target.gateway, facts.target.name
    if facts.link is None or (gateway.service and gateway.workload.ready):
        return None
    missing = "no Service" if not gateway.service else f"no ready pod ({gateway.workload.pods} pods)"
    return Finding(
        reason="gateway-down",
        cluster=target,
        message=f"the east-west gateway of {target} has {missing}",
        hint=f"in {target}: kubectl -n istio-system describe deployment {GATEWAY_NAME}; {PUT_BACK}",
    )


def gateway_pending(facts: PairFacts) -> Finding | None:
    """A gateway that waits for the address of a load balancer."""
    # Proxies go on with the last address that they were told, until their connections end.
    return gateway_without_address(facts) if facts.target.gateway.service == "LoadBalancer" else None


def gateway_without_address(facts: PairFacts) -> Finding | None:
    """A gateway without an address, of whatever type."""
    gateway, target = facts.target.gateway, facts.target.name
    if facts.link is None or gateway.addresses:
        return None
    return Finding(
        reason="gateway-without-address",
        cluster=target,
        message=f"the Service {GATEWAY_NAME} of {target}, type {gateway.service}, has no address that others "
        "could call",
        hint=f"does {target} have a load balancer for Services? In {target}: "
        f"kubectl -n istio-system describe service {GATEWAY_NAME}",
    )


def not_exposed(facts: PairFacts) -> Finding | None:
    """A gateway that has nothing to let through."""
    if facts.link is None or facts.target.gateway.exposes:
        return None
    target = facts.target.name
    return Finding(
        reason="cross-network-gateway-missing",
        cluster=target,
        message=f"no Gateway in {target}/istio-system passes TLS through on port {GATEWAY_PORT}: expected "
        "cross-network-gateway with AUTO_PASSTHROUGH",
        hint=PUT_BACK,
    )


def network_label(facts: PairFacts) -> Finding | None:
    """A network label that is not the configured network."""
    target = facts.target
    if facts.link is None or target.network_label == target.network:
        return None
    return Finding(
        reason="network-label-missing",
        cluster=target.name,
        message=f"istio-system of {target.name} has the label topology.istio.io/network="
        f"{target.network_label or '(none)'}; expected {target.network}",
        hint=PUT_BACK,
    )


def port_unreachable(facts: PairFacts) -> Finding | None:
    """A gateway that the caller's pod cannot connect to."""
    if facts.path is None or not facts.path.probe:
        return None
    return Finding(
        reason="gateway-port-unreachable",
        cluster=facts.target.name,
        message=f"{facts.caller.name} cannot connect to {facts.target.name}'s gateway at "
        f"{facts.path.probed}: {facts.path.probe}",
        hint=f"let TCP port {GATEWAY_PORT} through: firewalls, security groups, network policies and the "
        "health checks of the load balancer",
    )
