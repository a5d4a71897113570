"""The mesh as an SVG drawing. Pure.

Clusters stand on an ellipse, in the order of the stack file, with a line between two that see each other, and
an arrow from one that sees another which does not see it. Where that would be too many lines, they stand in
rows, and only what is broken has a line.
"""

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal

import svg

from mesh.diagram.picture import COLOURS, Edge, Node, Picture, State

_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
_NAME_SIZE, _TEXT_SIZE, _LINE = 15, 12, 18
# Of a letter, in parts of the size of its font: wide enough for any sans-serif.
_WIDTH, _BOLD_WIDTH = 0.56, 0.62
_MARGIN, _PADDING, _GAP, _TOP, _BOTTOM = 24, 14, 64, 56, 36
_COLUMNS = 5
_PAGE, _CARD, _INK, _SOFT = "#ffffff", "#f6f8fa", "#1f2328", "#57606a"
_WIDE, _THIN = 2.5, 1.5
_HEAD = 11

_Places = Mapping[str, tuple[float, float]]


def drawing(drawn: Picture) -> str:
    """The picture as an SVG document, on a white page, so that it can be read on dark ones."""
    width = max((_card_width(node) for node in drawn.nodes), default=0.0)
    height = max((_card_height(node) for node in drawn.nodes), default=0.0)
    broken = [_broken(edge) for edge in drawn.edges] if drawn.hub else []
    title, key = f"Mesh {drawn.mesh}", _key(drawn)
    texts = [_text_width(words, _TEXT_SIZE) for words in (key, *(words for words, _ in broken))]
    raw = _rows(drawn, width, height) if drawn.hub else _ellipse(drawn, width, height)
    extent = max((x for x, _ in raw.values()), default=0.0) + width / 2
    right = max(extent, *texts, len(title) * _NAME_SIZE * _BOLD_WIDTH) + 2 * _MARGIN
    aside = (right - extent) / 2
    places = {name: (x + aside, y + _TOP) for name, (x, y) in raw.items()}
    end = max((y for _, y in places.values()), default=float(_TOP)) + height / 2 + _LINE
    bottom = end + len(broken) * _LINE + _BOTTOM
    lines = () if drawn.hub else drawn.edges
    elements: list[svg.Element] = [
        svg.Title(text=title),
        svg.Rect(width=right, height=bottom, rx=8, fill=_PAGE),
        _text(title, _MARGIN, _MARGIN + 8, bold=True, anchor="start"),
        *(_line(edge, places) for edge in lines),
        *(_head(edge, places, width, height) for edge in lines if not edge.mutual),
        *(shape for node in drawn.nodes for shape in _card(node, places[node.name], width, height)),
        *(shape for edge in lines for shape in _reasons(edge, places, width, height)),
        *(
            _text(words, _MARGIN, end + number * _LINE, colour=colour, anchor="start")
            for number, (words, colour) in enumerate(broken, 1)
        ),
        _text(key, _MARGIN, bottom - 14, colour=_SOFT, anchor="start"),
    ]
    page = svg.ViewBoxSpec(0, 0, right, bottom)
    return str(svg.SVG(width=right, height=bottom, viewBox=page, elements=elements))


def _key(drawn: Picture) -> str:
    way = f"mutual TLS through the gateways{drawn.way}"
    if any(node.network for node in drawn.nodes):
        way += ", and from pod to pod within a network"
    if drawn.hub:
        return f"Every cluster sees every other: {way}"
    if not drawn.edges:
        return "One cluster" if len(drawn.nodes) < 2 else "No cluster sees another"
    one_way = any(not edge.mutual for edge in drawn.edges)
    return f"Lines: {way}{'. An arrow leads to the cluster that is seen' if one_way else ''}"


def _broken(edge: Edge) -> tuple[str, str]:
    return f"{edge.one} ↔ {edge.other}: {', '.join(edge.reasons)}", COLOURS[edge.state]


def _ellipse(drawn: Picture, width: float, height: float) -> _Places:
    """Centres of the cards, the outermost of which begin at 0."""
    count = len(drawn.nodes)
    labels = [_text_width(reason, _TEXT_SIZE) for edge in drawn.edges for reason in edge.reasons]
    gap = max([_GAP, *(label + _GAP for label in labels)])
    across, down = 0.0, 0.0
    if count == 2:
        across = (width + gap) / 2
    elif count > 2:
        across = (width + gap) / (2 * math.sin(math.pi / count))
        down = (height + _GAP) / (2 * math.sin(math.pi / count))
    begin = math.pi if count == 2 else -math.pi / 2
    angles = [begin + 2 * math.pi * number / max(count, 1) for number in range(count)]
    raw = [(across * math.cos(angle), down * math.sin(angle)) for angle in angles]
    left, top = (min((point[axis] for point in raw), default=0.0) for axis in (0, 1))
    return {
        node.name: (x - left + width / 2, y - top + height / 2)
        for node, (x, y) in zip(drawn.nodes, raw, strict=True)
    }


