"""What can be wrong with what ambient workloads need: ztunnel, its plugin, their gateway. Pure."""

from mesh.health.finding import (
    PUT_BACK,
    Finding,
    Reason,
    put_back_release,
    replace_release,
    restart_istiod,
)
from mesh.health.gateways import load_balancer_hint
from mesh.istio.names import (
    CNI,
    CNI_DAEMON_SET,
    HBONE_GATEWAY,
    HBONE_PORT,
    ISTIOD_PORT,
    NAMESPACE,
    NETWORK_LABEL,
    REMOTE_CLASS,
    ZTUNNEL,
    ZTUNNEL_PODS,
)
from mesh.live.facts import ClusterFacts, Daemon, PairFacts

_POD_LABEL = f"gateway.networking.k8s.io/gateway-name={HBONE_GATEWAY}"


def gateway_api_missing(cluster: ClusterFacts) -> Finding | None:
    """An API server that does not know Gateways of the Gateway API."""
    if cluster.ambient is None or cluster.ambient.gateway_api:
        return None
    return Finding(
        reason=Reason.GATEWAY_API_MISSING,
        cluster=cluster.name,
        message=f"{cluster.name} has no definitions of the Gateway API: istiod there makes no gateway and no "
        "waypoint for ambient workloads",
        hint=f"{PUT_BACK}, which makes them again where they are the stack's; else install them as before. "
        f"istiod looks for them when it starts: in {cluster.name}, run {restart_istiod(cluster.revisions)}",
    )


def cni_not_ready(cluster: ClusterFacts) -> Finding | None:
    """A plugin that is missing on a node: pods there are not enrolled, and those that are cannot start."""
    if cluster.ambient is None or (wrong := _missing(cluster.ambient.cni)) is None:
        return None
    return Finding(
        reason=Reason.CNI_NOT_READY,
        cluster=cluster.name,
        message=f"the CNI plugin {CNI_DAEMON_SET} of {cluster.name} {wrong}: ambient pods there do not "
        "start, or stay out of the mesh",
        hint=_daemon_hint(cluster.name, cluster.ambient.cni, CNI, f"k8s-app={CNI_DAEMON_SET}"),
    )


def ztunnel_cluster(cluster: ClusterFacts) -> Finding | None:
    """A ztunnel that says it is in another cluster: istiod gives it nothing.

    With a rolling update the pod of before goes on, so that nothing else shows it.
    """
    found = cluster.ambient and cluster.ambient.ztunnel
    if not found or found.cluster_id == cluster.name:
        return None
    return Finding(
        reason=Reason.ZTUNNEL_CLUSTER,
        cluster=cluster.name,
        message=f"ztunnel of {cluster.name} says that it is in the cluster {found.cluster_id!r}; expected "
        f"{cluster.name!r}: istiod refuses it certificates, and new pods of it are never ready",
        hint=f"run `pulumi up`; if that changes nothing, {put_back_release(cluster.name, ZTUNNEL)}",
    )


def ztunnel_network(cluster: ClusterFacts) -> Finding | None:
    """A ztunnel without the network of the cluster: it finds no service by its address."""
    found = cluster.ambient and cluster.ambient.ztunnel
    if not found or found.network == cluster.network:
        return None
    return Finding(
        reason=Reason.ZTUNNEL_NETWORK,
        cluster=cluster.name,
        message=f"ztunnel of {cluster.name} has the network {found.network or '(none)'!r}; expected "
        f"{cluster.network!r}: calls are reset or leave the mesh, and none goes to another network",
        hint=f"run `pulumi up`; if that changes nothing, {put_back_release(cluster.name, ZTUNNEL)}",
    )


def ztunnel_not_ready(cluster: ClusterFacts) -> Finding | None:
    """A ztunnel that is missing on a node: ambient pods there have no network and no DNS."""
    if cluster.ambient is None:
        return None
    ztunnel = cluster.ambient.ztunnel
    if (wrong := _missing(ztunnel.daemon if ztunnel else None)) is None:
        return None
    return Finding(
        reason=Reason.ZTUNNEL_NOT_READY,
        cluster=cluster.name,
        message=f"ztunnel of {cluster.name} {wrong}: enrolled pods there have no DNS and no network",
        hint=_daemon_hint(cluster.name, ztunnel and ztunnel.daemon, ZTUNNEL, ZTUNNEL_PODS),
    )


def ztunnel_not_connected(cluster: ClusterFacts) -> Finding | None:
    """A ztunnel that is ready, and hears nothing from istiod any more."""
    if cluster.ambient is None or cluster.ambient.connected is None:
        return None
    lost = [pod for pod in cluster.ambient.ztunnels if pod not in cluster.ambient.connected]
    if not lost:
        return None
    return Finding(
        reason=Reason.ZTUNNEL_NOT_CONNECTED,
        cluster=cluster.name,
        message=f"{', '.join(lost)} in {cluster.name} is not connected to istiod: it goes on with what it "
        "knows, and gets no changes and no certificates",
        hint=f"in {cluster.name}, run `kubectl -n {NAMESPACE} logs {lost[0]}`; let it connect to port "
        f"{ISTIOD_PORT} of istiod's pods: check network policies and firewalls",
    )


