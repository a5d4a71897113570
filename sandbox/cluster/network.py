"""The sandbox's bridge, each cluster's place on it, and what may pass between clusters.

Clusters reach each other's API servers and LoadBalancer addresses (or NodePorts, where there is no load
balancer), and, on a network that they share, each other's pods. Every cluster refuses the rest at its own
door, before kube-proxy's rules see it, so that NodePorts, kubelets and routes to pods are shut too. This
machine may reach all of a node's ports; behind a NAT, it alone reaches the load balancer.
"""

import json
from collections.abc import Sequence
from ipaddress import IPv4Network

from sandbox.cluster import namespaces, nat
from sandbox.cluster.layout import NODE_PORTS, POD_RANGE_V6, ClusterLayout, Instance, Sandbox
from sandbox.cluster.system import run
from sandbox.errors import SandboxError


def taken_networks(sandbox: Sandbox) -> list[IPv4Network]:
    """Return the networks that this machine has routes to, apart from the sandbox's own."""
    routes = _ask(["ip", "-json", "-4", "route", "show", "table", "all"])
    return [
        IPv4Network(route["dst"], strict=False)
        for route in routes
        if route["dst"] != "default" and route.get("dev") != sandbox.bridge
    ]


def bridge_subnet(sandbox: Sandbox) -> IPv4Network | None:
    """Return the network of the sandbox's bridge; None when there is no bridge, or it has no address yet."""
    for link in _ask(["ip", "-json", "-4", "address", "show"]):
        if link["ifname"] == sandbox.bridge:
            for address in link["addr_info"]:
                return IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False)
    return None


def ensure_bridge(instance: Instance) -> None:
    """Make the bridge unless it is there, and let it forward on machines that filter bridged packets."""
    links = _links()
    if instance.bridge not in links:
        run(["ip", "link", "add", instance.bridge, "type", "bridge"])
    if bridge_subnet(instance) is None:
        run(["ip", "address", "add", f"{instance.host_address}/24", "dev", instance.bridge])
    run(["ip", "link", "set", instance.bridge, "up"])
    if run(_forwarding("-C", instance), check=False).returncode != 0:
        run(_forwarding("-I", instance))


def remove_bridge(sandbox: Sandbox) -> None:
    """Remove the bridge, its rules, and its ports, where they are there."""
    nat.remove_all(sandbox)
    while run(_forwarding("-D", sandbox), check=False).returncode == 0:
        continue
    for link in _links():
        if link == sandbox.bridge or link.startswith(f"{sandbox.bridge}-"):
            _delete(link)


def _forwarding(action: str, sandbox: Sandbox) -> list[str]:
    """Docker and firewalls drop what is forwarded; where br_netfilter is on, bridged packets too."""
    bridge = sandbox.bridge
    return ["iptables", "-w", action, "FORWARD", "-i", bridge, "-o", bridge, "-j", "ACCEPT"]


def _links() -> set[str]:
    return {link["ifname"] for link in _ask(["ip", "-json", "link", "show"])}


def _ask(argv: Sequence[str]) -> list[dict]:
    return json.loads(run(argv).stdout or "[]")


def _delete(link: str) -> None:
    """Delete a link, which may be going away by itself: with the namespace that its other end is in."""
    done = run(["ip", "link", "delete", link], check=False)
    if done.returncode != 0 and link in _links():
        raise SandboxError(f"link {link} cannot be deleted: {done.stderr.strip()}")


def ensure_link(cluster: ClusterLayout) -> None:
    """Join the cluster's network namespace to the bridge, with its addresses, routes and rules."""
    if _addresses_inside(cluster) != {cluster.node_address, *cluster.load_balancer_addresses}:
        remove_link(cluster)
        _add_link(cluster)
    run(["ip", "link", "set", cluster.link, "master", cluster.instance.bridge, "up"])
    if cluster.surroundings.dual_stack:
        host = f"{cluster.instance.host_address_v6}/64"
        run(["ip", "address", "replace", host, "dev", cluster.instance.bridge, "nodad"])
    run(_inside(cluster, ["ip", "-batch", "-"]), given="\n".join([*_of_ipv6(cluster), *routes(cluster)]))
    run(_inside(cluster, ["nft", "--file", "-"]), given=rules(cluster))
    nat.ensure(cluster)


def _addresses_inside(cluster: ClusterLayout) -> set[str]:
    """Return the addresses of the cluster's interface; none when it has no interface yet.

    The load balancer's are added last: who has them has everything.
    """
    links = _ask(_inside(cluster, ["ip", "-json", "-4", "address", "show"]))
    own = [link for link in links if link["ifname"] == "eth0"]
    return {address["local"] for link in own for address in link["addr_info"]}


