"""Which value of the user's is to blame for what the charts come to."""

from collections.abc import Mapping
from typing import Any

import pytest

from mesh.config.sections.istio import IstioSection
from mesh.helm.errors import ChartMissingError, ChartRefusedError, ChartUnavailableError
from mesh.mappings import Json, at
from mesh.preflight.charts import culprit, problems
from tests.builders.charts import Manifests
from tests.builders.stacks import stack_config


class _Charts:
    """Renders as the charts do, as far as these tests go."""

    def __init__(self) -> None:
        self.rendered: list[str] = []
        self.versions: dict[str, str] = {}

    def __call__(
        self, istio: IstioSection, chart: str, release: str, values: Mapping[str, Any]
    ) -> tuple[Json, ...]:
        self.rendered.append(chart)
        self.versions[release] = istio.version
        network = str(values.get("networkGateway") or at(values, "global", "network") or "net-east")
        ambient = chart == "istiod" and values.get("profile") == "ambient"
        if chart in ("cni", "ztunnel"):
            network = str(values.get("network") or "net-east")
        recorded = "istiod-ambient" if ambient else chart
        if values.get("revision") or values.get("defaultRevision"):
            recorded = f"{chart}-revision"
        if at(values, "global", "operatorManageWebhooks"):
            recorded = "istiod-left"
        manifests = Manifests(recorded, network.removeprefix("net-"))
        for tag in values.get("revisionTags") or ():
            name = f"istio-revision-tag-{tag}"
            manifests.append({"kind": "MutatingWebhookConfiguration", "metadata": {"name": name}})
        if chart == "cni" and at(values, "ambient", "enablementSelectors") == []:
            manifests.one("ConfigMap", "istio-cni-config")["data"]["AMBIENT_ENABLEMENT_SELECTOR"] = "[]"
        if chart == "gateway":
            self._gateway(manifests, values)
        if chart == "istiod" and (domain := at(values, "global", "proxy", "clusterDomain")):
            arguments = manifests.pod("Deployment", "istiod")["spec"]["containers"][0]["args"]
            arguments[arguments.index("--domain") + 1] = domain
        return tuple(manifests)

    def _gateway(self, manifests: Manifests, values: Mapping[str, Any]) -> None:
        if "servce" in values:
            raise ChartRefusedError(
                "the chart's schema refuses it: additional properties 'servce' not allowed"
            )
        service = manifests.one("Service", "istio-eastwestgateway")
        service["spec"]["type"] = at(values, "service", "type") or "LoadBalancer"
        service["metadata"]["annotations"] = at(values, "service", "annotations") or {}
        if label := at(values, "labels", "istio"):
            manifests.pod("Deployment", "istio-eastwestgateway")["metadata"]["labels"]["istio"] = label


def _problems(
    clusters: Mapping[str, Mapping[str, Any]], secret: frozenset[str] = frozenset(), **sections: Any
) -> list[tuple[str, str]]:
    found = problems(stack_config(clusters, secret=secret, **sections), _Charts())
    return [(problem.path, problem.message) for problem in found]


def _gateway(**values: Any) -> dict[str, Any]:
    return {"istio": {"values": {"gateway": values}}}


def test_values_that_take_nothing_away_are_accepted() -> None:
    """The user's own annotations, for example."""
    assert _problems({"east": _gateway(service={"annotations": {"a": "b"}})}) == []


@pytest.mark.parametrize(
    ("values", "path", "message"),
    [
        (
            {"service": {"type": "ClusterIP", "annotations": {}}},
            "service.type",
            "makes the gateway's Service a",
        ),
        (
            {"labels": {"team": "a", "istio": "ingress"}},
            "labels.istio",
            "takes the label istio=eastwestgateway",
        ),
        (
            {"service": {"annotations": {"a.b/c": True}}},
            "service.annotations.a.b/c",
            "expected text as the anno",
        ),
        ({"servce": {"type": "ClusterIP"}}, "servce.type", "the chart's schema refuses it"),
    ],
)
def test_the_value_that_is_to_blame_is_named_by_its_path(
    values: dict[str, Any], path: str, message: str
) -> None:
    """In the cluster's own entry, or in that of all: found by leaving it out."""
    for clusters, sections, begin in (
        ({"east": {}}, _gateway(**values), ""),
        ({"east": _gateway(**values)}, {}, "clusters.east."),
    ):
        (found,) = _problems(clusters, **sections)
        if path == "servce.type":  # a map that is not known is to blame itself, not what is in it
            path = "servce"
        assert found[0] == f"{begin}istio.values.gateway.{path}"
        assert found[1].startswith(message)


