"""Renders the charts of a preview's releases."""

from collections.abc import Generator
from contextlib import contextmanager

from mesh.config.sections.istio import IstioSection
from mesh.digest.releases import Chart, Manifests, ReleaseChange, RenderChart, RenderedChange
from mesh.helm.charts import renderer
from mesh.helm.errors import ChartMissingError, ChartRefusedError, ChartUnavailableError


@contextmanager
def chart_renderer() -> Generator[RenderChart]:
    """What renders a `Chart` as Helm will, while the context lasts; it raises what `mesh.helm.errors` has.

    Raises:
        ChartUnavailableError: nothing here can render charts.
    """
    with renderer() as render:

        def one(chart: Chart) -> Manifests:
            # Unchecked: what a state says was checked by the release of this program that applied it.
            istio = IstioSection.model_construct(version=chart.version, chart_repository=chart.repository)
            return render(istio, chart.name, chart.release, dict(chart.values))

        yield one


def rendered(change: ReleaseChange, render: RenderChart) -> RenderedChange:
    """The manifests before and after a change; none where there is no release, or where that is a problem."""
    try:
        return RenderedChange(
            old=render(change.old) if change.old else (), new=render(change.new) if change.new else ()
        )
    except (ChartMissingError, ChartRefusedError, ChartUnavailableError) as error:
        return RenderedChange(problem=str(error))
