"""Which labels a selector of Kubernetes takes. Pure."""

from collections.abc import Mapping, Sequence

from mesh.mappings import Json, as_map, at


def selects(selector: Json | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector takes labels; one that is empty takes all."""
    expressions: Sequence[Json] = at(selector, "matchExpressions") or ()
    wanted = as_map(at(selector, "matchLabels")) or {}
    return wanted.items() <= labels.items() and all(_holds(e, labels) for e in expressions)


def _holds(expression: Json, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(str(expression["key"])), expression.get("values") or ()
    match expression.get("operator"):
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None
