"""Whether the charts come to a member of the mesh with the values that each cluster will get.

By effect: the charts are rendered, and what comes out is read. Which of the user's values is to blame is
found by leaving values out until the fault is gone.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from mesh import versions
from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import ReaderRole
from mesh.helm.charts import Render, renderer
from mesh.helm.errors import ChartMissingError, ChartRefusedError, ChartUnavailableError
from mesh.istio import addresses, ambient_values, values
from mesh.istio.names import BASE, CNI, GATEWAY, ISTIOD, TAG_WEBHOOK, ZTUNNEL, revisioned
from mesh.istio.revisions import Revision, has_tag, newest, revisions, serving
from mesh.mappings import Json, as_map
from mesh.plan import ClusterPlan, cluster_plan
from mesh.preflight.rendered.expected import Expected, object_names
from mesh.preflight.rendered.faults import Fault, faults
from mesh.preflight.rendered.gateway import exposes
from mesh.preflight.rendered.istiod import cluster_domain

_REFUSED = "_refused"


@dataclass(frozen=True, kw_only=True)
class _Chart:
    """A chart and its version, its release, its values, and what it must come to."""

    name: str
    release: str
    version: str
    setting: str
    values: Callable[[ClusterConfig], dict[str, Any]]
    expected: Expected


def checked(config: StackConfig) -> tuple[list[Problem], str | None]:
    """What is wrong with the values for the charts, or why that is not known."""
    try:
        with renderer() as render:
            return list(problems(config, render)), None
    except ChartUnavailableError as error:
        return [], f"what the charts come to is not checked: {error}"


def problems(config: StackConfig, render: Render) -> Iterator[Problem]:
    """A problem for each value that takes away what the mesh stands on, by the value's path.

    Clusters that differ in nothing but their identity are judged once.

    Raises:
        ChartUnavailableError: a chart cannot be had.
    """
    found: dict[str, _Judgement] = {}
    domains: dict[str, str] = {}
    for cluster in config.online.values():
        ways = addresses.ways(config, cluster.name)
        plan = cluster_plan(config, cluster.name)
        alike = repr(
            (
                cluster.istio,
                cluster.gateway,
                ways,
                cluster.reader.role,
                cluster.kubeconfig is None,
                cluster.exposure.cluster_local,
                sorted(cluster.kubeconfig_folder),
                plan.gateway,
                plan.primary,
                bool(cluster.serves),
                cluster.data_plane,
                cluster.exposure if cluster.data_plane.has_ztunnel else None,
            )
        )
        if alike not in found:
            found[alike] = _judge(config, cluster, plan, render)
        judgement = found[alike]
        for path, message in judgement.found:
            yield Problem(path=cluster.path(path), message=message)
        if judgement.domain is None:
            continue
        hosts = cluster.exposure.listed_hosts
        if plan.exposure and hosts and not exposes(hosts, judgement.domain):
            yield Problem(
                path=cluster.path("exposure.hosts"),
                message=f"{', '.join(hosts)}: no service is below it, since services are "
                f"below svc.{judgement.domain}; expected a host or a wildcard there, for example "
                f"*.{judgement.domain}",
            )
        domains.setdefault(judgement.domain, cluster.name)
        first, of = next(iter(domains.items()))
        if judgement.domain != first:
            yield Problem(
                path=cluster.path("istio.values.istiod.global.proxy.clusterDomain"),
                message=f"is {judgement.domain}, and {first} in {of}: each would call the other's services "
                "by names that they do not have there; expected one cluster domain for all clusters",
            )


@dataclass(frozen=True, kw_only=True)
class _Judgement:
    """`found` are paths of settings with what is wrong; `domain` is the cluster's DNS domain."""

    found: tuple[tuple[str, str], ...]
    domain: str | None = None


def _judge(config: StackConfig, cluster: ClusterConfig, plan: ClusterPlan, render: Render) -> _Judgement:
    ways = addresses.ways(config, cluster.name)
    expected = Expected(
        cluster=cluster.name,
        network=cluster.network,
        mesh_id=config.mesh.id,
        trust_domain=config.mesh.trust_domain,
        reader=cluster.kubeconfig is None,
        reader_role=cluster.reader.role == ReaderRole.CHART,
        remote=plan.primary is not None,
        serves=bool(cluster.serves),
        kubeconfig_folder=frozenset(cluster.kubeconfig_folder),
        given=bool(cluster.gateway.addresses),
        port=cluster.gateway.port,
        network_policy=bool(cluster.gateway.network_policy),
        ways=ways,
        ambient=cluster.data_plane.has_ztunnel,
    )
    secret = config.is_secret(cluster.path("istio.values"))
    found: dict[str, str] = {}
    domain = None
    taken = {("MutatingWebhookConfiguration", "", TAG_WEBHOOK): "the tag default"} if has_tag(cluster) else {}
    for each in _charts(config, cluster, plan, expected):
        chart = replace(each, expected=replace(each.expected, taken=dict(taken)))
        try:
            for path, message in _chart(cluster, chart, render, secret=secret):
                found.setdefault(path, message)
            if chart.name == "istiod" and not found:
                manifests = _rendered(cluster, chart, render)
                taken |= dict.fromkeys(object_names(manifests), f"the release {chart.release}")
                domain = cluster_domain(manifests, chart.expected.revision)
        except ChartMissingError as missing:
            return _Judgement(found=((chart.setting, str(missing)),))
    return _Judgement(found=tuple(found.items()), domain=None if found else domain)


