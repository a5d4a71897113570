"""The section `failover`: services whose calls leave a cluster that fails."""

from typing import Annotated

from pydantic import Field

from mesh.config.sections.base import Section
from mesh.config.types import FailoverSeconds, Preference, ServiceHost


class FailoverSection(Section):
    """Services whose calls go to other clusters when one fails."""

    hosts: Annotated[tuple[ServiceHost, ...], Field(min_length=1)] = Field(
        description="The services, by their full hosts.",
        examples=["[checkout.shop.svc.cluster.local]"],
    )
    within_seconds: FailoverSeconds = Field(
        description="Seconds after the death of a cluster from which on no call fails because of it. An "
        "answer must begin within a quarter of this time.",
        examples=[10],
    )
    prefer: Preference = Field(
        default=Preference.NETWORK,
        description="Which endpoints are called first. `network`: those of the client's cluster, then of "
        "its network, then all others. `region`: of the others, those in the client's region first. `none`: "
        "all alike.",
        examples=["region"],
    )
    idempotent: bool = Field(
        default=False,
        description="Whether calls may be made twice. If so, calls that a failed cluster may have handled "
        "are retried, too.",
        examples=["true"],
    )
