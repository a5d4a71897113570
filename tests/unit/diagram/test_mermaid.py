"""The mesh as a Mermaid flowchart: identifiers that Mermaid takes, and that never clash."""

import re
from collections import Counter

import pytest

from mesh.diagram.mermaid import diagram, mermaid
from mesh.diagram.picture import Edge, Node, Picture, State
from tests.builders.stacks import stack_config

_IDENTIFIER = re.compile(r"^ *(\w+)\[", re.MULTILINE)
_NODES = (
    Node(name="east", below=("Istio 1.31.0",), state=State.ERROR, reasons=("istiod-down",)),
    Node(name="west", below=("Istio 1.31.0",), state=State.OFFLINE),
    Node(name="north", below=("Istio 1.31.0",)),
)


@pytest.mark.parametrize("names", [("east", "west"), ("a-b", "a--b"), ("end", "graph", "subgraph", "click")])
def test_no_two_clusters_share_an_identifier_and_none_is_a_keyword(names: tuple[str, ...]) -> None:
    """Mermaid would draw them as one; a node called `end` would end what is around it."""
    counts = Counter(_IDENTIFIER.findall(diagram(stack_config({name: {} for name in names}))))
    assert len(counts) == len(names)
    assert set(counts.values()) == {1}
    assert all(identifier.startswith("cluster_") and "-" not in identifier for identifier in counts)


def test_two_clusters_that_see_each_other_have_one_line() -> None:
    """Peers in other stacks are there, too."""
    drawn = diagram(stack_config({"a": {}, "b": {}}, peers={"x": {"stack": "o/p/x"}}))
    assert drawn.count("<-->") == 3
    assert 'cluster_x["<b>x</b><br/>o/p/x"]' in drawn


def test_what_is_broken_is_coloured_and_has_its_reason() -> None:
    """Lines are numbered in their order; only states that occur have a style."""
    edges = (
        Edge(one="east", other="west", state=State.OFFLINE),
        Edge(one="east", other="north", state=State.ERROR, reasons=("token-refused", "gateway-down")),
    )
    assert mermaid(Picture(mesh="dev", nodes=_NODES, edges=edges)).splitlines() == [
        "flowchart LR",
        '  cluster_east["<b>east</b><br/>Istio 1.31.0<br/>⚠ istiod-down"]',
        '  cluster_west["<b>west</b><br/>Istio 1.31.0"]',
        '  cluster_north["<b>north</b><br/>Istio 1.31.0"]',
        '  cluster_east <-->|"mTLS 15443"| cluster_west',
        '  cluster_east <-->|"⚠ token-refused<br/>⚠ gateway-down"| cluster_north',
        "  classDef error stroke:#d1242f,stroke-width:3px",
        "  class cluster_east error",
        "  linkStyle 1 stroke:#d1242f,stroke-width:3px",
        "  classDef offline stroke:#8c959f,stroke-dasharray:5 4",
        "  class cluster_west offline",
        "  linkStyle 0 stroke:#8c959f,stroke-dasharray:5 4",
    ]


def test_many_clusters_are_drawn_around_one_statement() -> None:
    """Mermaid takes 500 lines at most, which 33 clusters would have."""
    drawn = diagram(stack_config({f"c{number}": {} for number in range(50)}))
    assert drawn.count("<-->") == 50
    assert "all see all" in drawn


def test_a_cluster_that_is_not_seen_back_has_an_arrow_at_the_other_end() -> None:
    """From the one that sees."""
    assert '  cluster_edge -->|"mTLS 15443"| cluster_hub' in diagram(
        stack_config({"hub": {"sees": []}, "edge": {}})
    )
