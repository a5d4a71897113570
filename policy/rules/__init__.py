"""The policies: what each holds, and how hard. Pure.

A rule says what is wrong and what was expected, and repeats nothing of a secret. What it has in common with
the program, such as names and which keys are strong enough, comes from the program.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from policy.resources import Resource, Violation
from policy.rules import clusters, gateways, plain_text, releases, trust

Settings: TypeAlias = Mapping[str, Any]
_STRINGS = {"type": "array", "items": {"type": "string"}}


@dataclass(frozen=True, kw_only=True)
class _Policy:
    """A policy by its name; `settings` are the JSON schemas of what the policy's configuration may say."""

    name: str
    description: str
    mandatory: bool = True
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])


@dataclass(frozen=True, kw_only=True)
class ResourcePolicy(_Policy):
    """A policy that judges the inputs of one resource, before anything is done to it."""

    problems: Callable[[Resource, Settings], Iterator[str]]


@dataclass(frozen=True, kw_only=True)
class StackPolicy(_Policy):
    """A policy that judges the outputs of all resources together."""

    problems: Callable[[Sequence[Resource], Settings], Iterator[Violation]]


POLICIES: tuple[ResourcePolicy | StackPolicy, ...] = (
    StackPolicy(
        name="root-ca-stays",
        description="The root CA is neither replaced nor deleted, unless the policy's configuration says so.",
        problems=trust.root_stays,
        settings={
            "fingerprints": {
                **_STRINGS,
                "description": "SHA-256 of the roots that may sign, as the output rootFingerprint has it.",
            },
            "mayGo": {
                "type": "array",
                "items": {"type": "integer"},
                "description": "Generations of roots that may be deleted, at the end of a rotation.",
            },
        },
    ),
    ResourcePolicy(
        name="strong-keys",
        description="Keys of CAs are RSA of at least 2048 bits, or ECDSA on P-256, P-384 or P-521.",
        problems=trust.strong_keys,
    ),
    ResourcePolicy(
        name="no-plain-secret",
        description="Private keys, tokens and passwords are encrypted in the state.",
        problems=plain_text.no_plain_secret,
    ),
    ResourcePolicy(
        name="no-default-provider",
        description="What is in a cluster is there by that cluster's own provider.",
        problems=clusters.no_default_provider,
    ),
    StackPolicy(
        name="names-agree",
        description="Cluster name, network and mesh ID are the same wherever a cluster has them.",
        problems=clusters.names_agree,
    ),
    ResourcePolicy(
        name="charts-pinned",
        description="Charts come from a repository, in one exact version.",
        problems=releases.charts_pinned,
    ),
    ResourcePolicy(
        name="gateways-expose",
        description="Gateways to other networks expose the hosts that they may, on the one port for that.",
        problems=gateways.expose_only,
        settings={"hosts": {**_STRINGS, "description": "Hosts that may be exposed. Default: *.local."}},
    ),
    StackPolicy(
        name="source-ranges",
        description="A gateway with a public address says who may connect to it.",
        mandatory=False,
        problems=gateways.source_ranges,
    ),
)
"""All policies, in the order of docs/policies.md."""
