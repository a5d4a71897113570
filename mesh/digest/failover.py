"""Calls that failover ends earlier than before. Pure."""

from collections.abc import Iterator, Sequence
from typing import cast

from mesh.digest.report import Danger, DangerKind
from mesh.digest.steps import Step
from mesh.digest.words import listed
from mesh.istio.names import failover_name
from mesh.mappings import Json, as_map, at

_VIRTUAL_SERVICE = "kubernetes:networking.istio.io/v1:VirtualService"


def cut_short(staying: Sequence[Step]) -> Iterator[Danger]:
    """Services whose answers have less time to begin."""
    found: dict[tuple[str, str], list[str]] = {}
    for step in staying:
        if step.type != _VIRTUAL_SERVICE or step.cluster is None:
            continue
        host, old, new = _host(step.new_inputs), _limit(step.old_inputs), _limit(step.new_inputs)
        if at(step.new_inputs, "metadata", "name") != failover_name(host) or new is None:
            continue
        if old is None or _seconds(new) < _seconds(old):
            found.setdefault((host, new), []).append(step.cluster)
    for (host, limit), clusters in found.items():
        yield Danger(
            kind=DangerKind.CUT_OFF,
            clusters=tuple(clusters),
            message=f"calls to `{host}` from {listed(clusters)} fail if their answer does not begin within "
            f"{limit} (docs/failover.md)",
        )


def _first(inputs: Json, *path: str) -> object:
    """The first of a list; None where there is none, or where it is secret."""
    found: object = at(inputs, *path)
    return next(iter(cast(list[object], found)), None) if isinstance(found, list) else None


def _host(inputs: Json) -> str:
    return str(_first(inputs, "spec", "hosts"))


def _limit(inputs: Json) -> str | None:
    """How long an answer may take to begin; None if unknown or unlimited."""
    limit = at(as_map(_first(inputs, "spec", "http")), "retries", "perTryTimeout")
    return limit if isinstance(limit, str) and limit.endswith("s") else None


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))
