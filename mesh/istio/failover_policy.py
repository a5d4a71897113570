"""By what a client's proxy does without a cluster that fails. Pure.

What a proxy calls in another network is a gateway, which stands for all pods behind it
(`EndpointsByNetworkFilter` in `pilot/pkg/xds/endpoints/ep_filters.go` in istio/istio). It has the locality of
these pods, and the labels of its cluster and network alone. docs/failover.md has the arithmetic.
"""

from typing import Any, TypeAlias

from mesh.config.schema import FailoverSection
from mesh.config.types import Preference, version_tuple
from mesh.istio.names import CLUSTER_LABEL, NETWORK_LABEL

Spec: TypeAlias = dict[str, Any]

_ERRORS = 3
"""Errors one after the other by which an endpoint is out."""
_RETRIES = 3
_HAS_PINGS = (1, 31, 0)
_UNHANDLED = "connect-failure,refused-stream,reset-before-request,unavailable,503"
"""What says that nobody has handled a call."""
_PERHAPS_HANDLED = "reset,gateway-error"
# Regions that nothing has. Without such an entry, istiod orders by labels or by locality, and never by one
# after the other (`ApplyLocalityLoadBalancer` in `pilot/pkg/networking/core/loadbalancer` in istio/istio).
_BY_LOCALITY_TOO = {"from": "no-region", "to": "no-other-region"}


def connect_seconds(failover: FailoverSection) -> float:
    """How long a connection may take; shorter than an answer, so that its failure is told from that."""
    return failover.within_seconds / 5


def answer_seconds(failover: FailoverSection) -> float:
    """How long an answer may take to begin.

    A client that makes one call after the other has lost three when an endpoint is out, and of those that it
    began before, the last ends after a fourth such time.
    """
    return failover.within_seconds / (_ERRORS + 1)


def destination_rule(host: str, failover: FailoverSection, istio_version: str) -> Spec:
    """Which endpoints come first, how soon one is out, and when it is tried again."""
    keepalive = failover.within_seconds // (_ERRORS + 1)
    pool: Spec = {
        "tcp": {
            "connectTimeout": _duration(connect_seconds(failover)),
            # For connections that nothing waits on when their other end goes.
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
                # Of what a service answers itself, only that it is not there counts.
                "consecutive5xxErrors": 0,
                "consecutiveGatewayErrors": _ERRORS,
                "interval": "1s",
                "baseEjectionTime": f"{failover.within_seconds}s",
                "maxEjectionPercent": 100,
                # With all of them out, all are tried: else no call would be, until the first one is back.
                "minHealthPercent": 1,
            },
        },
    }


def virtual_service(host: str, failover: FailoverSection) -> Spec:
    """How long an answer may take to begin, and which calls are made again, elsewhere."""
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