def test_texts_that_are_none_are_named_one_by_one() -> None:
    """Each has its own value to blame."""
    values = _gateway(service={"annotations": {"a": True, "b": "text", "c": 5}})
    assert [path.rpartition(".")[2] for path, _ in _problems({"east": {}}, **values)] == ["a", "c"]


def test_each_value_is_named_once_and_all_at_once() -> None:
    """Several faults may follow from one value: here the Service does not find the pods, either."""
    values = {"labels": {"istio": "ingress"}, "service": {"type": "ClusterIP"}}
    assert [path for path, _ in _problems({"east": {}}, **_gateway(**values))] == [
        "istio.values.gateway.labels.istio",
        "istio.values.gateway.service.type",
    ]


def test_clusters_that_differ_in_their_identity_only_are_rendered_once() -> None:
    """Each chart takes its time; what is wrong is said of each cluster that has it."""
    charts = _Charts()
    config = stack_config({"east": {}, "west": {}, "far": _gateway(service={"type": "ClusterIP"})})
    found = [problem.path for problem in problems(config, charts)]
    assert found == ["clusters.far.istio.values.gateway.service.type"]
    assert charts.rendered.count("base") == 2, "not once for east and west, and once for far"


def test_secret_values_are_not_repeated() -> None:
    """Only which setting, and what is taken away."""
    values = _gateway(service={"annotations": {"a": 4711}})
    ((path, message),) = _problems({"east": {}}, frozenset({"istio"}), **values)
    assert path == "istio.values.gateway.service.annotations.a"
    assert message == "takes away what the mesh stands on (text)"


def test_hosts_below_which_no_service_is_are_refused() -> None:
    """The gateway would be there, and expose nothing."""
    ((path, message),) = _problems({"east": {}}, exposure={"hosts": ["*.example.com", "a.b"]})
    assert path == "exposure.hosts"
    assert message.startswith(
        "*.example.com, a.b: no service is below it, since services are below svc.cluster."
    )


def test_clusters_with_different_domains_are_refused() -> None:
    """Each istiod gives all services the domain of its own cluster."""
    corp = {
        "istio": {"values": {"istiod": {"global": {"proxy": {"clusterDomain": "corp.local"}}}}},
    }
    ((path, message),) = _problems({"east": {}, "west": corp})
    assert path == "clusters.west.istio.values.istiod.global.proxy.clusterDomain"
    assert message.startswith("is corp.local, and cluster.local in east")


def test_a_version_that_the_repository_lacks_is_refused() -> None:
    """Before anything is installed, and once."""

    def missing(istio: IstioSection, chart: str, release: str, values: Mapping[str, Any]) -> tuple[Json, ...]:
        raise ChartMissingError("https://charts.example.com/ has no chart base 1.31.9; it has 1.31.0")

    (problem,) = problems(stack_config({"east": {}}, istio={"version": "1.31.9"}), missing)
    assert problem.path == "istio.version"


def test_a_chart_that_is_of_no_use_by_itself_is_no_fault_of_the_values() -> None:
    """That of 1.27.0 has a schema that refuses everything (istio/istio #57354)."""

    def broken(istio: IstioSection, chart: str, release: str, values: Mapping[str, Any]) -> tuple[Json, ...]:
        if chart == "gateway":
            raise ChartRefusedError("the chart's schema refuses it: values: additional properties 'name'")
        return tuple(Manifests(chart))

    config = stack_config({"east": {}}, istio={"version": "1.27.0", **_gateway(env={"A": "b"})["istio"]})
    (problem,) = problems(config, broken)
    assert problem.path == "istio.version"
    assert problem.message.startswith("1.27.0 has a chart gateway that cannot be used with this program")


def test_charts_that_cannot_be_had_are_no_problem_of_the_values() -> None:
    """The caller says so."""

    def unavailable(
        istio: IstioSection, chart: str, release: str, values: Mapping[str, Any]
    ) -> tuple[Json, ...]:
        raise ChartUnavailableError("no answer")

    with pytest.raises(ChartUnavailableError):
        list(problems(stack_config({"east": {}}), unavailable))


