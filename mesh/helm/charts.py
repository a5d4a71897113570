"""The charts of a cluster as they will be installed: from the same repository, by the same Helm."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Protocol

from mesh.config.sections.istio import IstioSection
from mesh.helm import plugin
from mesh.helm.archives import archive
from mesh.helm.errors import ChartUnavailableError
from mesh.istio.names import NAMESPACE
from mesh.mappings import Json


class Render(Protocol):
    """Renders one of Istio's charts as a release, with values."""

    def __call__(
        self, istio: IstioSection, chart: str, release: str, values: dict[str, Any]
    ) -> tuple[Json, ...]:
        """Return the manifests; raises what `mesh.helm.errors` has."""
        ...


@contextmanager
def renderer() -> Generator[Render]:
    """A `Render` that works while the context lasts; what it has rendered once it does not render again.

    Raises:
        ChartUnavailableError: nothing here can render charts.
    """
    path = plugin.find()
    if path is None:
        raise ChartUnavailableError("Pulumi's kubernetes plugin is not installed here")
    running = plugin.Plugin(path)
    rendered: dict[str, tuple[Json, ...]] = {}

    def render(istio: IstioSection, chart: str, release: str, values: dict[str, Any]) -> tuple[Json, ...]:
        options = {
            **_source(istio, chart),
            "release_name": release,
            "namespace": NAMESPACE,
            "values": values,
        }
        key = json.dumps(options, sort_keys=True)
        if key not in rendered:
            rendered[key] = running.render(options)
        return rendered[key]

    try:
        yield render
    finally:
        running.stop()


def _source(istio: IstioSection, chart: str) -> dict[str, str]:
    if istio.chart_repository.startswith("oci://"):  # only Helm has the credentials of a registry
        return {"chart": f"{istio.chart_repository.rstrip('/')}/{chart}", "version": istio.version}
    path = archive(istio.chart_repository, chart, istio.version)
    return {"path": str(path.parent), "chart": path.name}
