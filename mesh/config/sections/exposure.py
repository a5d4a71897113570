"""The section `exposure`: what a cluster shows to other networks."""

from typing import Annotated

from pydantic import Field

from mesh.config.sections.base import Section
from mesh.config.types import DnsLabel, ExposedHost, LabelKey, LabelValue


class ExposureSection(Section):
    """What a cluster shows to the other networks through its east-west gateway, and what calls stay inside.

    `hosts`, `namespaces` and `labels` are one selection: a service is exposed that one of them selects.
    """

    hosts: Annotated[tuple[ExposedHost, ...], Field(min_length=1)] = Field(
        default=("*.local",),
        description="Hosts that other clusters can reach through the gateway. The default is for clusters "
        "with neither `namespaces` nor `labels`.",
        examples=['["*.local"]'],
    )
    namespaces: tuple[DnsLabel, ...] = Field(
        default=(),
        description="Namespaces all of whose services other clusters can reach.",
        examples=["[shop]"],
    )
    labels: dict[LabelKey, LabelValue] = Field(
        default={},
        description="Labels of Services that other clusters can reach; a Service must have all of them. They "
        "are looked up at each preview and update.",
        examples=['{mesh.example.com/exposed: "true"}'],
    )
    cluster_local: tuple[ExposedHost, ...] = Field(
        default=(),
        description="Hosts that are called inside the caller's own cluster only, wherever else they are.",
        examples=['["*.payments.svc.cluster.local"]'],
    )

    @property
    def listed_hosts(self) -> tuple[str, ...]:
        """`hosts`, without their default where something else is selected."""
        by_default = "hosts" not in self.model_fields_set
        return () if by_default and (self.namespaces or self.labels) else self.hosts

    def over(self, base: "ExposureSection") -> "ExposureSection":
        """What holds for a cluster that sets this, where `base` holds for all.

        A selection replaces the other one as a whole: else a cluster would expose more than its entry says.
        """
        selection, own = {"hosts", "namespaces", "labels"}, self.model_fields_set
        taken = base.model_fields_set - (selection if own & selection else set[str]())
        fields = {name: getattr(base, name) for name in taken} | {name: getattr(self, name) for name in own}
        return ExposureSection.model_construct(**fields)
