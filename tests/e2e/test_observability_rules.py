"""When alerts fire and when they do not, by Prometheus' own tool for testing rules."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from mesh.observability.rules import rule_groups
from sandbox import tools

pytestmark = pytest.mark.mesh

Series = Mapping[str, str]

_MINUTES = 40
_LATE = f"{_MINUTES}m"
_DAY = 86400
_ISTIOD = 'job="istiod",namespace="istio-system",pod="istiod-1"'
_GATEWAY = 'job="istio-eastwestgateway",namespace="istio-system",pod="gateway-1"'
_LISTENER = f'{_GATEWAY},listener_address="0.0.0.0_15443"'


def _constant(value: float) -> str:
    return f"{value:.0f}x{_MINUTES}"


def _from(minute: int, before: float, after: float) -> str:
    return f"{before:.0f}x{minute - 1} {after:.0f}x{_MINUTES - minute}"


def _healthy(cluster: str, remote: str, *, version: str = "1.31.0") -> dict[str, str]:
    """What a cluster of a mesh in order says of itself."""
    own = f'cluster="{cluster}"'
    istiod, about = f"{own},{_ISTIOD}", f'remote_cluster="{remote}"'
    return {
        f"up{{{istiod}}}": _constant(1),
        f"up{{{own},{_GATEWAY}}}": _constant(1),
        f'pilot_info{{{istiod},version="{version}-0123abc-Clean"}}': _constant(1),
        f'istiod_remote_cluster_sync_status{{{istiod},{about},status="synced"}}': _constant(1),
        f'istiod_remote_cluster_sync_status{{{istiod},{about},status="timeout"}}': _constant(0),
        f'istiod_managed_clusters{{{istiod},cluster_type="remote"}}': _constant(1),
        f"citadel_server_root_cert_expiry_timestamp{{{istiod}}}": _constant(3650 * _DAY),
        f"citadel_server_cert_chain_expiry_timestamp{{{istiod}}}": _constant(730 * _DAY),
        f'pilot_xds_pushes{{{istiod},type="cds"}}': f"0+3x{_MINUTES}",
        f"envoy_listener_manager_lds_update_rejected{{{own},{_GATEWAY}}}": _constant(0),
        f"envoy_cluster_manager_cds_update_rejected{{{own},{_GATEWAY}}}": _constant(0),
        f"envoy_listener_downstream_cx_active{{{own},{_LISTENER}}}": _constant(2),
        f"envoy_listener_downstream_cx_total{{{own},{_LISTENER}}}": _constant(7),
        f'kube_service_spec_type{{{own},{_SERVICE},type="LoadBalancer"}}': _constant(1),
        f'kube_service_status_load_balancer_ingress{{{own},{_SERVICE},ip="192.0.2.1"}}': _constant(1),
    }


_SERVICE = 'namespace="istio-system",service="istio-eastwestgateway"'
_EAST = f'cluster="east",{_ISTIOD}'
_WEST_GATEWAY = f'cluster="west",{_GATEWAY}'
_WEST_LISTENER = f'cluster="west",{_LISTENER}'
_SYNC = f'istiod_remote_cluster_sync_status{{{_EAST},remote_cluster="west",status='
_NO_STATUS = {f'{_SYNC}"{status}"}}': None for status in ("synced", "timeout")}
_TIMED_OUT = {f'{_SYNC}"synced"}}': _from(10, 1, 0), f'{_SYNC}"timeout"}}': _from(10, 0, 1)}
_FAILING = {f'controller_sync_errors_total{{{_EAST},remote_cluster="west"}}': "0x9 1+0.3x30"}
"""A request fails now and then: too seldom for an alert of its own."""
_TIMEOUTS = f'remote_cluster_sync_timeouts_total{{{_EAST},remote_cluster="west"}}'
_REMOTE = {"cluster": "east", "remote_cluster": "west"}


def _first_at(minute: int, then: str) -> str:
    """A counter without a series before it counts for the first time."""
    return f"_x{minute - 1} {then}"


_CASES: Mapping[str, tuple[str, Mapping[str, str | None], str, Mapping[str, Mapping[str, str]]]] = {
    "all is well": ("1.31.0", {}, _LATE, {}),
    "istiod is gone": (
        "1.31.0",
        {f"up{{{_EAST}}}": f"1x9 _x{_MINUTES}"},
        "20m",
        {"IstioMeshIstiodDown": {"cluster": "east"}},
    ),
    "istiod was away for a moment": ("1.31.0", {f"up{{{_EAST}}}": f"1x9 0x2 1x{_MINUTES}"}, "12m", {}),
    "the gateway does not answer": (
        "1.31.0",
        {f"up{{{_WEST_GATEWAY}}}": _from(10, 1, 0)},
        "20m",
        {"IstioMeshGatewayDown": {"cluster": "west"}},
    ),
    "a remote secret that was put right, of which 1.31.0 says timeout": ("1.31.0", _TIMED_OUT, "20m", {}),
    "a remote cluster is not synced": (
        "1.31.0",
        {**_TIMED_OUT, **_FAILING},
        "20m",
        {"IstioMeshRemoteClusterNotSynced": _REMOTE},
    ),
    "a remote secret is gone": (
        "1.28.10",
        {f'istiod_managed_clusters{{{_EAST},cluster_type="remote"}}': _from(10, 1, 0), **_NO_STATUS},
        "20m",
        {"IstioMeshRemoteClusterUnknown": {"cluster": "east"}},
    ),
    "a remote cluster that was taken out": (
        "1.31.0",
        {f'{_SYNC}"synced"}}': _from(10, 1, 0), f'{_SYNC}"timeout"}}': _constant(0)},
        "20m",
        {},
    ),
    "a remote secret that was replaced, of which 1.31.0 says closed": (
        "1.31.0",
        {f'{_SYNC}"synced"}}': _from(10, 1, 0), f'{_SYNC}"closed"}}': _from(10, 0, 1)},
        "20m",
        {},
    ),
    "1.29.6 says timeout of all clusters": ("1.29.6", {**_TIMED_OUT, **_FAILING}, "20m", {}),
    "1.29.7 says timeout": (
        "1.29.7",
        {**_TIMED_OUT, **_FAILING},
        "20m",
        {"IstioMeshRemoteClusterNotSynced": _REMOTE},
    ),
    "1.29.6 timed out": (
        "1.29.6",
        {**_TIMED_OUT, _TIMEOUTS: _first_at(10, "1x30")},
        "20m",
        {"IstioMeshRemoteClusterTimedOut": _REMOTE},
    ),
    "1.28 timed out again": (
        "1.28.10",
        {**_NO_STATUS, _TIMEOUTS: _from(10, 1, 2)},
        "20m",
        {"IstioMeshRemoteClusterTimedOut": _REMOTE},
    ),
    "1.31 timed out, and synced since": ("1.31.0", {_TIMEOUTS: _first_at(10, "1x30")}, "20m", {}),
    "a token is refused": (
        "1.31.0",
        {f'controller_sync_errors_total{{{_EAST},remote_cluster="west"}}': _first_at(10, "8+8x30")},
        "12m",
        {"IstioMeshRemoteClusterErrors": _REMOTE},
    ),
    "an API server restarts": (
        "1.31.0",
        {f'controller_sync_errors_total{{{_EAST},remote_cluster="west"}}': _first_at(10, "3x30")},
        "12m",
        {},
    ),
    "the gateway has no address": (
        "1.31.0",
        {f'kube_service_status_load_balancer_ingress{{cluster="west",{_SERVICE},ip="192.0.2.1"}}': "1x9"},
        "25m",
        {
            "IstioMeshGatewayWithoutAddress": {
                "cluster": "west",
                "namespace": "istio-system",
                "service": "istio-eastwestgateway",
            }
        },
    ),
    "calls from other networks end": (
        "1.31.0",
        {f"envoy_listener_downstream_cx_active{{{_WEST_LISTENER}}}": _from(10, 2, 0)},
        "30m",
        {"IstioMeshNoCrossNetworkTraffic": {"cluster": "west"}},
    ),
    "the gateway has no listener any more": (
        "1.31.0",
        {
            f"envoy_listener_downstream_cx_active{{{_WEST_LISTENER}}}": "2x9",
            f"envoy_listener_downstream_cx_total{{{_WEST_LISTENER}}}": "7x9",
        },
        "30m",
        {"IstioMeshNoCrossNetworkTraffic": {"cluster": "west"}},
    ),
    "short connections, none open when it is asked": (
        "1.31.0",
        {
            f"envoy_listener_downstream_cx_active{{{_WEST_LISTENER}}}": _from(2, 2, 0),
            f"envoy_listener_downstream_cx_total{{{_WEST_LISTENER}}}": f"7+1x{_MINUTES}",
        },
        _LATE,
        {},
    ),
    "nobody has ever called": (
        "1.31.0",
        {
            f"envoy_listener_downstream_cx_active{{{_WEST_LISTENER}}}": _constant(0),
            f"envoy_listener_downstream_cx_total{{{_WEST_LISTENER}}}": _constant(0),
        },
        _LATE,
        {},
    ),
    "the root expires": (
        "1.31.0",
        {f"citadel_server_root_cert_expiry_timestamp{{{_EAST}}}": _constant(89 * _DAY)},
        "10m",
        {"IstioMeshRootExpires": {"cluster": "east"}},
    ),
    "an intermediate expires": (
        "1.31.0",
        {f"citadel_server_cert_chain_expiry_timestamp{{{_EAST}}}": _constant(29 * _DAY)},
        "10m",
        {"IstioMeshIntermediateExpires": {"cluster": "east"}},
    ),
    "workloads' tokens are refused": (
        "1.31.0",
        {f"citadel_server_authentication_failure_count{{{_EAST}}}": _first_at(10, "6+6x30")},
        "12m",
        {"IstioMeshCertificateRequestsFail": {"cluster": "east"}},
    ),
    "certificates are not signed": (
        "1.31.0",
        {f'citadel_server_csr_sign_err_count{{{_EAST},error="CSR_ERROR"}}': _first_at(10, "6+6x30")},
        "12m",
        {"IstioMeshCertificateRequestsFail": {"cluster": "east"}},
    ),
    "the first push fails": (
        "1.31.0",
        {f'pilot_xds_pushes{{{_EAST},type="lds_senderr"}}': _first_at(10, "1x30")},
        "12m",
        {"IstioMeshPushErrors": {"cluster": "east"}},
    ),
    "istiod fails inside": (
        "1.31.0",
        {f"pilot_total_xds_internal_errors{{{_EAST}}}": _from(10, 1, 2)},
        "12m",
        {"IstioMeshPushErrors": {"cluster": "east"}},
    ),
    "a proxy rejects its listeners": (
        "1.31.0",
        {f"envoy_listener_manager_lds_update_rejected{{{_WEST_GATEWAY}}}": _from(10, 0, 1)},
        "12m",
        {
            "IstioMeshConfigurationRejected": {
                "cluster": "west",
                "namespace": "istio-system",
                "pod": "gateway-1",
            }
        },
    ),
}
"""What is different from a mesh in order (None takes a series out), when, and all that fires then."""


def _test(name: str) -> dict[str, object]:
    version, changed, time, expected = _CASES[name]
    series = {**_healthy("east", "west", version=version), **_healthy("west", "east"), **changed}
    severity = {
        rule["alert"]: rule["labels"]["severity"]
        for group in rule_groups({"east": 1})["groups"]
        for rule in group["rules"]
    }
    fired = [
        {
            "__name__": "ALERTS",
            "alertstate": "firing",
            "alertname": alert,
            "severity": severity[alert],
            **labels,
        }
        for alert, labels in expected.items()
    ]
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": k, "values": v} for k, v in series.items() if v is not None],
        "promql_expr_test": [
            {
                "expr": 'ALERTS{alertstate="firing"}',
                "eval_time": time,
                "exp_samples": [{"labels": _selector(labels), "value": 1} for labels in fired],
            }
        ],
    }


def _selector(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"


@pytest.fixture(scope="module")
def promtool() -> Path:
    """Return the path of promtool, built where it is missing."""
    return tools.ensure(["promtool"])["promtool"]


def _run(promtool: Path, *arguments: str | Path) -> None:
    done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_fire_when_they_should_and_only_then(promtool: Path, tmp_path: Path) -> None:
    """Each case has a mesh of two clusters with one thing different, and all that fires is named."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule_groups({"east": 1, "west": 1})))
    document = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [_test(name) for name in _CASES],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document))
    _run(promtool, "test", "rules", tmp_path / "test.yaml")


def test_every_alert_has_a_case() -> None:
    """One that never fires in a test may never fire at all."""
    names = {rule["alert"] for group in rule_groups({"east": 1})["groups"] for rule in group["rules"]}
    assert names == {alert for _, _, _, expected in _CASES.values() for alert in expected}


def test_the_rule_file_has_nothing_to_lint(promtool: Path, tmp_path: Path) -> None:
    """Also at the pace at which other tests use it."""
    for pace in (1.0, 1 / 60):
        file = tmp_path / f"{pace}.yaml"
        file.write_text(yaml.safe_dump(rule_groups({"east": 1, "west": 1}, pace=pace)))
        _run(promtool, "check", "rules", "--lint=all", "--lint-fatal", file)
