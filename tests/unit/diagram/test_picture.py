"""What a picture of the mesh shows."""

from dataclasses import dataclass

import pytest

from mesh.diagram.mermaid import mermaid
from mesh.diagram.picture import Edge, State, picture
from mesh.health.finding import Finding, Reason, Severity
from tests.builders.stacks import stack_config


@dataclass(frozen=True)
class _Mark:
    cluster: str
    peer: str | None
    reason: str
    severity: str = "error"


_THREE = stack_config({"east": {}, "west": {}, "north": {"offline": True}})


def test_clusters_are_in_the_order_of_the_stack_file_and_each_pair_has_one_line() -> None:
    """With networks and versions; clusters of other stacks have the name of their stack."""
    drawn = picture(stack_config({"b": {}, "a": {}}, peers={"x": {"stack": "o/p/x"}}))
    assert [(node.name, node.below) for node in drawn.nodes] == [
        ("b", ("network net-b", "Istio 1.31.0")),
        ("a", ("network net-a", "Istio 1.31.0")),
        ("x", ("o/p/x",)),
    ]
    assert [(edge.one, edge.other) for edge in drawn.edges] == [("b", "a"), ("b", "x"), ("a", "x")]


def test_a_cluster_that_is_away_looks_like_it_and_so_do_the_ways_to_it() -> None:
    """Nobody checks it."""
    drawn = picture(_THREE)
    assert [node.state for node in drawn.nodes] == [State.PLAIN, State.PLAIN, State.OFFLINE]
    assert [edge.state for edge in drawn.edges] == [State.PLAIN, State.OFFLINE, State.OFFLINE]


def test_a_finding_marks_its_cluster_or_the_way_to_its_peer() -> None:
    """Whichever of the two has it; the worst colours, and errors come first."""
    marks = [
        _Mark("east", None, "istiod-down"),
        _Mark("west", "east", "slow", "warning"),
        _Mark("east", "west", "token-refused"),
        _Mark("west", "east", "token-refused"),
    ]
    drawn = picture(_THREE, marks)
    east, west, _ = drawn.nodes
    assert (east.state, east.reasons) == (State.ERROR, ("istiod-down",))
    assert (west.state, west.reasons) == (State.PLAIN, ())
    assert drawn.edges[0] == Edge(
        one="east", other="west", state=State.ERROR, reasons=("token-refused", "slow")
    )
    assert drawn.edges[1].reasons == ()


def test_a_finding_about_a_cluster_that_is_not_in_the_mesh_is_drawn_at_its_own() -> None:
    """Such as a remote secret for one that is gone."""
    drawn = picture(_THREE, [_Mark("east", "gone", "remote-secret-orphaned", "warning")])
    assert drawn.nodes[0].reasons == ("remote-secret-orphaned",)


@pytest.mark.parametrize("severity", Severity)
def test_the_findings_of_a_check_are_marks(severity: Severity) -> None:
    """Each severity has a colour."""
    finding = Finding(
        reason=Reason.TOKEN_REFUSED, severity=severity, cluster="east", peer="west", message="m", hint="h"
    )
    (way, *_) = picture(_THREE, [finding]).edges
    assert (way.state, way.reasons) == (State(severity.value), ("token-refused",))


def test_many_clusters_have_lines_only_where_something_is_wrong() -> None:
    """Of fifty clusters, nobody could follow one of 1225 lines."""
    many = stack_config({f"c{number}": {} for number in range(50)})
    assert picture(many).hub
    assert picture(many).edges == ()
    (way,) = picture(many, [_Mark("c3", "c40", "token-refused")]).edges
    assert (way.one, way.other) == ("c3", "c40")


