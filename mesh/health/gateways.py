"""What can be wrong with the east-west gateway of a cluster. Pure."""

from collections.abc import Iterable

from mesh.config.types import ServiceType
from mesh.health.finding import PUT_BACK, Finding, Reason, put_back_release
from mesh.istio.addresses import PeerAddress
from mesh.istio.hosts import covers
from mesh.istio.names import (
    CROSS_NETWORK_GATEWAY,
    GATEWAY,
    GATEWAY_PORT,
    ISTIOD,
    NAMESPACE,
    NETWORK_LABEL,
    NO_HOST,
    revisioned,
)
from mesh.live.facts import ClusterFacts, PairFacts
from mesh.live.inspected import ClusterInspection


def gateway_down(cluster: ClusterFacts) -> Finding | None:
    """A gateway without a Service or without a ready pod."""
    gateway, target = cluster.gateway, cluster.name
    if not cluster.has_gateway or (gateway.service and gateway.workload.ready):
        return None
    missing = "Service" if not gateway.service else f"ready pod (of {gateway.workload.pods})"
    return Finding(
        reason=Reason.GATEWAY_DOWN,
        cluster=target,
        message=f"the east-west gateway of {target} has no {missing}",
        hint=f"{put_back_release(target, GATEWAY, pods=gateway.workload.pods)}; if pods do not start, run "
        f"`kubectl -n {NAMESPACE} describe pods -l app={GATEWAY}`",
    )


def gateway_pending(cluster: ClusterFacts) -> Finding | None:
    """A gateway that waits for the address of a load balancer.

    A fault even while calls are answered: proxies use the last address until their connections end.
    """
    waits = cluster.gateway.service == ServiceType.LOAD_BALANCER
    return gateway_without_address(cluster) if waits else None


def gateway_without_address(cluster: ClusterFacts) -> Finding | None:
    """A gateway without an address, of whatever type."""
    gateway, target = cluster.gateway, cluster.name
    if not cluster.has_gateway or gateway.addresses:
        return None
    return Finding(
        reason=Reason.GATEWAY_WITHOUT_ADDRESS,
        cluster=target,
        message=f"the Service {GATEWAY} of {target}, type {gateway.service}, has no address for peers",
        hint=_address_hint(target, gateway.service, gateway.requested),
    )


def _address_hint(target: str, kind: str | None, requested: str | None) -> str:
    if kind != ServiceType.LOAD_BALANCER:
        return (
            f"set clusters.{target}.gateway.addresses to those at which peers reach it; without them, "
            f"peers of a Service of type NodePort use the addresses of type ExternalIP of {target}'s nodes: "
            "`kubectl get nodes -o wide`"
        )
    return load_balancer_hint(target, GATEWAY, requested)


def load_balancer_hint(target: str, service: str, requested: str | None) -> str:
    """What to do about a Service that a load balancer gives no address, or not the requested one."""
    look = f"`kubectl -n {NAMESPACE} describe service {service}`"
    if requested is None:
        return f"check that {target} has a load balancer for Services; in {target}, run {look}"
    patch = '[{"op": "remove", "path": "/spec/loadBalancerIP"}]'
    return (
        f"the Service asks for {requested}, so check in {target} whether the load balancer can give it: "
        f"{look}; if the stack file does not ask for it, somebody else has set it: `kubectl -n "
        f"{NAMESPACE} patch service {service} --type=json --patch='{patch}'`"
    )


def addresses_not_used(cluster: ClusterFacts) -> Finding | None:
    """A gateway whose Service has addresses, which peers use instead of those that the stack gives."""
    gateway = cluster.gateway
    if not gateway.discovered or gateway.discovered == gateway.addresses:
        return None
    return Finding(
        reason=Reason.GATEWAY_ADDRESSES_NOT_USED,
        cluster=cluster.name,
        message=f"peers use {_listed(gateway.discovered)}, from the Service of the gateway in "
        f"{cluster.name}, and the stack gives {_listed(gateway.addresses)}",
        hint=f"run `pulumi up`; if that changes nothing, in {cluster.name}, run `kubectl -n {NAMESPACE} "
        f"label service {GATEWAY} {NETWORK_LABEL}-`, by which its own addresses no longer count",
    )


