"""What must hold between settings, each rule by itself. Pure.

A rule is `problems(config, now)`: it takes the configuration, as far as it could be resolved, and the time,
and yields a problem for each mistake. It reads nothing else, and knows of no other rule.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TypeAlias

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.rules import (
    api_servers,
    clusters,
    data_plane,
    exposure,
    failover,
    gateway,
    networks,
    plain_text,
    reader,
    revisions,
    revocation,
    roles,
    rollout,
    sight,
    split_stacks,
    trust,
    values,
)

Rule: TypeAlias = Callable[[StackConfig, datetime], Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    api_servers.problems,
    clusters.problems,
    sight.problems,
    exposure.problems,
    failover.problems,
    networks.problems,
    roles.problems,
    revisions.problems,
    data_plane.problems,
    values.problems,
    gateway.problems,
    trust.problems,
    revocation.problems,
    reader.problems,
    split_stacks.problems,
    rollout.problems,
    plain_text.problems,
)
"""All rules; their problems are reported in this order."""
