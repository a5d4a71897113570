"""The mesh as a Mermaid flowchart. Pure."""

from collections.abc import Iterator

from mesh.config.resolved import StackConfig
from mesh.diagram.picture import COLOURS, Edge, Node, Picture, State, picture

_HUB = "every_cluster"
_STYLES = {
    State.ERROR: "stroke-width:3px",
    State.WARNING: "stroke-width:3px",
    State.OFFLINE: "stroke-dasharray:5 4",
}


def diagram(config: StackConfig) -> str:
    """The clusters with their networks and versions, and which see each other."""
    return mermaid(picture(config))


def mermaid(drawn: Picture) -> str:
    """The picture as text for a fenced block `mermaid`, as GitHub, GitLab and many wikis show it."""
    lines = ["flowchart LR"]
    lines += [_card(node) for node in drawn.nodes if node.network is None]
    for network in dict.fromkeys(node.network for node in drawn.nodes if node.network):
        lines.append(f'  subgraph {_id(network, "network")}["network {network}"]')
        lines += [f"  {_card(node)}" for node in drawn.nodes if node.network == network]
        lines.append("  end")
    lines += [_way(edge, drawn.port) for edge in drawn.edges]
    if drawn.hub:
        lines.append(f'  {_HUB}(["all see all<br/>mutual TLS{drawn.way}"])')
        lines += [f"  {_id(node.name)} <--> {_HUB}" for node in drawn.nodes]
    return "\n".join([*lines, *_styles(drawn)])


def _card(node: Node) -> str:
    return f'  {_id(node.name)}["{_label(node)}"]'


def _label(node: Node) -> str:
    return "<br/>".join([f"<b>{node.name}</b>", *node.below, *(f"⚠ {reason}" for reason in node.reasons)])


def _way(edge: Edge, port: int | None) -> str:
    label = "<br/>".join(f"⚠ {reason}" for reason in edge.reasons) or _mutual_tls(edge, port)
    return f'  {_id(edge.one)} {"<-->" if edge.mutual else "-->"}|"{label}"| {_id(edge.other)}'


def _mutual_tls(edge: Edge, port: int | None) -> str:
    if edge.direct:
        return "mTLS, pod to pod"
    return f"mTLS {port}" if port else "mTLS"


def _styles(drawn: Picture) -> Iterator[str]:
    for state, line in _STYLES.items():
        style = f"stroke:{COLOURS[state]},{line}"
        names = [_id(node.name) for node in drawn.nodes if node.state is state]
        if names:
            yield f"  classDef {state} {style}"
            yield f"  class {','.join(names)} {state}"
        numbers = [str(number) for number, edge in enumerate(drawn.edges) if edge.state is state]
        if numbers:
            yield f"  linkStyle {','.join(numbers)} {style}"


def _id(name: str, of: str = "cluster") -> str:
    """An identifier that is no keyword of Mermaid such as `end`, and has no dashes.

    Names are DNS labels, which have no underscores, so two names never become one identifier.
    """
    return f"{of}_{name.replace('-', '_')}"
