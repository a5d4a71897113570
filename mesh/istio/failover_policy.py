"""The settings with which a client's proxy leaves a failed cluster. Pure.

In another network, a proxy calls a gateway, which stands for all pods behind it
(`EndpointsByNetworkFilter` in `pilot/pkg/xds/endpoints/ep_filters.go` in istio/istio). It has the locality of
these pods, but only the labels for cluster and network. docs/failover.md has the arithmetic.
"""

from typing import Any, TypeAlias

from mesh.config.sections.failover import FailoverSection
from mesh.config.types import Preference, version_tuple
from mesh.istio.names import CLUSTER_LABEL, NETWORK_LABEL

Spec: TypeAlias = dict[str, Any]

_ERRORS = 3
"""Errors in a row that eject an endpoint."""
_RETRIES = 3
_HAS_PINGS = (1, 31, 0)
_UNHANDLED = "connect-failure,refused-stream,reset-before-request,unavailable,503"
"""Failures after which nobody can have handled a call."""
_PERHAPS_HANDLED = "reset,gateway-error"
# These regions do not exist. Without such an entry, istiod orders by labels or by locality, but never by both
# (`ApplyLocalityLoadBalancer` in `pilot/pkg/networking/core/loadbalancer` in istio/istio).
_BY_LOCALITY_TOO = {"from": "no-region", "to": "no-other-region"}


def connect_seconds(failover: FailoverSection) -> float:
    """How long a connection may take; less than an answer, so that the two failures differ."""
    return failover.within_seconds / 5


def answer_seconds(failover: FailoverSection) -> float:
    """How long an answer may take to begin.

    A client that makes one call after the other loses three until the endpoint is ejected. The last call that
    it began before that ends after a fourth such time.
    """
    return failover.within_seconds / (_ERRORS + 1)


def destination_rule(host: str, failover: FailoverSection, istio_version: str) -> Spec:
    """Which endpoints come first, when one is ejected, and when it is tried again."""
    keepalive = failover.within_seconds // (_ERRORS + 1)
    pool: Spec = {
        "tcp": {
            "connectTimeout": _duration(connect_seconds(failover)),
            # For connections that are idle when their other end goes.
            "tcpKeepalive": {"time": f"{keepalive}s", "interval": f"{keepalive}s", "probes": _ERRORS},
        }
    }
    if version_tuple(istio_version) >= _HAS_PINGS:
        pool["http"] = {"http2KeepAlive": {"interval": f"{keepalive}s", "timeout": f"{keepalive}s"}}
    return {
        "host": host,
        "exportTo": ["*"],
        "trafficPolicy": {
            "connectionPool": pool,
            "loadBalancer": {"localityLbSetting": _order(failover.prefer)},
            "outlierDetection": {
                # Of a service's own answers, only 502, 503 and 504 count.
                "consecutive5xxErrors": 0,
                "consecutiveGatewayErrors": _ERRORS,
                "interval": "1s",
                "baseEjectionTime": f"{failover.within_seconds}s",
                "maxEjectionPercent": 100,
                # If all are ejected, all are tried: otherwise no call would be made until the first one is
                # back.
                "minHealthPercent": 1,
            },
        },
    }


def virtual_service(host: str, failover: FailoverSection) -> Spec:
    """How long an answer may take to begin, and which calls are retried elsewhere."""
    retries: Spec = {
        "attempts": _RETRIES,
        "perTryTimeout": _duration(answer_seconds(failover)),
        "retryOn": f"{_UNHANDLED},{_PERHAPS_HANDLED}" if failover.idempotent else _UNHANDLED,
    }
    if failover.prefer is not Preference.NONE:
        retries["retryRemoteLocalities"] = True
    return {
        "hosts": [host],
        "exportTo": ["*"],
        "http": [{"route": [{"destination": {"host": host}}], "retries": retries}],
    }


def _order(prefer: Preference) -> Spec:
    if prefer is Preference.NONE:
        return {"enabled": False}  # else outlier detection alone makes istiod prefer the own zone
    order: Spec = {"enabled": True, "failoverPriority": [NETWORK_LABEL, CLUSTER_LABEL]}
    if prefer is Preference.REGION:
        order["failover"] = [dict(_BY_LOCALITY_TOO)]
    return order


def _duration(seconds: float) -> str:
    return f"{seconds:g}s"