def test_who_sees_whom_is_drawn_from_the_one_that_sees() -> None:
    """The spokes do not see each other; what a peer sees is not known here, and by default it is all."""
    clusters = {"hub": {"sees": []}, "one": {}, "two": {"sees": ["hub", "far"]}}
    drawn = picture(stack_config(clusters, sees=["hub"], peers={"far": {"stack": "o/p/far"}}))
    assert [(edge.one, edge.other, edge.mutual) for edge in drawn.edges] == [
        ("one", "hub", False),
        ("two", "hub", False),
        ("two", "far", True),
    ]


def test_many_clusters_that_do_not_all_see_each_other_have_lines() -> None:
    """No statement in one sentence would be true."""
    clusters = {"hub": {"sees": [f"c{number}" for number in range(9)]}, **{f"c{n}": {} for n in range(9)}}
    drawn = picture(stack_config(clusters, sees=["hub"]))
    assert not drawn.hub
    assert [(edge.one, edge.other) for edge in drawn.edges] == [("hub", f"c{n}") for n in range(9)]
    assert all(edge.mutual for edge in drawn.edges)


def test_clusters_of_one_network_stand_together_and_need_no_gateway() -> None:
    """The one that is alone on its network stands by itself."""
    drawn = picture(stack_config({"a": {"network": "eu"}, "b": {"network": "eu"}, "c": {}}))
    assert [node.network for node in drawn.nodes] == ["eu", "eu", None]
    assert [(edge.one, edge.other, edge.direct) for edge in drawn.edges] == [
        ("a", "b", True),
        ("a", "c", False),
        ("b", "c", False),
    ]
    assert mermaid(drawn).splitlines()[1:9] == [
        '  cluster_c["<b>c</b><br/>network net-c<br/>Istio 1.31.0"]',
        '  subgraph network_eu["network eu"]',
        '    cluster_a["<b>a</b><br/>network eu<br/>Istio 1.31.0"]',
        '    cluster_b["<b>b</b><br/>network eu<br/>Istio 1.31.0"]',
        "  end",
        '  cluster_a <-->|"mTLS, pod to pod"| cluster_b',
        '  cluster_a <-->|"mTLS 15443"| cluster_c',
        '  cluster_b <-->|"mTLS 15443"| cluster_c',
    ]


def test_an_address_that_is_given_is_shown_and_a_port_only_where_all_have_it() -> None:
    """A line that names a port which one of two gateways does not have would mislead."""
    west = {"gateway": {"addresses": [{"address": "198.51.100.7", "port": 31443}]}}
    drawn = picture(stack_config({"east": {}, "west": west}))
    assert [node.below[2:] for node in drawn.nodes] == [(), ("gateway 198.51.100.7:31443",)]
    assert (drawn.port, drawn.way) == (None, "")
    https = picture(stack_config({"east": {}, "west": {}}, gateway={"port": 443}))
    assert (https.port, https.way) == (443, ", port 443")
    nodes = picture(stack_config({"east": {}}, gateway={"service": {"type": "NodePort"}}))
    assert nodes.port is None, "Kubernetes chooses it"


def test_ambient_clusters_say_so_and_are_called_on_their_own_port() -> None:
    """Through gateways, as those with sidecars; where there are both kinds, no one port is that of all."""
    drawn = picture(stack_config({"a": {}, "b": {}}, dataPlane="ambient"))
    assert drawn.way == ", port 15008"
    assert drawn.nodes[0].below[-1] == "ambient"
    assert not drawn.edges[0].direct
    mixed = picture(stack_config({"a": {"dataPlane": "both"}, "b": {}}))
    assert mixed.way == ""
    assert mixed.nodes[0].below[-1] == "sidecars and ambient"
    assert "ambient" not in mixed.nodes[1].below


def test_an_address_of_an_ambient_gateway_has_its_port() -> None:
    """As the others are told it."""
    west = {"dataPlane": "ambient", "gateway": {"addresses": [{"address": "198.51.100.7", "port": 31008}]}}
    drawn = picture(stack_config({"west": west}))
    assert "gateway 198.51.100.7:31008" in drawn.nodes[0].below
    assert drawn.port == 31008