def _charts(
    config: StackConfig, cluster: ClusterConfig, plan: ClusterPlan, expected: Expected
) -> Iterator[_Chart]:
    """All charts of a cluster, in the order in which they are installed."""
    version = newest(cluster).version
    yield _of_serving(cluster, expected, "base", BASE, values.base, version=version)
    for revision in revisions(cluster):
        yield _istiod(config, cluster, revision, expected)
    if plan.gateway:
        yield _of_serving(cluster, expected, "gateway", GATEWAY, values.gateway)
    if cluster.data_plane.has_ztunnel:
        trust_domain = config.mesh.trust_domain
        yield _of_serving(cluster, expected, "cni", CNI, ambient_values.cni)
        yield _of_serving(
            cluster, expected, "ztunnel", ZTUNNEL, lambda c: ambient_values.ztunnel(c, trust_domain)
        )


def _istiod(config: StackConfig, cluster: ClusterConfig, revision: Revision, expected: Expected) -> _Chart:
    return _Chart(
        name="istiod",
        release=revisioned(ISTIOD, revision.name),
        version=revision.version,
        setting=_setting(cluster, revision.version),
        values=lambda c: values.istiod(c, config.mesh, expected.ways, revision=revision),
        expected=replace(expected, revision=revision.name, led=has_tag(cluster) and not revision.name),
    )


def _of_serving(
    cluster: ClusterConfig,
    expected: Expected,
    name: str,
    release: str,
    given: Callable[[ClusterConfig], dict[str, Any]],
    *,
    version: str | None = None,
) -> _Chart:
    """A chart that a cluster has once, however many control planes it has."""
    revision = serving(cluster)
    return _Chart(
        name=name,
        release=release,
        version=version or revision.version,
        setting=_setting(cluster, version or revision.version),
        values=given,
        expected=replace(expected, revision=revision.name),
    )


def _setting(cluster: ClusterConfig, version: str) -> str:
    """Where the stack file has a version."""
    return "istio.version" if version == cluster.istio.version else "istio.next.version"


def _rendered(cluster: ClusterConfig, chart: _Chart, render: Render) -> tuple[Json, ...]:
    istio = cluster.istio.model_copy(update={"version": chart.version})
    return render(istio, chart.name, chart.release, chart.values(cluster))


def _chart(
    cluster: ClusterConfig, chart: _Chart, render: Render, *, secret: bool
) -> Iterator[tuple[str, str]]:
    """Paths of the values for a chart that are to blame, and for what: each once, for its first fault."""

    def judged(user: Mapping[str, Any]) -> list[Fault]:
        below = cluster.istio.values.model_copy(update={chart.name: dict(user)})
        given = replace(cluster, istio=cluster.istio.model_copy(update={"values": below}))
        try:
            return list(faults(chart.name, _rendered(given, chart, render), chart.expected))
        except ChartRefusedError as refused:
            return [Fault(check=_REFUSED, message=str(refused))]

    user: Mapping[str, Any] = getattr(cluster.istio.values, chart.name)
    found = judged(user)
    if found and (of_itself := judged({})):
        yield (
            chart.setting,
            f"{chart.version} has a chart {chart.name} that cannot be used with this program, "
            f"whatever your values are: {of_itself[0].message}; expected another version, for example "
            f"{versions.ISTIO}",
        )
        return
    blamed: set[tuple[str, ...]] = set()
    for fault in found:
        path = culprit(user, lambda rest, fault=fault: any(_same(fault, other) for other in judged(rest)))
        if path not in blamed:
            blamed.add(path)
            words = fault.check.strip("_").replace("_", " ")
            message = f"takes away what the mesh stands on ({words})" if secret else fault.message
            yield ".".join(["istio.values", chart.name, *path]), message


def _same(fault: Fault, other: Fault) -> bool:
    """Whether it is still that fault: Helm names what it refuses in any order."""
    return fault == other or fault.check == other.check == _REFUSED


def culprit(user: Mapping[str, Any], fails: Callable[[Mapping[str, Any]], bool]) -> tuple[str, ...]:
    """The path of the value without which `fails` is false, as deep as one value alone is to blame.

    Args:
        user: nested values with which `fails` is true.
        fails: whether values have the fault.
    """
    for key, value in user.items():
        rest = {name: other for name, other in user.items() if name != key}
        if not fails(rest):
            inner = as_map(value)
            if not inner:
                return (key,)
            return (key, *culprit(inner, lambda below, key=key, rest=rest: fails({**rest, key: below})))
    return ()