def addresses_not_told(facts: PairFacts) -> Finding | None:
    """A gateway whose configured addresses a control plane of the caller lacks."""
    target, caller = facts.target, facts.caller
    if target.network == caller.network or not target.gateway.given or not target.has_gateway:
        return None
    for revision, istiod in caller.declared.items():
        told = istiod.told.get(target.network, ())
        if missing := [address for address in target.gateway.addresses if address not in told]:
            release = revisioned(ISTIOD, revision)
            return Finding(
                reason=Reason.GATEWAY_ADDRESSES_NOT_USED,
                cluster=caller.name,
                peer=target.name,
                message=f"{release} of {caller.name} lacks the address {_listed(missing)} of {target.name}'s "
                f"gateway; it has {_listed(told) or 'none'} for the network {target.network}",
                hint=f"run `pulumi up`; if that changes nothing, {put_back_release(caller.name, release)}",
            )
    return None


def _listed(addresses: Iterable[PeerAddress]) -> str:
    return ", ".join(map(str, addresses))


def not_exposed(cluster: ClusterFacts) -> Finding | None:
    """A gateway that does not expose what the stack exposes."""
    hosts, declared_in = cluster.gateway.hosts, cluster.control_plane
    missing = [host for host in cluster.exposed if host not in hosts]
    if not missing:
        return None
    if hosts:
        return Finding(
            reason=Reason.CROSS_NETWORK_GATEWAY_MISSING,
            cluster=declared_in,
            message=f"the Gateways in {declared_in}/{NAMESPACE} that pass TLS through expose "
            f"{', '.join(hosts)}; expected {', '.join(missing)}, too",
            hint=PUT_BACK,
        )
    return Finding(
        reason=Reason.CROSS_NETWORK_GATEWAY_MISSING,
        cluster=declared_in,
        message=f"no Gateway in {declared_in}/{NAMESPACE} passes TLS through on port {GATEWAY_PORT}: "
        f"expected {CROSS_NETWORK_GATEWAY} with AUTO_PASSTHROUGH",
        hint=PUT_BACK,
    )


def exposure_outdated(cluster: ClusterInspection) -> Finding | None:
    """A Service that got the labels of what is exposed, or lost them, since the last update."""
    name, gateway = cluster.facts.name, cluster.facts.gateway
    if cluster.labelled is None:
        return None
    new = [h for h in cluster.labelled if not any(covers(pattern, h) for pattern in gateway.hosts)]
    expected = {*cluster.facts.exposed, *cluster.labelled, NO_HOST}
    old = [host for host in gateway.own_hosts if host not in expected]
    if not new and not old:
        return None
    changes = [
        *([f"does not expose {', '.join(new)} yet, by its labels"] if new else ()),
        *([f"still exposes {', '.join(old)} without these labels"] if old else ()),
    ]
    return Finding(
        reason=Reason.EXPOSURE_OUTDATED,
        cluster=name,
        message=f"{name} {', and '.join(changes)}",
        hint="run `pulumi up`, which looks up the labels of Services again",
    )


def network_label(cluster: ClusterFacts) -> Finding | None:
    """A network label that differs from the configured network."""
    if cluster.network_label == cluster.network:
        return None
    return Finding(
        reason=Reason.NETWORK_LABEL_MISSING,
        cluster=cluster.name,
        message=f"{NAMESPACE} of {cluster.name} has the label {NETWORK_LABEL}="
        f"{cluster.network_label or '(none)'}; expected {cluster.network}",
        hint=PUT_BACK,
    )


def port_unreachable(facts: PairFacts) -> Finding | None:
    """A gateway that the caller's pod cannot connect to."""
    if facts.direct or facts.path is None or not facts.path.probe:
        return None
    return unreachable(facts, str(facts.path.probed), facts.path.probe)


def unreachable(facts: PairFacts, address: str, why: str) -> Finding:
    """A gateway that pods of the caller cannot connect to at an address with a port."""
    caller = facts.caller.name
    ways = (w for w in facts.gateways if any(a.authority == address for a in w.gateway.addresses))
    target = next(ways, facts.target)
    port = address.rpartition(":")[2]
    nat = "; check that what has this address passes the port on" if target.gateway.given else ""
    return Finding(
        reason=Reason.GATEWAY_PORT_UNREACHABLE,
        cluster=target.name,
        peer=caller,
        message=f"{caller} cannot connect to {target.name}'s gateway at {address}: {why}",
        hint=f"allow TCP port {port}: check firewalls, security groups, network policies and the health "
        f"checks of the load balancer{nat}",
    )
