"""Istio's real charts, rendered by the real plugin: values that take away what the mesh stands on.

No cluster runs here, and no repository: the charts are those that the sandbox serves.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from mesh.config.sections.istio import IstioSection
from mesh.helm.charts import Render
from mesh.helm.plugin import Plugin
from mesh.istio.names import NAMESPACE
from mesh.mappings import Json
from mesh.preflight.charts import problems
from sandbox import charts
from sandbox.cluster import supplies
from tests.builders.stacks import stack_config

pytestmark = pytest.mark.mesh


@pytest.fixture(scope="module")
def render() -> Iterator[Render]:
    """Render the charts of the sandbox."""
    supplies.ensure()
    plugin, folder = Plugin(supplies.bin_dir() / "pulumi-resource-kubernetes"), str(charts.ensure())

    def one(istio: IstioSection, chart: str, release: str, values: dict[str, Any]) -> tuple[Json, ...]:
        archive = {"path": folder, "chart": f"{chart}-{istio.version}.tgz"}
        return plugin.render({**archive, "release_name": release, "namespace": NAMESPACE, "values": values})

    yield one
    plugin.stop()


def _found(render: Render, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    config = stack_config({"east": {}, "west": {}}, istio={"values": values})
    found = dict.fromkeys(problems(config, render))
    return [(problem.path.removeprefix("istio.values."), problem.message) for problem in found]


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"gateway": {"labels": {"app": "gateways", "team": "a"}, "podAnnotations": {"a": "b"}}},
        {"gateway": {"kind": "DaemonSet", "service": {"annotations": {"a.b/c": "true"}}}},
        {"gateway": {"global": {"networkPolicy": {"enabled": True}}}},
        {"gateway": {"autoscaling": {"enabled": False}, "replicaCount": 3}},
        {"istiod": {"global": {"logAsJson": True, "hub": "registry.example.com"}, "podLabels": {"a": "b"}}},
        {"istiod": {"meshConfig": {"accessLogFile": "/dev/stdout", "defaultConfig": {"concurrency": 2}}}},
        {"istiod": {"global": {"proxy": {"tracer": "zipkin"}}, "env": {"PILOT_TRACE_SAMPLING": 1}}},
    ],
)
def test_values_that_take_nothing_away_are_accepted(render: Render, values: Mapping[str, Any]) -> None:
    """As users write them."""
    assert _found(render, values) == []


@pytest.mark.parametrize(
    ("values", "path", "message"),
    [
        ({"istiod": {"revision": "canary"}}, "istiod.revision", "leaves istio-system without the Deployment"),
        ({"istiod": {"configMap": False}}, "istiod.configMap", "leaves istiod without the ConfigMap istio"),
        ({"istiod": {"profile": "remote"}}, "istiod.profile", "leaves istio-system without the Deployment"),
        (
            {"istiod": {"profile": "foo"}},
            "istiod.profile",
            "the chart cannot be rendered with it: unknown pro",
        ),
        (
            {"istiod": {"global": {"caAddress": "csr:443"}}},
            "istiod.global.caAddress",
            "sends workloads to csr",
        ),
        (
            {"istiod": {"podLabels": {"istio": "x"}}},
            "istiod.podLabels.istio",
            "leaves istiod's pods without the",
        ),
        (
            {"istiod": {"podAnnotations": {"a": 1}}},
            "istiod.podAnnotations.a",
            "expected text as the annotation a",
        ),
        (
            {"istiod": {"global": {"operatorManageWebhooks": True, "logAsJson": True}}},
            "istiod.global.operatorManageWebhooks",
            "leaves the cluster without the webhook istio-sidecar-injector",
        ),
        (
            {"istiod": {"meshConfig": {"discoverySelectors": [{"matchLabels": {"a": "b"}}]}}},
            "istiod.meshConfig.discoverySelectors",
            "keeps the namespace istio-system from istiod",
        ),
        (
            {"istiod": {"global": {"tracer": {"datadog": {"address": 1}}, "proxy": {"tracer": "datadog"}}}},
            "istiod.global.tracer.datadog.address",
            "makes a mesh configuration in which defaultConfig.tracing.datadog.address: expected text, got 1",
        ),
        (
            {"base": {"base": {"excludedCRDs": ["gateways.networking.istio.io"]}}},
            "base.base.excludedCRDs",
            "leaves the cluster without the definition of Istio's Gateway",
        ),
        (
            {"base": {"global": {"istioNamespace": "x"}}},
            "base.global.istioNamespace",
            "leaves istio-system with",
        ),
        (
            {"gateway": {"labels": {"istio": "x"}}},
            "gateway.labels.istio",
            "takes the label istio=eastwestgateway",
        ),
        (
            {"gateway": {"service": {"type": "None"}}},
            "gateway.service.type",
            "leaves the gateway without the Ser",
        ),
        (
            {"gateway": {"service": {"type": "ClusterIP"}}},
            "gateway.service.type",
            "makes the gateway's Service a",
        ),
        (
            {"gateway": {"networkGatewayPorts": {"tls": {"port": 15444}}}},
            "gateway.networkGatewayPorts.tls.port",
            "closes port 15443",
        ),
        (
            {"gateway": {"networkGatewayPorts": None}},
            "gateway.networkGatewayPorts",
            "the chart's schema refuses it: networkGatewayPorts: got null",
        ),
        (
            {"gateway": {"service": {"annotations": {"a.b/c": True}}}},
            "gateway.service.annotations.a.b/c",
            'expected text as the annotation a.b/c of Service istio-eastwestgateway, got true; write "true"',
        ),
        (
            {"gateway": {"servce": {"type": "x"}}},
            "gateway.servce",
            "the chart's schema refuses it: values: addit",
        ),
        ({"gateway": {"revision": "canary"}}, "gateway.revision", "gives the gateway the revision 'canary'"),
        (
            {"gateway": {"autoscaling": {"enabled": False}, "replicaCount": 0}},
            "gateway.autoscaling.enabled",  # either of the two values
            "leaves the gateway without a pod",
        ),
        (
            {"gateway": {"service": {"selectorLabels": {"a": "b"}}}},
            "gateway.service.selectorLabels.a",
            "makes the gateway's Service select other pods",
        ),
        (
            {"gateway": {"podAnnotations": {"inject.istio.io/templates": "sidecar"}}},
            "gateway.podAnnotations.inject.istio.io/templates",
            "makes the gateway's pods get the templates 'sidecar'",
        ),
        (
            {"gateway": {"env": {"ISTIO_META_REQUESTED_NETWORK_VIEW": "x"}}},
            "gateway.env.ISTIO_META_REQUESTED_NETWORK_VIEW",
            "makes ISTIO_META_REQUESTED_NETWORK_VIEW 'x'",
        ),
    ],
)
def test_a_value_that_takes_away_what_the_mesh_stands_on_is_refused_by_its_path(
    render: Render, values: Mapping[str, Any], path: str, message: str
) -> None:
    """Once for both clusters, whatever it is called."""
    found = _found(render, values)
    assert [where for where, _ in found] == [path]
    assert found[0][1].startswith(message)


def test_what_the_charts_would_hide_is_refused_without_them() -> None:
    """Istiod reads its mesh configuration only when it runs, and drops it whole."""
    metadata = {"PROXY_CONFIG_XDS_AGENT": True}
    mesh_config = {"meshConfig": {"defaultConfig": {"proxyMetadata": metadata}}}
    with pytest.raises(ConfigurationError, match="PROXY_CONFIG_XDS_AGENT: expected text, got true"):
        stack_config({"east": {}}, istio={"values": {"istiod": mesh_config}})


def test_clusters_that_are_alike_are_rendered_once(render: Render) -> None:
    """So a preview of many takes no longer than that of one."""
    rendered: list[str] = []

    def counted(istio: IstioSection, chart: str, release: str, values: dict[str, Any]) -> tuple[Json, ...]:
        rendered.append(chart)
        return render(istio, chart, release, values)

    assert list(problems(stack_config({"c0": {}}), counted)) == []
    of_one = list(rendered)
    rendered.clear()
    assert list(problems(stack_config({f"c{number}": {} for number in range(20)}), counted)) == []
    assert rendered == of_one
