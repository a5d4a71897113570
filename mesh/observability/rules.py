"""Prometheus rules: alerts about what only a mesh of several clusters has. Pure.

The series are those of `mesh.observability.scrape`. Metrics of istiod: `pkg/kube/multicluster`,
`pilot/pkg/xds`, `pilot/pkg/util/informermetric` and `security/pkg/server/ca` in istio/istio.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

from mesh.istio.names import GATEWAY, GATEWAY_PORT, NAMESPACE
from mesh.observability.scrape import GATEWAY_JOB, ISTIOD_JOB, Document

RUNBOOKS = "docs/troubleshooting.md"
_NOTHING: Mapping[str, Sequence[str]] = {}

GATEWAY_LISTENER = f'{{job="{GATEWAY_JOB}",listener_address=~".+_{GATEWAY_PORT}"}}'
"""The gateways' listener for other networks, which has metrics where `observability` is on."""

_ROOT_DAYS = 90
_INTERMEDIATE_DAYS = 30
_DAY_SECONDS = 86400
_RETRIES_PER_MINUTE = 0.5
"""What fails as often for ten minutes does not pass by itself: istiod tries again every 30 to 60 s."""

# 1.31.0 says `closed` of each cluster whose remote secret was replaced: it closes the old connection last
# (`pkg/kube/multicluster/clusterstore.go`). Or it says `timeout` of the old one, 30 s after that began. So a
# timeout counts only while requests fail. A cluster that is taken out has 0 for every status.
# Up to 1.28 istiod has no `istiod_remote_cluster_sync_status`; from 1.29.0 to 1.29.6 it always says timeout.
_STATUS_IS_WRONG = r"1\\.29\\.[0-6]\\D.*"
_STATUS_IS_OF_NO_USE = rf"1\\.2[78]\\..*|{_STATUS_IS_WRONG}"


def rule_groups(
    remotes: Mapping[str, int],
    *,
    lacking: Container[tuple[str, str]] = (),
    several: Mapping[str, Sequence[str]] = _NOTHING,
    pace: float = 1,
) -> Document:
    """A rule file, which is the spec of a PrometheusRule, too.

    Args:
        remotes: how many remote clusters each of those should know whose metrics the Prometheus has, by
            name: what is missing there is looked for by their names.
        lacking: clusters with jobs of `mesh.observability.scrape` for which they have nothing to scrape.
        several: the Deployments of istiod in those clusters that have more than one.
        pace: what all durations are multiplied by. Below 1, alerts fire sooner. How often something may fail
            in that time is changed with it.
    """

    def duration(minutes: int) -> str:
        return f"{max(1, round(60 * minutes * pace))}s"

    soon, window, hour, day = (duration(minutes) for minutes in (5, 10, 60, 1440))
    retries = f"{10 * pace * _RETRIES_PER_MINUTE:.2g}"
    rules = [
        *_missing(remotes, lacking, several, soon),
        *_known(remotes, several, soon),
        *_discovery(soon=soon, window=window, hour=hour, retries=retries),
        *_gateways(soon=soon, window=window, day=day),
        *_certificates(window, retries),
        *_configuration(window),
    ]
    return {"groups": [{"name": "istio-mesh", "rules": rules}]}


def _missing(
    clusters: Iterable[str],
    lacking: Container[tuple[str, str]],
    several: Mapping[str, Sequence[str]],
    soon: str,
) -> Iterator[Document]:
    for cluster in clusters:
        for job, alert, what, section in (
            (ISTIOD_JOB, "IstioMeshIstiodDown", "istiod", "istiod-is-down"),
            (GATEWAY_JOB, "IstioMeshGatewayDown", "ready east-west gateway", "a-gateway-is-down"),
        ):
            if (cluster, job) in lacking:
                continue
            alike = several.get(cluster, ()) if job == ISTIOD_JOB else ()
            for name, pods in [(name, _pods_of(name)) for name in alike] or [(what, "")]:
                yield _alert(
                    alert,
                    f'absent(up{{job="{job}",cluster="{cluster}"{pods}}} == 1)',
                    wait=soon,
                    severity="critical",
                    summary=f"No {name} of {cluster} answers Prometheus.",
                    section=section,
                    cluster=cluster,  # what is absent has no labels
                )


