"""Whether ambient clusters have the Gateway API, whose it is, and whether it is new enough. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.istio.gateway_api_manifest import DEFINITION, GROUP, logical_name
from mesh.live.facts import FoundGatewayApi
from mesh.stacks.state import RecordedState

_VERSION = "v1"
_INFRASTRUCTURE = "infrastructure"
"""The field of a Gateway that says what istiod makes of it; since v1.2.0 of the standard channel."""
_PULUMI = "pulumi-kubernetes"
_SEE = "docs/ambient.md#gateway-api"


@dataclass(frozen=True, kw_only=True)
class Ownership:
    """The clusters whose definitions are the stack's, and what is wrong in the others."""

    own: frozenset[str]
    problems: tuple[Problem, ...]


def used(config: StackConfig, recorded: RecordedState) -> tuple[str, ...]:
    """The names of the clusters in which definitions are looked for: not where they are the stack's."""
    return tuple(
        name
        for name, cluster in config.online.items()
        if cluster.data_plane.has_ztunnel and not _is_recorded(name, recorded)
    )


def ownership(
    config: StackConfig, found: Mapping[str, FoundGatewayApi], recorded: RecordedState
) -> Ownership:
    """Whose the definitions are: what the stack has once declared stays the stack's.

    Args:
        config: of the stack.
        found: what the clusters of `used` have, by name; those that were not asked are left out.
        recorded: the stack's state.
    """
    before = {
        name
        for name, cluster in config.online.items()
        if cluster.data_plane.has_ztunnel and _is_recorded(name, recorded)
    }
    made = {name for name, api in found.items() if _to_make(api)}
    return Ownership(
        own=frozenset(before | made),
        problems=tuple(p for name, api in found.items() if name not in made for p in _problems(name, api)),
    )


def _is_recorded(cluster: str, recorded: RecordedState) -> bool:
    return (DEFINITION, logical_name(cluster, f"gateways.{GROUP}")) in recorded.urns


def _to_make(api: FoundGatewayApi) -> bool:
    """None are there, or only some, which an update had made when it was interrupted."""
    if api.unreachable or api.refused:
        return False
    there = api.definitions.values()
    complete = {"gateways", "gatewayclasses"} <= api.definitions.keys()
    return not there or (not complete and all((d.maker or "").startswith(_PULUMI) for d in there))


def _problems(cluster: str, api: FoundGatewayApi) -> Iterator[Problem]:
    path = f"clusters.{cluster}.dataPlane"
    if api.refused:
        yield Problem(
            path=path,
            message=f"cannot look for the definitions of the Gateway API: {api.refused}; expected a user who "
            "may read them",
        )
    if api.unreachable or api.refused:
        return
    gateway = api.definitions.get("gateways")
    missing = [kind for kind in ("gatewayclasses", "gateways") if kind not in api.definitions]
    if missing:
        what = f"the Gateway API in {cluster} is not the stack's, and lacks {', '.join(missing)}"
    elif old := [kind for kind, d in sorted(api.definitions.items()) if _VERSION not in d.versions]:
        what = f"the Gateway API in {cluster} is not the stack's, and has no {_VERSION} of {', '.join(old)}"
    elif gateway is not None and _INFRASTRUCTURE not in gateway.fields:
        bundle = gateway.bundle or "of an unknown version"
        what = f"the Gateway API in {cluster} is not the stack's, and {bundle} is too old"
    else:
        return
    yield Problem(
        path=path,
        message=f"{what}; expected v1.2.0 or later, of the standard or the experimental channel: bring it up "
        f"to date where it comes from, or delete its definitions, and `pulumi up` makes them: {_SEE}",
    )
