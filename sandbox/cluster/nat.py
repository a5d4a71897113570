"""A NAT before a cluster's load balancer: an address and a port of this machine that lead to it.

The cluster knows nothing of it. What comes through has this machine's address, which the cluster's door lets
in; it refuses everybody else. A table of nftables has all of it, named as the cluster's link.
"""

import json
from pathlib import Path

from sandbox.cluster.layout import ClusterLayout, Nat, Sandbox
from sandbox.cluster.system import run


def ensure(cluster: ClusterLayout) -> None:
    """Open the cluster's NAT, if it has one."""
    if cluster.nat is None:
        return
    run(["ip", "address", "replace", f"{cluster.nat.address}/24", "dev", cluster.instance.bridge])
    run(["nft", "--file", "-"], given=rules(cluster, cluster.nat))
    _forwarding(cluster.instance).write_text("1")


def remove(cluster: ClusterLayout) -> None:
    """Close the cluster's NAT, where it is open: connections that are there end, too."""
    if cluster.link in _tables(cluster.instance):
        run(["nft", "delete", "table", "ip", cluster.link])
    if cluster.nat:
        connections = [f"--dst={cluster.nat.address}", f"--dport={cluster.nat.port}"]
        # Without any, it says so by its exit code.
        run(["conntrack", "--delete", "--proto=tcp", *connections], check=False)
    if not _tables(cluster.instance) and _forwarding(cluster.instance).exists():
        _forwarding(cluster.instance).write_text("0")


def remove_all(sandbox: Sandbox) -> None:
    """Close every NAT of a sandbox, by names that follow from its state folder."""
    for table in _tables(sandbox):
        run(["nft", "delete", "table", "ip", table])


def _tables(sandbox: Sandbox) -> list[str]:
    listed = json.loads(run(["nft", "--json", "list", "tables"]).stdout)["nftables"]
    names = [entry["table"]["name"] for entry in listed if "table" in entry]
    return [name for name in names if name.startswith(f"{sandbox.bridge}-")]


def _forwarding(sandbox: Sandbox) -> Path:
    """Return the switch for what comes from the bridge; this machine's own, for all links, stays as it is."""
    return Path(f"/proc/sys/net/ipv4/conf/{sandbox.bridge}/forwarding")


def rules(cluster: ClusterLayout, nat: Nat) -> str:
    """Return the nftables rules of a cluster's NAT, replacing those that are there. Pure.

    Nothing else is forwarded: a sandbox calls nobody outside.
    """
    bridge = f'"{cluster.instance.bridge}"'
    translate = f"ip daddr {nat.address} tcp dport {nat.port} dnat to {nat.target}:{nat.target_port}"
    return f"""
table ip {cluster.link}
delete table ip {cluster.link}
table ip {cluster.link} {{
  chain from_clusters {{
    type nat hook prerouting priority dstnat; policy accept;
    iifname {bridge} {translate}
  }}
  chain from_this_machine {{
    type nat hook output priority -100; policy accept;
    {translate}
  }}
  chain to_cluster {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname {bridge} ip daddr {nat.target} ct status dnat masquerade
  }}
  chain forward {{
    type filter hook forward priority filter; policy accept;
    iifname {bridge} oifname != {bridge} drop
  }}
}}
"""
