"""The mesh as a Mermaid flowchart. Pure."""

from collections.abc import Iterator

from mesh.config.resolved import StackConfig
from mesh.diagram.picture import COLOURS, Edge, Node, Picture, State, picture
from mesh.istio.names import GATEWAY_PORT

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
    lines += [f'  {_id(node.name)}["{_label(node)}"]' for node in drawn.nodes]
    lines += [_way(edge) for edge in drawn.edges]
    if drawn.hub:
        lines.append(f'  {_HUB}(["all see all<br/>mutual TLS, port {GATEWAY_PORT}"])')
        lines += [f"  {_id(node.name)} <--> {_HUB}" for node in drawn.nodes]
    return "\n".join([*lines, *_styles(drawn)])


def _label(node: Node) -> str:
    return "<br/>".join([f"<b>{node.name}</b>", *node.below, *(f"⚠ {reason}" for reason in node.reasons)])


def _way(edge: Edge) -> str:
    label = "<br/>".join(f"⚠ {reason}" for reason in edge.reasons) or f"mTLS {GATEWAY_PORT}"
    return f'  {_id(edge.one)} {"<-->" if edge.mutual else "-->"}|"{label}"| {_id(edge.other)}'


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


def _id(name: str) -> str:
    """An identifier that is no keyword of Mermaid such as `end`, and has no dashes.

    Names are DNS labels, which have no underscores, so two names never become one identifier.
    """
    return f"cluster_{name.replace('-', '_')}"
