"""The sandbox's bridge, each cluster's place on it, and what may pass between clusters.

Clusters reach each other's API servers and LoadBalancer addresses, and nothing else: every cluster
refuses the rest at its own door, before kube-proxy's rules see it, so that NodePorts, kubelets and
routes to pods are shut too. This machine may reach all of a node's ports.
"""

import json
from collections.abc import Sequence
from ipaddress import IPv4Network

from sandbox.cluster import namespaces
from sandbox.cluster.layout import API_PORT, ClusterLayout, Instance, bridge_name
from sandbox.cluster.system import run

_IP = "ip"


def taken_networks(instance: str) -> list[IPv4Network]:
    """Return the networks that this machine has routes to, apart from the sandbox's own."""
    routes = json.loads(run([_IP, "-json", "-4", "route", "show", "table", "all"]).stdout)
    return [
        IPv4Network(route["dst"], strict=False)
        for route in routes
        if route["dst"] != "default" and route.get("dev") != bridge_name(instance)
    ]


def bridge_subnet(instance: str) -> IPv4Network | None:
    """Return the network of the sandbox's bridge; None when there is no bridge, or it has no address yet."""
    for link in json.loads(run([_IP, "-json", "-4", "address", "show"]).stdout):
        if link["ifname"] == bridge_name(instance):
            for address in link["addr_info"]:
                return IPv4Network(f"{address['local']}/{address['prefixlen']}", strict=False)
    return None


def ensure_bridge(instance: Instance) -> None:
    """Make the bridge unless it is there, and let it forward on machines that filter bridged packets."""
    links = _links()
    if instance.bridge not in links:
        run([_IP, "link", "add", instance.bridge, "type", "bridge"])
    if bridge_subnet(instance.id) is None:
        run([_IP, "address", "add", f"{instance.host_address}/24", "dev", instance.bridge])
    run([_IP, "link", "set", instance.bridge, "up"])
    if run(_forwarding("-C", instance), check=False).returncode != 0:
        run(_forwarding("-I", instance))


def remove_bridge(instance: Instance) -> None:
    """Remove the bridge and its rule, where they are there."""
    while run(_forwarding("-D", instance), check=False).returncode == 0:
        continue
    if instance.bridge in _links():
        run([_IP, "link", "delete", instance.bridge])


def _forwarding(action: str, instance: Instance) -> list[str]:
    """Docker and firewalls drop what is forwarded; where br_netfilter is on, bridged packets too."""
    bridge = instance.bridge
    return ["iptables", "-w", action, "FORWARD", "-i", bridge, "-o", bridge, "-j", "ACCEPT"]


def _links() -> set[str]:
    return {link["ifname"] for link in json.loads(run([_IP, "-json", "link", "show"]).stdout)}


def ensure_link(cluster: ClusterLayout) -> None:
    """Join the cluster's network namespace to the bridge, with its addresses and its rules."""
    if cluster.link not in _links():
        _add_link(cluster)
    run([_IP, "link", "set", cluster.link, "master", cluster.instance.bridge, "up"])
    run(_inside(cluster, ["nft", "--file", "-"]), given=rules(cluster))


def _add_link(cluster: ClusterLayout) -> None:
    pid = str(namespaces.first_process(cluster))
    run([_IP, "link", "add", cluster.link, "type", "veth", "peer", "name", "eth0", "netns", pid])
    steps = [
        "link set lo up",
        f"address add {cluster.node_address}/24 dev eth0",
        *(f"address add {address}/32 dev eth0" for address in cluster.load_balancer_addresses),
        "link set eth0 up",
        f"route add default via {cluster.instance.host_address}",
    ]
    run(_inside(cluster, [_IP, "-batch", "-"]), given="\n".join(steps))


def _inside(cluster: ClusterLayout, argv: Sequence[str]) -> list[str]:
    return namespaces.argv_inside(cluster, argv, network_only=True)


def rules(cluster: ClusterLayout) -> str:
    """Return the nftables rules of a cluster's door, replacing those that are there. Pure.

    Priority -150 is after connection tracking and before kube-proxy's address translation, so
    that an address is still the one that was called. Refused at once, so that nothing hangs.
    """
    own = ", ".join(cluster.load_balancer_addresses)
    return f"""
table inet sandbox
delete table inet sandbox
table inet sandbox {{
  chain door {{
    type filter hook prerouting priority -150; policy accept;
    iifname != "eth0" accept
    ct state established,related accept
    ip saddr {cluster.instance.host_address} accept
    ip daddr {{ {own} }} accept
    ip daddr {cluster.node_address} tcp dport {API_PORT} accept
    icmp type echo-request accept
    meta l4proto tcp reject with tcp reset
    reject
  }}
}}
"""


def remove_link(cluster: ClusterLayout) -> None:
    """Remove the bridge's port to a cluster, where the end of its namespace has not done so yet."""
    if cluster.link in _links():
        run([_IP, "link", "delete", cluster.link], check=False)
