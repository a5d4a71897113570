"""A Helm release of one of Istio's charts."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.helm.v3 import Release, RepositoryOptsArgs

from mesh.config.resolved import ClusterConfig
from mesh.istio.charts import chart_source
from mesh.secret_values import marked, protected

# Pulling images on a new node takes minutes; a release that is not ready by then will not be.
_TIMEOUT_SECONDS = 600
# Each revision is a Secret of the size of the chart in the cluster.
_REVISIONS_KEPT = 5
# Helm would get the API server's OpenAPI documents, 0.16 s of CPU for each release, only to find that the
# server checks objects itself (`paramVerifyingSchema` in kubernetes/kubectl). Releases that are in the state
# stay as they are.
_AS_BEFORE = pulumi.ResourceOptions(ignore_changes=["disableOpenapiValidation"])


def istio_release(
    cluster: ClusterConfig,
    chart: str,
    *,
    name: str,
    version: str,
    namespace: pulumi.Input[str],
    values: Mapping[str, Any] | pulumi.Output[Mapping[str, Any]],
    skip_await: bool = False,
    opts: pulumi.ResourceOptions,
) -> Release:
    """Release `name` of Istio's `chart` in `namespace`; it is done when all that it made is ready.

    What the user's values have as a secret is one in the release too.
    With `skip_await` it is done as soon as the API server has taken everything.
    """
    secret = cluster.secret_values(chart)
    source = chart_source(cluster.istio.chart_repository, chart)
    return Release(
        f"{cluster.name}-{name}",
        name=name,
        chart=source.chart,
        repository_opts=RepositoryOptsArgs(repo=source.repository) if source.repository else None,
        version=version,
        namespace=namespace,
        values=values.apply(lambda known: protected(marked(known, secret), cluster.secrets))
        if isinstance(values, pulumi.Output)
        else marked(values, secret),
        skip_await=skip_await,
        timeout=_TIMEOUT_SECONDS,
        max_history=_REVISIONS_KEPT,
        disable_openapi_validation=True,
        opts=pulumi.ResourceOptions.merge(opts, _AS_BEFORE),
    )
