"""The diagram of a mesh: identifiers that Mermaid takes, and that never clash."""

import re
from collections import Counter

import pytest

from mesh.diagram import diagram
from tests.builders.stacks import stack_config

_IDENTIFIER = re.compile(r"^ *(?:subgraph )?(\w+)\[", re.MULTILINE)


@pytest.mark.parametrize(
    "clusters",
    [
        pytest.param({"east": {"network": "east"}, "west": {}}, id="a cluster named like its network"),
        pytest.param({"a": {"network": "b"}, "b": {"network": "a"}}, id="names swapped"),
        pytest.param({"a-b": {}, "a--b": {}}, id="dashes"),
    ],
)
def test_no_two_nodes_share_an_identifier(clusters: dict[str, dict[str, str]]) -> None:
    """Mermaid would draw them as one, or refuse a subgraph that contains itself."""
    counts = Counter(_IDENTIFIER.findall(diagram(stack_config(clusters))))
    assert len(counts) == 2 * len(clusters), counts
    assert set(counts.values()) == {1}, counts


def test_a_keyword_of_mermaid_is_a_name_like_any_other() -> None:
    """A node called `end` would end its subgraph, `graph` would begin another diagram."""
    drawn = diagram(stack_config({"end": {}, "graph": {}}))
    assert set(_IDENTIFIER.findall(drawn)).isdisjoint({"end", "graph"})
    assert 'cluster_end["end<br/>' in drawn
    assert "cluster_end <-->" in drawn or "--> cluster_end" in drawn or "| cluster_end" in drawn


def test_two_clusters_that_see_each_other_have_one_edge() -> None:
    """Peers in other stacks are nodes, too."""
    drawn = diagram(stack_config({"a": {}, "b": {}}, peers={"x": {"stack": "o/p/x"}}))
    assert drawn.count("<-->") == 3
    assert 'cluster_x["x<br/>o/p/x"]' in drawn
