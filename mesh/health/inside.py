"""What connections from inside a cluster to its peers say. Pure."""

from mesh.health.finding import PUT_BACK, Finding, Reason
from mesh.health.gateways import unreachable
from mesh.istio.names import CROSS_NETWORK_GATEWAY, GATEWAY, NAMESPACE
from mesh.live.inspected import LinkInspection


def api_server_unreachable(link: LinkInspection) -> Finding | None:
    """An API server that no pod of the cluster can connect to, by the address in the remote secret."""
    reach, here, there = link.api_server, link.caller.facts.name, link.target.facts.name
    if reach is None or reach.failure is None:
        return None
    return Finding(
        reason=Reason.PEER_API_SERVER_UNREACHABLE,
        cluster=here,
        peer=there,
        message=f"pods in {here} cannot connect to the API server of {there} at {reach.address}: "
        f"{reach.failure}",
        hint=f"let {here} connect to it: check firewalls, security groups and network policies; if peers "
        f"need another address, set clusters.{there}.apiServer",
    )


def gateway_unreachable(link: LinkInspection) -> Finding | None:
    """A gateway that pods of the cluster cannot connect to, at one of its addresses."""
    failed = next((reach for reach in link.gateways if reach.failure), None)
    if failed is None:
        return None
    return unreachable(link.pair, failed.address, str(failed.failure))


def passes_nothing(link: LinkInspection) -> Finding | None:
    """A gateway that takes connections and closes those for every service that was tried."""
    tried = link.handshakes
    if not tried or not all(shaken.closed for shaken in tried.values()):
        return None
    here, there = link.caller.facts.name, link.target.facts.name
    return Finding(
        reason=Reason.GATEWAY_PASSES_NOTHING,
        cluster=there,
        peer=here,
        message=f"the gateway of {there} takes connections from {here}, and closes those for "
        f"{', '.join(tried)} before the TLS handshake",
        hint=f"{PUT_BACK}, which puts {CROSS_NETWORK_GATEWAY} back; if that changes nothing, in {there}, run "
        f"`kubectl -n {NAMESPACE} rollout restart deployment/{GATEWAY}`; then look for a PeerAuthentication "
        "that turns mutual TLS off: `kubectl get peerauthentications --all-namespaces`",
    )


def distrusted(link: LinkInspection) -> Finding | None:
    """A service behind the gateway whose certificate pods of the cluster do not trust."""
    found = next(((host, shaken) for host, shaken in link.handshakes.items() if shaken.distrusted), None)
    if found is None:
        return None
    here, there = link.caller.facts.name, link.target.facts.name
    host, shaken = found
    return Finding(
        reason=Reason.PEER_CERTIFICATE_DISTRUSTED,
        cluster=there,
        peer=here,
        message=f"{here} does not trust the certificate of {host} behind the gateway of {there}: "
        f"{shaken.distrusted}",
        hint="if the roots are the same by now, restart its workloads, which gives them new certificates; "
        "`python -m mesh trust --workloads` shows who has which",
    )