def _rows(drawn: Picture, width: float, height: float) -> _Places:
    return {
        node.name: (
            width / 2 + (number % _COLUMNS) * (width + _GAP / 2),
            height / 2 + (number // _COLUMNS) * (height + _GAP / 2),
        )
        for number, node in enumerate(drawn.nodes)
    }


def _card(node: Node, place: tuple[float, float], width: float, height: float) -> Iterator[svg.Element]:
    x, y = place
    yield svg.Rect(
        x=x - width / 2,
        y=y - height / 2,
        width=width,
        height=height,
        rx=6,
        fill=_CARD,
        stroke=COLOURS[node.state],
        stroke_width=_THIN if node.state in (State.PLAIN, State.OFFLINE) else _WIDE,
        stroke_dasharray=_dashes(node.state),
    )
    lines = [
        *((line, _SOFT) for line in node.below),
        *((reason, COLOURS[node.state]) for reason in node.reasons),
    ]
    first = y - (len(lines) * _LINE) / 2
    yield _text(node.name, x, first + 5, bold=True)
    for number, (line, colour) in enumerate(lines, 1):
        yield _text(line, x, first + number * _LINE + 4, colour=colour)


def _line(edge: Edge, places: _Places) -> svg.Element:
    (x1, y1), (x2, y2) = places[edge.one], places[edge.other]
    return svg.Line(
        x1=x1,
        y1=y1,
        x2=x2,
        y2=y2,
        stroke=COLOURS[edge.state],
        stroke_width=_THIN if edge.state in (State.PLAIN, State.OFFLINE) else _WIDE,
        stroke_dasharray=_dashes(edge.state),
    )


def _head(edge: Edge, places: _Places, width: float, height: float) -> svg.Element:
    """The head of an arrow, at the border of the card that the line leads to."""
    (x1, y1), (x2, y2) = places[edge.one], places[edge.other]
    length = math.hypot(x2 - x1, y2 - y1)
    along, beside = (x2 - x1) / length, (y2 - y1) / length
    from_centre = min(
        width / 2 / abs(along) if along else math.inf, height / 2 / abs(beside) if beside else math.inf
    )
    tip = (x2 - along * from_centre, y2 - beside * from_centre)
    base = (tip[0] - along * _HEAD, tip[1] - beside * _HEAD)
    aside = (beside * _HEAD / 2, -along * _HEAD / 2)
    corners = (tip, (base[0] + aside[0], base[1] + aside[1]), (base[0] - aside[0], base[1] - aside[1]))
    return svg.Polygon(points=[svg.Point(x, y) for x, y in corners], fill=COLOURS[edge.state])


def _reasons(edge: Edge, places: _Places, width: float, height: float) -> Iterator[svg.Element]:
    """What is wrong, on the line; on a long one nearer to one end, because they cross in the middle."""
    (x1, y1), (x2, y2) = places[edge.one], places[edge.other]
    across, down = abs(x2 - x1), abs(y2 - y1)
    part = 0.4 if across > 2 * width + _GAP or down > 2 * height + _GAP else 0.5
    x, y = x1 + (x2 - x1) * part, y1 + (y2 - y1) * part
    top = y - len(edge.reasons) * _LINE / 2
    if edge.reasons:
        label = max(_text_width(reason, _TEXT_SIZE) for reason in edge.reasons) + 10
        size = len(edge.reasons) * _LINE
        yield svg.Rect(x=x - label / 2, y=top, width=label, height=size, rx=4, fill=_PAGE)
    for number, reason in enumerate(edge.reasons):
        yield _text(reason, x, top + number * _LINE + 13, colour=COLOURS[edge.state])


def _dashes(state: State) -> list[Decimal | float | int] | None:
    return [5, 4] if state is State.OFFLINE else None


def _text(
    words: str, x: float, y: float, *, bold: bool = False, colour: str = _INK, anchor: str = "middle"
) -> svg.Element:
    return svg.Text(
        x=x,
        y=y,
        text=words,
        fill=colour,
        font_family=_FONT,
        font_size=_NAME_SIZE if bold else _TEXT_SIZE,
        font_weight="bold" if bold else None,
        text_anchor="start" if anchor == "start" else "middle",
    )


def _card_width(node: Node) -> float:
    lines = [_text_width(line, _TEXT_SIZE) for line in (*node.below, *node.reasons)]
    return max(len(node.name) * _NAME_SIZE * _BOLD_WIDTH, *lines) + 2 * _PADDING


def _card_height(node: Node) -> float:
    return (1 + len(node.below) + len(node.reasons)) * _LINE + 2 * _PADDING


def _text_width(words: str, size: int) -> float:
    return len(words) * size * _WIDTH
