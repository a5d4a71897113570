"""What can be wrong between clusters of one network, and between a remote and its primary. Pure."""

from mesh.health.finding import Finding, Reason, Severity
from mesh.istio.names import ISTIOD, ISTIOD_PORT, NAMESPACE, WEBHOOK_PORT
from mesh.live.facts import PairFacts
from mesh.live.inspected import ClusterInspection, LinkInspection


def route_missing(facts: PairFacts) -> Finding | None:
    """A pod of the target that the caller's pod cannot connect to, though both are on one network."""
    if not facts.direct or facts.path is None or not facts.path.probe:
        return None
    return _no_route(facts, str(facts.path.probed), facts.path.probe)


def pods_unreachable(link: LinkInspection) -> Finding | None:
    """A pod of the peer that pods of the cluster cannot connect to, though both are on one network."""
    if link.pod is None or link.pod.failure is None:
        return None
    return _no_route(link.pair, link.pod.address, link.pod.failure)


def control_plane_unreachable(link: LinkInspection) -> Finding | None:
    """A remote whose pods cannot connect to the control plane of its primary."""
    reach, here, there = link.control_plane, link.caller.facts.name, link.target.facts.name
    if reach is None or reach.failure is None:
        return None
    return Finding(
        reason=Reason.CONTROL_PLANE_UNREACHABLE,
        cluster=here,
        peer=there,
        message=f"pods in {here} cannot connect to the control plane of {there}, by {reach.address}: "
        f"{reach.failure}: their proxies get no changes, and no new certificates when theirs expire",
        hint=f"in {here}, run `kubectl -n {NAMESPACE} get endpointslice {ISTIOD}`, and let {here} connect to "
        f"that address on the ports {ISTIOD_PORT} and {WEBHOOK_PORT}; if it is not that of {there}, run "
        "`pulumi up`",
    )


def not_tried(cluster: ClusterInspection) -> Finding | None:
    """A cluster from which no connection to its peers could be tried."""
    if cluster.untried is None:
        return None
    name = cluster.facts.name
    return Finding(
        reason=Reason.CONNECTIONS_NOT_CHECKED,
        severity=Severity.WARNING,
        cluster=name,
        message=f"whether {name} reaches its peers is not checked: {cluster.untried}",
        hint=f"turn HelloWorld on in {name}, or wait until a pod with a proxy runs there",
    )


def _no_route(facts: PairFacts, address: str, why: str) -> Finding:
    here, there = facts.caller, facts.target
    return Finding(
        reason=Reason.NETWORK_ROUTE_MISSING,
        cluster=here.name,
        peer=there.name,
        message=f"pods in {here.name} cannot connect to the pod at {address} in {there.name}: {why}; both "
        f"are on the network {here.network!r}, where pods must reach each other",
        hint=f"route the pods' addresses of {there.name} to it, and let TCP through: check routes, VPC "
        "peering, firewalls and network policies in both; if pods cannot reach each other, the two need "
        "networks of their own: docs/runbooks/change-identity.md",
    )
