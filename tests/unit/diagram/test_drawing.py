"""The mesh as an SVG drawing: everything is on the page, and nothing is on top of anything else."""

import itertools
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import pytest

from mesh.diagram.drawing import drawing
from mesh.diagram.picture import picture
from tests.builders.stacks import stack_config

_NAMESPACE = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class _Mark:
    cluster: str
    peer: str | None
    reason: str
    severity: str = "error"


def _drawn(count: int, *marks: _Mark) -> ET.Element:
    config = stack_config({f"cluster-{number}": {} for number in range(count)})
    return ET.fromstring(drawing(picture(config, marks)))  # noqa: S314 - our own drawing


def _cards(page: ET.Element) -> list[tuple[float, float, float, float]]:
    """Left, top, right and bottom of each cluster's card."""
    cards = [card for card in page.findall(f"{_NAMESPACE}rect") if card.get("stroke")]
    places = [[float(card.attrib[key]) for key in ("x", "y", "width", "height")] for card in cards]
    return [(x, y, x + width, y + height) for x, y, width, height in places]


def _texts(page: ET.Element) -> list[str]:
    return [text.text or "" for text in page.findall(f"{_NAMESPACE}text")]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 20, 50])
def test_the_clusters_are_on_the_page_and_apart_from_each_other(count: int) -> None:
    """Whatever their number is."""
    page = _drawn(count)
    cards = _cards(page)
    assert len(cards) == count
    for left, top, right, bottom in cards:
        assert left >= 0
        assert top >= 40
        assert right <= float(page.attrib["width"])
        assert bottom <= float(page.attrib["height"]) - 20
    for one, other in itertools.combinations(cards, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, (one, other)


def test_each_cluster_has_its_name_network_and_version() -> None:
    """And the page the name of the mesh, for who cannot see it, too."""
    page = _drawn(2)
    assert {"cluster-0", "network net-cluster-0", "Istio 1.31.0", "cluster-1", "Mesh dev"} <= {*_texts(page)}
    assert page.findtext(f"{_NAMESPACE}title") == "Mesh dev"


@pytest.mark.parametrize(("count", "lines"), [(1, 0), (2, 1), (3, 3), (6, 15), (7, 0)])
def test_two_clusters_that_see_each_other_have_a_line_while_lines_can_be_followed(
    count: int, lines: int
) -> None:
    """Beyond that, one statement says it."""
    page = _drawn(count)
    assert len(page.findall(f"{_NAMESPACE}line")) == lines
    assert any("Every cluster sees every other" in text for text in _texts(page)) is (count == 7)


@pytest.mark.parametrize("count", [3, 20])
def test_what_is_broken_is_red_and_has_its_reason(count: int) -> None:
    """At the cluster and at the way between two; among many, the way is in words."""
    page = _drawn(count, _Mark("cluster-0", None, "istiod-down"), _Mark("cluster-1", "cluster-2", "refused"))
    red = [text.text or "" for text in page.findall(f"{_NAMESPACE}text") if text.get("fill") == "#d1242f"]
    way = "refused" if count == 3 else "cluster-1 ↔ cluster-2: refused"
    assert red.count("istiod-down") == 1
    assert red.count(way) == 1
    coloured = [card for card in page.findall(f"{_NAMESPACE}rect") if card.get("stroke") == "#d1242f"]
    assert len(coloured) == 1


@pytest.mark.parametrize("count", [2, 3, 5, 9])
def test_an_arrow_ends_at_the_card_of_the_cluster_that_is_seen(count: int) -> None:
    """With its point on the border, and words below the picture that say what it is."""
    spokes = {f"cluster-{number}": {} for number in range(1, count)}
    config = stack_config({"cluster-0": {"sees": []}, **spokes}, sees=["cluster-0"])
    page = ET.fromstring(drawing(picture(config)))  # noqa: S314 - our own drawing
    left, top, right, bottom = _cards(page)[0]
    heads = page.findall(f"{_NAMESPACE}polygon")
    assert len(heads) == count - 1
    for head in heads:
        x, y = (float(number) for number in head.attrib["points"].split()[0].split(","))
        on_a_side = min(abs(x - left), abs(x - right)) < 0.1 and top - 0.1 <= y <= bottom + 0.1
        on_top_or_bottom = min(abs(y - top), abs(y - bottom)) < 0.1 and left - 0.1 <= x <= right + 0.1
        assert on_a_side or on_top_or_bottom, (x, y)
    assert any("An arrow leads to the cluster that is seen" in text for text in _texts(page))


def test_clusters_that_see_nobody_are_not_said_to_be_one() -> None:
    """There are no lines to explain."""
    page = ET.fromstring(drawing(picture(stack_config({"a": {}, "b": {}}, sees=[]))))  # noqa: S314 - our own
    assert "No cluster sees another" in _texts(page)
