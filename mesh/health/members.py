"""What clusters that are gone have left, and what clusters disagree about. Pure."""

from mesh.health.finding import Finding, Reason, Severity
from mesh.health.readiness import MOST_SECONDS_APART
from mesh.istio.names import NAMESPACE
from mesh.live.inspected import ClusterInspection, LinkInspection


def orphaned_secret(cluster: ClusterInspection) -> Finding | None:
    """A remote secret for a cluster that this one does not see, because it is gone or not selected."""
    name = cluster.facts.name
    wanted = cluster.sees | {name}  # istiod ignores one for its own cluster
    for secret in cluster.facts.remote_secrets:
        others = sorted(secret.kubeconfigs.keys() - wanted)
        if not secret.labelled or not others or secret.kubeconfigs.keys() & wanted:
            continue
        if cluster.members.issuperset(others):
            return Finding(
                reason=Reason.REMOTE_SECRET_ORPHANED,
                cluster=name,
                message=f"{NAMESPACE}/{secret.name} in {name} is for {', '.join(others)}, which {name} does "
                f"not see in the stack: clients in {name} call its services all the same",
                hint=f"in {name}, run `kubectl -n {NAMESPACE} delete secret {secret.name}`; or add "
                f"{', '.join(others)} to `sees`",
            )
        return Finding(
            reason=Reason.REMOTE_SECRET_ORPHANED,
            cluster=name,
            message=f"{NAMESPACE}/{secret.name} in {name} is for {', '.join(others)}, which this mesh does "
            "not have: istiod tries to reach it, and each of its restarts waits for it",
            hint=f"if it is no cluster of another stack of this mesh, in {name}, run `kubectl -n "
            f"{NAMESPACE} delete secret {secret.name}`",
        )
    return None


def orphaned_gateway(cluster: ClusterInspection) -> Finding | None:
    """A Gateway that stands for the gateway of a network that the mesh does not have."""
    for gateway, network in cluster.remote_networks.items():
        if cluster.networks is not None and network not in cluster.networks:
            namespace, _, name = gateway.partition("/")
            return Finding(
                reason=Reason.REMOTE_GATEWAY_ORPHANED,
                severity=Severity.WARNING,
                cluster=cluster.facts.name,
                message=f"the Gateway {gateway} in {cluster.facts.name} is for the network {network!r}, "
                f"which this mesh does not have; it has: {', '.join(sorted(cluster.networks))}",
                hint=f"if nothing else needs it, in {cluster.facts.name}, run `kubectl -n {namespace} delete "
                f"gateways.gateway.networking.k8s.io {name}`",
            )
    return None


def clocks_differ(link: LinkInspection) -> Finding | None:
    """Two clusters whose clocks are apart: certificates of the one are not valid yet for the other."""
    here, there = link.caller.clock, link.target.clock
    if here is None or there is None or abs(here - there) <= MOST_SECONDS_APART:
        return None
    ahead, behind = sorted((link.caller, link.target), key=lambda c: -(c.clock or 0))
    return Finding(
        reason=Reason.CLOCKS_DIFFER,
        cluster=ahead.facts.name,
        peer=behind.facts.name,
        message=f"the clock of the API server of {ahead.facts.name} is {abs(here - there):.0f} s ahead of "
        f"that of {behind.facts.name}: its certificates may be refused there as not valid yet",
        hint="set the clocks of the nodes by NTP; `date -u` on a node of each shows which is wrong",
    )


def ports_differ(link: LinkInspection) -> Finding | None:
    """Services of one name with different ports: istiod takes the ports of its own cluster's for all."""
    both = sorted(link.caller.services.keys() & link.target.services.keys())
    different = [name for name in both if link.caller.services[name] != link.target.services[name]]
    if not different or (link.mutual and link.caller.facts.name > link.target.facts.name):
        return None
    name, here, there = different[0], link.caller, link.target
    return Finding(
        reason=Reason.SERVICE_PORTS_DIFFER,
        severity=Severity.WARNING,
        cluster=here.facts.name,
        peer=there.facts.name,
        message=f"the Service {name} has other ports in {here.facts.name} than in {there.facts.name}: "
        f"{_shown(here.services[name])} and {_shown(there.services[name])}; a call to a port that one of "
        f"them lacks fails there ({len(different)} such services)",
        hint=f"give the Service the same ports in both: compare `kubectl -n {name.partition('/')[0]} get "
        f"service {name.partition('/')[2]} -o yaml`",
    )


def _shown(ports: frozenset[str]) -> str:
    return ", ".join(sorted(ports)) or "none"