def _pods_of(deployment: str) -> str:
    """Matcher of the pods of a Deployment: a hash of their template and a suffix are behind its name."""
    return f',pod=~"{deployment}-[^-]+-[^-]+"'


def _known(remotes: Mapping[str, int], several: Mapping[str, Sequence[str]], soon: str) -> Iterator[Document]:
    """One alert for each number of remote clusters, for the clusters that should know so many.

    And one for each control plane of a cluster with several, since one that knows more would hide one that
    knows fewer.
    """
    numbers = dict.fromkeys(remotes.values())
    for number in filter(None, numbers):
        names = "|".join(name for name, count in remotes.items() if count == number)
        of_them = f',cluster=~"{names}"' if len(numbers) > 1 else ""
        yield _fewer_known("istiod", of_them, number, soon)
    for cluster, deployments in several.items():
        for name in deployments if remotes.get(cluster) else ():
            yield _fewer_known(name, f',cluster="{cluster}"{_pods_of(name)}', remotes[cluster], soon)


def _fewer_known(name: str, of_them: str, number: int, soon: str) -> Document:
    return _alert(
        "IstioMeshRemoteClusterUnknown",
        f'max by (cluster) (istiod_managed_clusters{{cluster_type="remote"{of_them}}}) < {number}',
        wait=soon,
        severity="critical",
        summary=f"{name} of {{{{ $labels.cluster }}}} knows {{{{ $value }}}} remote clusters, "
        f"and the mesh has {number} for it.",
        section="a-remote-cluster-is-not-synced",
    )


def _discovery(*, soon: str, window: str, hour: str, retries: str) -> Iterator[Document]:
    status = "istiod_remote_cluster_sync_status"
    failing = f"sum by (cluster, remote_cluster) ({_counted('controller_sync_errors_total', window)}) > 0"
    yield _alert(
        "IstioMeshRemoteClusterNotSynced",
        f'max by (cluster, remote_cluster) (({status}{{status="syncing"}} == 1 '
        f'or ({status}{{status="timeout"}} == 1 and on (cluster, remote_cluster) {failing})) '
        f'unless on (cluster, namespace, pod) pilot_info{{version=~"{_STATUS_IS_WRONG}"}})',
        wait=soon,
        severity="critical",
        summary="istiod of {{ $labels.cluster }} has not read {{ $labels.remote_cluster }}.",
        section="a-remote-cluster-is-not-synced",
    )
    yield _alert(
        "IstioMeshRemoteClusterTimedOut",
        f"sum by (cluster, remote_cluster) (({_counted('remote_cluster_sync_timeouts_total', hour)}) "
        f'and on (cluster, namespace, pod) pilot_info{{version=~"{_STATUS_IS_OF_NO_USE}"}}) > 0',
        severity="warning",
        summary="istiod of {{ $labels.cluster }} gave up waiting for {{ $labels.remote_cluster }}; this "
        "version does not say whether it has read it since.",
        section="a-remote-cluster-is-not-synced",
    )
    yield _alert(
        "IstioMeshRemoteClusterErrors",
        f"sum by (cluster, remote_cluster) ({_counted('controller_sync_errors_total', window)}) > {retries}",
        severity="warning",
        summary="istiod of {{ $labels.cluster }} fails to read {{ $labels.remote_cluster }}.",
        section="istiod-fails-to-read-a-cluster",
    )


