"""The section `rollout`: waves of clusters."""

from typing import Annotated

from pydantic import Field

from mesh.config.sections.base import Section
from mesh.config.types import DnsLabel


class RolloutSection(Section):
    """In which order the clusters get a new control plane and gateway."""

    waves: tuple[Annotated[tuple[DnsLabel, ...], Field(min_length=1)], ...] = Field(
        default=(),
        description="Waves of clusters. Clusters in none of them go with the last one.",
        examples=["[[canary], [eu, us]]"],
    )
