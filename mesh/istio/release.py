"""A Helm release of one of Istio's charts."""

from typing import Any

import pulumi
from pulumi_kubernetes.helm.v3 import Release, RepositoryOptsArgs

from mesh.config.schema import IstioSection
from mesh.istio.charts import chart_source

# Pulling images on a new node takes minutes; a release that is not ready by then will not be.
_TIMEOUT_SECONDS = 600
# Each revision is a Secret of the size of the chart in the cluster.
_REVISIONS_KEPT = 5


def istio_release(
    cluster: str,
    chart: str,
    *,
    name: str,
    namespace: pulumi.Input[str],
    istio: IstioSection,
    values: dict[str, Any],
    skip_await: bool = False,
    opts: pulumi.ResourceOptions,
) -> Release:
    """Release `name` of Istio's `chart` in `namespace`; it is done when all that it made is ready.

    With `skip_await` it is done as soon as the API server has taken everything.
    """
    source = chart_source(istio.chart_repository, chart)
    return Release(
        f"{cluster}-{name}",
        name=name,
        chart=source.chart,
        repository_opts=RepositoryOptsArgs(repo=source.repository) if source.repository else None,
        version=istio.version,
        namespace=namespace,
        values=values,
        skip_await=skip_await,
        timeout=_TIMEOUT_SECONDS,
        max_history=_REVISIONS_KEPT,
        opts=opts,
    )