def test_a_fault_that_no_single_value_causes_is_blamed_on_what_they_share() -> None:
    """Here either of two values is enough."""
    values = {"a": {"x": 1, "y": 2}, "b": 3}

    def either(rest: Mapping[str, Any]) -> bool:
        return bool(at(rest, "a", "x") or at(rest, "a", "y"))

    assert culprit(values, either) == ("a",)
    assert culprit(values, lambda _: True) == ()


def test_calls_that_stay_inside_are_among_the_values_that_are_judged() -> None:
    """Clusters that differ in them are not alike."""
    rendered: list[object] = []

    def render(istio: IstioSection, chart: str, release: str, values: Mapping[str, Any]) -> tuple[Json, ...]:
        if chart == "istiod":
            rendered.append(at(values, "meshConfig", "serviceSettings"))
        return _Charts()(istio, chart, release, values)

    config = stack_config({"east": {}, "west": {"exposure": {"clusterLocal": ["a.b"]}}})
    assert list(problems(config, render)) == []
    assert [{"settings": {"clusterLocal": True}, "hosts": ["a.b"]}] in rendered
    assert None in rendered


def test_where_hosts_are_not_what_is_exposed_their_default_is_not_judged() -> None:
    """In a cluster with another domain."""
    corp = {"istio": {"values": {"istiod": {"global": {"proxy": {"clusterDomain": "corp.example"}}}}}}
    assert [path for path, _ in _problems({"east": corp})] == ["exposure.hosts"]
    assert _problems({"east": {**corp, "exposure": {"namespaces": ["shop"]}}}) == []


def test_the_charts_of_ambient_clusters_are_judged_too() -> None:
    """Of those alone; a cluster with sidecars beside them has none."""
    charts = _Charts()
    config = stack_config({"east": {"dataPlane": "ambient"}, "west": {"dataPlane": "ambient"}, "far": {}})
    assert list(problems(config, charts)) == []
    assert charts.rendered.count("ztunnel") == charts.rendered.count("cni") == 1
    istio: Any = {"values": {"cni": {"ambient": {"enablementSelectors": []}}}}
    ((path, message),) = _problems({"east": {"dataPlane": "ambient"}}, istio=istio)
    assert path == "istio.values.cni.ambient.enablementSelectors"
    assert message.startswith("makes the agents select pods without the label istio.io/dataplane-mode")


_NEXT: dict[str, Any] = {"version": "1.30.4", "next": {"version": "1.31.0"}}


@pytest.mark.parametrize("phase", ["beside", "moved"])
def test_both_control_planes_of_a_cluster_are_judged_and_what_they_serve(phase: str) -> None:
    """Each chart in the version that it is installed in."""
    charts = _Charts()
    config = stack_config({"east": {}}, istio={**_NEXT, "next": {**_NEXT["next"], "phase": phase}})
    assert list(problems(config, charts)) == []
    assert charts.versions == {
        "istio-base": "1.31.0",
        "istiod": "1.30.4",
        "istiod-1-31-0": "1.31.0",
        "istio-eastwestgateway": "1.31.0" if phase == "moved" else "1.30.4",
    }


def test_what_both_control_planes_would_make_is_refused_by_its_value() -> None:
    """A tag of the user's in their values, and the program's own; with one control plane it works."""
    istio: dict[str, Any] = {"values": {"istiod": {"revisionTags": ["prod"]}}}
    assert _problems({"east": {}}, istio=istio) == []
    ((path, message),) = _problems({"east": {}}, istio={**_NEXT, **istio})
    assert path == "istio.values.istiod.revisionTags"
    assert message == (
        "makes the MutatingWebhookConfiguration istio-revision-tag-prod, which the release istiod makes, too"
    )
    istio = {"revision": "1-31-0", "values": {"istiod": {"revisionTags": ["default"]}}}
    ((_, message),) = _problems({"east": {}}, istio=istio)
    assert message.endswith("istio-revision-tag-default, which the tag default makes, too")


def test_a_next_version_that_the_repository_lacks_is_said_of_its_own_setting() -> None:
    """The running one is there."""

    def render(istio: IstioSection, chart: str, release: str, values: Mapping[str, Any]) -> tuple[Json, ...]:
        if istio.version == "1.31.0":
            raise ChartMissingError("https://charts.example.com/ has no chart base 1.31.0")
        return _Charts()(istio, chart, release, values)

    (problem,) = problems(stack_config({"east": {}}, istio=_NEXT), render)
    assert problem.path == "istio.next.version"
