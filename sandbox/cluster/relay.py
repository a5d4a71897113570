"""What is before an API server that peers do not reach, as configuration of Envoy. Pure.

A relay ends TLS: it has a name and a CA of its own, and asks for a client certificate. It hands requests on
with the `Authorization` that they came with. Who sends none is the relay's own user in the cluster, as with
relays that know their users by their certificates.

A proxy takes `CONNECT` to the API server, and to nothing else.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sandbox.cluster.layout import API_PORT, PROXY_PORT, RELAY_PORT, ClusterLayout

_TYPES = "type.googleapis.com/envoy.extensions"
_MANAGER = f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = f"{_TYPES}.filters.http.router.v3.Router"
_DOWNSTREAM_TLS = f"{_TYPES}.transport_sockets.tls.v3.DownstreamTlsContext"
_UPSTREAM_TLS = f"{_TYPES}.transport_sockets.tls.v3.UpstreamTlsContext"

_TOKEN, _USER = "by-token", "as-user"


def config(cluster: ClusterLayout) -> dict:
    """Return the configuration of the cluster's relay or proxy, whichever it has."""
    resources = _relay(cluster) if cluster.surroundings.api_server == "relay" else _proxy(cluster)
    return {"static_resources": resources}


def files(cluster: ClusterLayout) -> list[Path]:
    """Return the files that the configuration names."""
    if cluster.surroundings.api_server == "proxy":
        return []
    own = [cluster.relay / name for name in ("ca.crt", "server.crt", "server.key")]
    return [*own, *(cluster.pki / name for name in ("ca.crt", "relay-user.crt", "relay-user.key"))]


def _relay(cluster: ClusterLayout) -> dict:
    ca, certificate, key, api_ca, user, user_key = files(cluster)
    tls = {
        "require_client_certificate": True,
        "common_tls_context": {
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificates": [_key_pair(certificate, key)],
            "validation_context": {"trusted_ca": _file(ca)},
        },
    }
    with_token = {"prefix": "/", "headers": [{"name": "authorization", "present_match": True}]}
    routes = [
        {"match": with_token, "route": {"cluster": _TOKEN, "timeout": "0s"}},
        {"match": {"prefix": "/"}, "route": {"cluster": _USER, "timeout": "0s"}},
    ]
    # `kubectl exec` and its like are upgrades, by the one protocol or the other.
    manager = _manager("*", routes, ["websocket", "SPDY/3.1"])
    listener = _listener(cluster, RELAY_PORT, {**manager, **_transport(_DOWNSTREAM_TLS, tls)})
    upstream = {
        "sni": "kubernetes",
        "common_tls_context": {"validation_context": {"trusted_ca": _file(api_ca)}},
    }
    as_user = {
        **upstream,
        "common_tls_context": {
            **upstream["common_tls_context"],
            "tls_certificates": [_key_pair(user, user_key)],
        },
    }
    return {
        "listeners": [listener],
        "clusters": [
            {**_upstream(cluster, _TOKEN), **_transport(_UPSTREAM_TLS, upstream)},
            {**_upstream(cluster, _USER), **_transport(_UPSTREAM_TLS, as_user)},
        ],
    }


def _proxy(cluster: ClusterLayout) -> dict:
    connect = {"upgrade_type": "CONNECT"}
    route = {
        "match": {"connect_matcher": {}},
        "route": {
            "cluster": _TOKEN,
            "timeout": "0s",
            "upgrade_configs": [{**connect, "connect_config": {}}],
        },
    }
    manager = _manager(f"{cluster.node_address}:{API_PORT}", [route], [connect["upgrade_type"]])
    return {
        "listeners": [_listener(cluster, PROXY_PORT, manager)],
        "clusters": [_upstream(cluster, _TOKEN)],
    }


def _manager(domain: str, routes: Sequence[Mapping], upgrades: Sequence[str]) -> dict:
    """Return the filters of a listener for HTTP, whose requests may last: a watch is silent for minutes."""
    manager = {
        "@type": _MANAGER,
        "stat_prefix": "relay",
        "stream_idle_timeout": "0s",
        "upgrade_configs": [{"upgrade_type": upgrade} for upgrade in upgrades],
        "route_config": {"virtual_hosts": [{"name": "api-server", "domains": [domain], "routes": routes}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": _ROUTER}}],
    }
    return {"filters": [{"name": "http", "typed_config": manager}]}


def _listener(cluster: ClusterLayout, port: int, chain: Mapping) -> dict:
    return {"name": "relay", "address": _address(cluster.node_address, port), "filter_chains": [chain]}


def _upstream(cluster: ClusterLayout, name: str) -> dict:
    endpoint = {"endpoint": {"address": _address(cluster.node_address, API_PORT)}}
    return {
        "name": name,
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _address(address: str, port: int) -> dict:
    return {"socket_address": {"address": address, "port_value": port}}


def _transport(kind: str, context: Mapping) -> dict:
    return {"transport_socket": {"name": "tls", "typed_config": {"@type": kind, **context}}}


def _key_pair(certificate: Path, key: Path) -> dict:
    return {"certificate_chain": _file(certificate), "private_key": _file(key)}


def _file(path: Path) -> dict:
    return {"filename": str(path)}
