"""The sandbox's clusters as a table."""

from collections.abc import Mapping, Sequence

from sandbox.cluster import api
from sandbox.cluster.clusters import Cluster, chart_repository, find
from sandbox.cluster.layout import ClusterLayout, host_name
from sandbox.errors import SandboxError
from sandbox.paths import state_dir

_HEADER = ("CLUSTER", "STATE", "API SERVER", "LOAD BALANCER ADDRESSES", "NOTE")


def report() -> str:
    """Return the sandbox's clusters as a table, what is around them, and where it serves charts."""
    found = find()
    if not found:
        return f"no clusters in {state_dir()}; start some: python -m sandbox start east west"
    try:
        charts = f"charts of Istio: {chart_repository()}"
    except SandboxError as error:
        charts = str(error)
    around = [f"{name}: {line}" for name, cluster in found.items() for line in ways(cluster.layout)]
    return "\n".join([table(found), *around, charts])


def table(found: Mapping[str, Cluster]) -> str:
    """Return a line for each cluster: its state, addresses, and what to do where it is not well."""
    return aligned([_HEADER, *(_row(cluster) for cluster in found.values())])


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines with aligned columns. Pure."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _row(cluster: Cluster) -> Sequence[str]:
    state, note = _state(cluster)
    addresses = ", ".join(cluster.load_balancer_addresses)
    return (cluster.name, state, cluster.server, addresses, note)


def ways(layout: ClusterLayout) -> list[str]:
    """Return a line for each way in which peers reach a cluster that is not the usual. Pure."""
    around = layout.surroundings
    lines = []
    if around.network:
        lines.append(f"network {around.network}: pods are {layout.pod_range}")
    if around.api_server == "relay":
        lines.append(f"relay to the API server: {layout.relay_server}, TLS name {layout.relay_name}")
        lines.append(f"its kubeconfig, and ca.crt, client.crt and client.key: {layout.relay}")
    if around.api_server == "proxy":
        lines.append(f"proxy to the API server: {layout.proxy_url}")
    if around.load_balancer == "hostname":
        names = ", ".join(host_name("lb", address) for address in layout.service_addresses)
        lines.append(f"load balancer gives host names: {names}")
    if around.load_balancer == "none":
        kind = "ExternalIP" if around.external_ip else "InternalIP"
        lines.append(f"no load balancer; NodePorts: {layout.way_in} ({kind} of the node)")
    if layout.node_address_v6:
        balancer = ", ".join(layout.load_balancer_addresses_v6[a] for a in layout.service_addresses)
        lines.append(f"IPv6: node {layout.node_address_v6}, load balancer {balancer or 'none'}")
    if nat := layout.nat:
        lines.append(f"NAT: {nat.address}:{nat.port} leads to {nat.target}:{nat.target_port}")
    return lines


def _state(cluster: Cluster) -> tuple[str, str]:
    repair = f"repair: python -m sandbox start {cluster.name}"
    if not cluster.processes():
        return "stopped", repair
    if missing := cluster.missing_processes():
        return "broken", f"{', '.join(missing)} ended; {repair}"
    if not api.is_ready(cluster.layout):
        return "not ready", f"the API server does not answer; {repair}"
    if not api.node_is_ready(cluster.layout):
        return "not ready", f"the node is not ready; see {cluster.layout.logs / 'kubelet.log'}"
    return "ready", ""