def _gateways(*, soon: str, window: str, day: str) -> Iterator[Document]:
    service = f'namespace="{NAMESPACE}",service="{GATEWAY}"'
    yield _alert(
        "IstioMeshGatewayWithoutAddress",
        f'max by (cluster, namespace, service) (kube_service_spec_type{{{service},type="LoadBalancer"}}) '
        "unless on (cluster, namespace, service) "
        f"max by (cluster, namespace, service) (kube_service_status_load_balancer_ingress{{{service}}})",
        wait=soon,
        severity="critical",
        summary="The east-west gateway of {{ $labels.cluster }} has no address.",
        section="a-gateway-has-no-address",
    )
    active = f"envoy_listener_downstream_cx_active{GATEWAY_LISTENER}"
    opened = f"envoy_listener_downstream_cx_total{GATEWAY_LISTENER}"
    yield _alert(
        "IstioMeshNoCrossNetworkTraffic",
        f"sum by (cluster) (max_over_time({active}[{day}])) > 0 unless on (cluster) "
        f"sum by (cluster) (max_over_time({active}[{window}]) + increase({opened}[{window}])) > 0",
        wait=soon,
        severity="warning",
        summary="No other network calls {{ $labels.cluster }} any more; within the last day one did.",
        section="no-calls-from-other-networks",
    )


def _certificates(window: str, retries: str) -> Iterator[Document]:
    for alert, what, metric, days in (
        ("IstioMeshRootExpires", "root", "citadel_server_root_cert_expiry_timestamp", _ROOT_DAYS),
        (
            "IstioMeshIntermediateExpires",
            "intermediate",
            "citadel_server_cert_chain_expiry_timestamp",
            _INTERMEDIATE_DAYS,
        ),
    ):
        yield _alert(
            alert,
            # Of several istiods, one that has not loaded the new certificate counts.
            f"min by (cluster) ({metric} > 0) - time() < {days * _DAY_SECONDS}",
            severity="critical",
            summary=f"The {what} CA of {{{{ $labels.cluster }}}} expires in less than {days} days: "
            "{{ $value | humanizeDuration }} are left.",
            section="a-ca-certificate-expires",
        )
    failed = " or ".join(
        f"sum by (cluster) ({_counted(counter, window)}) > {retries}"
        for counter in ("citadel_server_authentication_failure_count", "citadel_server_csr_sign_err_count")
    )
    yield _alert(
        "IstioMeshCertificateRequestsFail",
        failed,
        severity="warning",
        summary="istiod of {{ $labels.cluster }} refuses workloads a certificate.",
        section="workloads-get-no-certificate",
    )


def _configuration(window: str) -> Iterator[Document]:
    failed = " or ".join(
        f"sum by (cluster) ({_counted(counter, window)}) > 0"
        for counter in (
            'pilot_xds_pushes{type=~".+_(builderr|senderr)"}',
            "pilot_total_xds_internal_errors",
        )
    )
    yield _alert(
        "IstioMeshPushErrors",
        failed,
        severity="warning",
        summary="istiod of {{ $labels.cluster }} fails to build or send the configuration of proxies.",
        section="proxies-get-no-configuration",
    )
    rejected = " + ".join(
        f"increase(envoy_{manager}_update_rejected[{window}])"
        for manager in ("cluster_manager_cds", "listener_manager_lds")
    )
    yield _alert(
        "IstioMeshConfigurationRejected",
        f"sum by (cluster, namespace, pod) ({rejected}) > 0",
        severity="warning",
        summary="{{ $labels.namespace }}/{{ $labels.pod }} in {{ $labels.cluster }} rejects configuration "
        "of istiod's.",
        section="proxies-get-no-configuration",
    )


def _counted(counter: str, window: str) -> str:
    """What a counter has counted, that of one whose first count is also its first sample too."""
    return f"({counter} unless {counter} offset {window}) or increase({counter}[{window}])"


def _alert(
    name: str,
    expression: str,
    *,
    severity: str,
    summary: str,
    section: str,
    wait: str | None = None,
    **labels: str,
) -> Document:
    return {
        "alert": name,
        "expr": expression,
        **({"for": wait} if wait else {}),
        "labels": {"severity": severity, **labels},
        "annotations": {"summary": summary, "runbook_url": f"{RUNBOOKS}#{section}"},
    }