def _add_link(cluster: ClusterLayout) -> None:
    pid = str(namespaces.first_process(cluster))
    peer = ["peer", "name", "eth0", "address", cluster.hardware_address, "netns", pid]
    run(["ip", "link", "add", cluster.link, "type", "veth", *peer])
    steps = [
        "link set lo up",
        f"address add {cluster.node_address}/24 dev eth0",
        "link set eth0 up",
        f"route add default via {cluster.instance.host_address}",
        *(f"address add {address}/32 dev eth0" for address in cluster.load_balancer_addresses),
    ]
    run(_inside(cluster, ["ip", "-batch", "-"]), given="\n".join(steps))


def _inside(cluster: ClusterLayout, argv: Sequence[str]) -> list[str]:
    return namespaces.argv_inside(cluster, argv, network_only=True)


def _of_ipv6(cluster: ClusterLayout) -> list[str]:
    """Return the commands of `ip` that give a cluster its addresses of IPv6. Pure."""
    if cluster.node_address_v6 is None:
        return []
    return [
        f"address replace {cluster.node_address_v6}/64 dev eth0 nodad",
        *(f"address replace {a}/128 dev eth0 nodad" for a in cluster.load_balancer_addresses_v6.values()),
        f"route replace ::/0 via {cluster.instance.host_address_v6}",
    ]


def routes(cluster: ClusterLayout) -> list[str]:
    """Return the commands of `ip` that lead to the pods of the network's other clusters. Pure.

    What the node itself sends there comes from an address of the pods' range, so that it is let in.
    """
    if not cluster.pod_routes:
        return []
    own = IPv4Network(cluster.pod_range)[1]
    ways = [f"route replace {pods} via {node} src {own}" for pods, node in cluster.pod_routes.items()]
    return [f"address replace {own}/32 dev lo", *ways]


def cut_route(cluster: ClusterLayout, other: ClusterLayout) -> None:
    """Let a cluster refuse what it sends to the pods of another one, until its link is ensured again.

    Raises:
        SandboxError: the cluster does not run, or it shares no network with the other.
    """
    if other.pod_range not in cluster.pod_routes:
        raise SandboxError(f"clusters {cluster.name} and {other.name} share no network: nothing to cut")
    run(_inside(cluster, ["ip", "route", "replace", "unreachable", other.pod_range]))


def rules(cluster: ClusterLayout) -> str:
    """Return the nftables rules of a cluster's door, replacing those that are there. Pure.

    Priority -150 is after connection tracking and before kube-proxy's address translation, so
    that an address is still the one that was called. Refused at once, so that nothing hangs.
    """
    network = cluster.network_range
    peers = f"ip saddr {network} ip daddr {cluster.pod_range} accept" if network else ""
    return f"""
table inet sandbox
delete table inet sandbox
table inet sandbox {{
  chain door {{
    type filter hook prerouting priority -150; policy accept;
    iifname != "eth0" accept
    ct state established,related accept
    ip saddr {cluster.instance.host_address} accept
    {_service_rule(cluster)}
    {_rules_of_ipv6(cluster)}
    ip daddr {cluster.node_address} tcp dport {cluster.api_port} accept
    {peers}
    icmp type echo-request accept
    meta l4proto tcp reject with tcp reset
    reject
  }}
  chain pods {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname "eth0" ip saddr {cluster.pod_range} ip daddr != {network or cluster.pod_range} masquerade
    oifname "eth0" ip6 saddr {POD_RANGE_V6} ip6 daddr != {POD_RANGE_V6} masquerade
  }}
}}
"""


def _service_rule(cluster: ClusterLayout) -> str:
    """Return the rule that lets peers call Services. Pure."""
    if cluster.nat:
        return ""
    if cluster.surroundings.load_balancer == "none":
        return f"ip daddr {cluster.way_in} tcp dport {NODE_PORTS} accept"
    return f"ip daddr {{ {', '.join(cluster.load_balancer_addresses)} }} accept"


def _rules_of_ipv6(cluster: ClusterLayout) -> str:
    """Return the rules for what comes by IPv6: neighbours have to find each other first. Pure."""
    if cluster.node_address_v6 is None:
        return ""
    around = [f"ip6 saddr {cluster.instance.host_address_v6} accept", "meta l4proto ipv6-icmp accept"]
    if cluster.nat:
        ways = []
    elif cluster.surroundings.load_balancer == "none":
        ways = [f"ip6 daddr {cluster.node_address_v6} tcp dport {NODE_PORTS} accept"]
    else:
        ways = [f"ip6 daddr {a} accept" for a in cluster.load_balancer_addresses_v6.values()]
    return "\n    ".join([*around, *ways])


def remove_link(cluster: ClusterLayout) -> None:
    """Remove a cluster's NAT, and the bridge's port where the end of the namespace has not done so yet."""
    nat.remove(cluster)
    if cluster.link in _links():
        _delete(cluster.link)