def hbone_gateway_down(cluster: ClusterFacts) -> Finding | None:
    """A gateway that does not exist, or has no ready pod: about half of the calls to the cluster fail.

    ztunnel does not take it out, and that it is programmed says nothing of its pods.
    """
    if cluster.ambient is None or not cluster.has_hbone_gateway:
        return None
    name, gateway = cluster.name, cluster.ambient.gateway
    if gateway is None:
        return Finding(
            reason=Reason.HBONE_GATEWAY_DOWN,
            cluster=name,
            message=f"{name} has no Gateway {NAMESPACE}/{HBONE_GATEWAY}, by which other networks reach its "
            "ambient workloads",
            hint=PUT_BACK,
        )
    if gateway.workload.ready:
        return None
    return Finding(
        reason=Reason.HBONE_GATEWAY_DOWN,
        cluster=name,
        message=f"the gateway {HBONE_GATEWAY} of {name} has no ready pod (of {gateway.workload.pods}); calls "
        "from other networks are sent there all the same, and fail",
        hint=f"in {name}, run `kubectl -n {NAMESPACE} scale deployment {HBONE_GATEWAY} --replicas=1`, if it "
        f"has none; if pods do not start, run `kubectl -n {NAMESPACE} describe pods -l {_POD_LABEL}`; to "
        f"keep calls away meanwhile, run `kubectl -n {NAMESPACE} label gateways.gateway.networking.k8s.io "
        f"{HBONE_GATEWAY} {NETWORK_LABEL}-`, which `pulumi up --refresh` takes back",
    )


def hbone_gateway_changed(cluster: ClusterFacts) -> Finding | None:
    """A gateway that istiod of other clusters does not take for that of this network."""
    gateway = cluster.ambient and cluster.ambient.gateway
    if not gateway or not cluster.has_hbone_gateway:
        return None
    # Where the stack gives its address, peers must not find the one that it has.
    wanted = None if gateway.given else cluster.network
    if gateway.network != wanted:
        what = f"the label {NETWORK_LABEL}={gateway.network or '(none)'}; expected {wanted or 'none'}"
    elif not gateway.listens:
        what = f"no listener HBONE on port {HBONE_PORT} that ends TLS"
    else:
        return None
    return Finding(
        reason=Reason.HBONE_GATEWAY_CHANGED,
        cluster=cluster.name,
        message=f"the Gateway {NAMESPACE}/{HBONE_GATEWAY} of {cluster.name} has {what}: other clusters do "
        "not find it, or by another address",
        hint=PUT_BACK,
    )


def hbone_gateway_without_address(cluster: ClusterFacts) -> Finding | None:
    """A gateway that istiod has not programmed, or that has no address for peers."""
    gateway = cluster.ambient and cluster.ambient.gateway
    if not gateway or not cluster.has_hbone_gateway or (gateway.programmed and gateway.addresses):
        return None
    why = gateway.problem or "no address"
    return Finding(
        reason=Reason.HBONE_GATEWAY_WITHOUT_ADDRESS,
        cluster=cluster.name,
        message=f"the Gateway {NAMESPACE}/{HBONE_GATEWAY} of {cluster.name} is not ready for peers: {why}",
        hint=f"{load_balancer_hint(cluster.name, HBONE_GATEWAY, gateway.requested)}; `kubectl -n {NAMESPACE} "
        f"describe gateways.gateway.networking.k8s.io {HBONE_GATEWAY}` has what istiod says",
    )


def addresses_not_told(facts: PairFacts) -> Finding | None:
    """A gateway whose given addresses are not written into the cluster of the caller."""
    gateway = facts.target.ambient and facts.target.ambient.gateway
    own = facts.caller.ambient
    if not gateway or own is None or not gateway.given or facts.direct:
        return None
    told = own.told.get(facts.target.network, ())
    missing = [str(address) for address in gateway.addresses if address not in told]
    if not missing:
        return None
    caller, target = facts.caller.name, facts.target.name
    return Finding(
        reason=Reason.GATEWAY_ADDRESSES_NOT_USED,
        cluster=caller,
        peer=target,
        message=f"{caller} has no Gateway of the class {REMOTE_CLASS} with the address {', '.join(missing)} "
        f"of {target}'s gateway, and with its account {HBONE_GATEWAY}; it has "
        f"{', '.join(map(str, told)) or 'none'} for the network {facts.target.network}",
        hint=PUT_BACK,
    )


def _missing(daemon: Daemon | None) -> str | None:
    if daemon is None:
        return "does not exist"
    if daemon.wanted == 0:
        return "is wanted on no node"
    if daemon.ready < daemon.wanted:
        return f"is ready on {daemon.ready} of {daemon.wanted} nodes"
    return None


def _daemon_hint(cluster: str, daemon: Daemon | None, release: str, pods: str) -> str:
    again = replace_release(cluster, release) if daemon else put_back_release(cluster, release)
    return (
        f"{again}; if its pods are not ready, run `kubectl -n {NAMESPACE} "
        f"describe pods -l {pods}`, and look at their logs"
    )
