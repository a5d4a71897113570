"""Where charts come from."""

from mesh.istio.charts import ChartSource, chart_source


def test_a_helm_repository_is_given_beside_the_chart() -> None:
    """As `helm install --repo` takes it."""
    assert chart_source("https://charts.example.com", "istiod") == ChartSource(
        chart="istiod", repository="https://charts.example.com"
    )


def test_an_oci_chart_is_named_in_full() -> None:
    """Helm takes no repository beside an OCI reference."""
    assert chart_source("oci://registry.example.com/charts/", "istiod") == ChartSource(
        chart="oci://registry.example.com/charts/istiod", repository=None
    )
