"""Where a chart comes from, in the words of a Helm release."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ChartSource:
    """`chart` and `repository` of a Helm release; an OCI chart is named in full and has no repository."""

    chart: str
    repository: str | None


def chart_source(repository: str, chart: str) -> ChartSource:
    """The source of `chart` in a Helm repository (http, https) or an OCI registry folder."""
    if repository.startswith("oci://"):
        return ChartSource(chart=f"{repository.rstrip('/')}/{chart}", repository=None)
    return ChartSource(chart=chart, repository=repository)
