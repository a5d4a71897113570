"""The policies over what the program has registered."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policy.resources import Resource, Secret
from policy.rules import POLICIES, ResourcePolicy
from tests.program.recording import Recording


def shown(recording: Recording) -> list[Resource]:
    """The resources as the engine shows them to a policy, each with its inputs."""
    return [
        Resource(
            urn=r.urn,
            type=r.type,
            properties={k: Secret(v) if k in r.secret_inputs else v for k, v in r.inputs.items()},
            provider=r.provider.rpartition("::")[2],
            protected=r.protect,
        )
        for r in recording.resources
    ]


def fired_by(
    resources: Sequence[Resource], settings: Mapping[str, Mapping[str, Any]] | None = None
) -> Iterator[tuple[str, str]]:
    """The name of a policy, and what it says."""
    for policy in POLICIES:
        own = (settings or {}).get(policy.name, {})
        if isinstance(policy, ResourcePolicy):
            yield from ((policy.name, m) for resource in resources for m in policy.problems(resource, own))
        else:
            yield from ((policy.name, violation.message) for violation in policy.problems(resources, own))
