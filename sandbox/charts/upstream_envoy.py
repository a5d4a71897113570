"""What an Envoy without Istio's filters needs in an ambient mesh, as one more template of the chart `istiod`.

The sandbox's proxies are such Envoys. istiod gives to each that ends HBONE tunnels, which are east-west
gateways, waypoints and sidecars, the filter `io.istio.http.peer_metadata`, and objects of the factory
`istio.hashable_string` (istio/istio, `pilot/pkg/xds/filters/filters.go`). Upstream has neither: the listener
would be refused, and the pod would never be ready. These EnvoyFilters take the filter out, which costs
metrics by peer, and name Envoy's own factory.

They come with istiod, so that they are there before the pods that istiod makes of a Gateway.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_TYPES = "type.googleapis.com/envoy.extensions.filters"
_FACTORY = "envoy.hashable_string"


def template() -> str:
    """Return the template. Without the ambient profile, it comes to nothing.

    An EnvoyFilter in Istio's namespace that targets the class of waypoints is for east-west gateways, too:
    to istiod both are of one kind (`pilot/pkg/model/policyattachment.go`). Sidecars need no target.
    By the label, other revisions do not read them, and webhooks of another control plane do not judge them.
    """
    terminated = [_removed("connect_terminate", "waypoint_downstream_peer_metadata"), _authority()]
    passed_on = [
        _http("connect_terminate", "request_source", [_state("io.istio.source", "%REQ(x-istio-source)%")]),
        _removed("main_internal", "waypoint_upstream_peer_metadata"),
        _endpoint(),
    ]
    waypoints = {"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}
    filters = [
        _envoy_filter("sidecars", {"configPatches": terminated}),
        _envoy_filter(
            "gateways-and-waypoints", {"targetRefs": [waypoints], "configPatches": terminated + passed_on}
        ),
    ]
    ambient = '(eq (toString .Values.env.PILOT_ENABLE_AMBIENT) "true")'
    return f"""\
{{{{- if and {ambient} (has .Values.global.resourceScope (list "all" "namespace")) }}}}
{yaml.safe_dump_all(filters, sort_keys=False, width=1000)}
{{{{- end }}}}
"""


def _envoy_filter(name: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {
            "name": f"upstream-envoy-{name}{{{{ with .Values.revision }}}}-{{{{ . }}}}{{{{ end }}}}",
            "namespace": "{{ .Release.Namespace }}",
            "labels": {"istio.io/rev": '{{ .Values.revision | default "default" }}'},
        },
        "spec": spec,
    }


def _authority() -> Mapping[str, Any]:
    local, remote = (f"envoy.filters.listener.original_dst.{end}_ip" for end in ("local", "remote"))
    states = [
        _state(local, "%REQ(:AUTHORITY)%", factory=None),
        _state("io.istio.connect_authority", "%REQ(:AUTHORITY)%"),
        _state(remote, "%DOWNSTREAM_REMOTE_ADDRESS%", factory=None),
        _state("io.istio.peer_principal", "%DOWNSTREAM_PEER_URI_SAN%"),
        _state("io.istio.local_principal", "%DOWNSTREAM_LOCAL_URI_SAN%"),
    ]
    return _http("connect_terminate", "connect_authority", states)


def _endpoint() -> Mapping[str, Any]:
    name = "propagate_endpoint_metadata"
    address = "envoy.filters.listener.original_dst"
    target = "double_hbone:hbone_target_address"
    states = [
        _state(f"{address}.local_ip", f"%DYNAMIC_METADATA({address}:local)%", "TRANSITIVE", factory=None),
        _state(
            "istio.double_hbone.hbone_target_address", f"%DYNAMIC_METADATA(istio:{target})%", "TRANSITIVE"
        ),
    ]
    config = {"@type": f"{_TYPES}.network.set_filter_state.v3.Config", "onNewConnection": states}
    return {
        "applyTo": "NETWORK_FILTER",
        "match": _match("inner_connect_originate", {"name": name}),
        "patch": {"operation": "REPLACE", "value": {"name": name, "typedConfig": config}},
    }


def _http(listener: str, name: str, states: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    config = {"@type": f"{_TYPES}.http.set_filter_state.v3.Config", "onRequestHeaders": states}
    value = {"name": name, "typedConfig": config}
    return _http_patch(listener, name, {"operation": "REPLACE", "value": value})


def _removed(listener: str, name: str) -> Mapping[str, Any]:
    return _http_patch(listener, name, {"operation": "REMOVE"})


def _http_patch(listener: str, name: str, patch: Mapping[str, Any]) -> Mapping[str, Any]:
    manager = {"name": "envoy.filters.network.http_connection_manager", "subFilter": {"name": name}}
    return {"applyTo": "HTTP_FILTER", "match": _match(listener, manager), "patch": patch}


def _match(listener: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    # In istiod's eyes, also the listeners of gateways and waypoints are those of a sidecar's inbound side.
    return {"context": "SIDECAR_INBOUND", "listener": {"name": listener, "filterChain": {"filter": found}}}


def _state(key: str, text: str, shared: str = "ONCE", *, factory: str | None = _FACTORY) -> Mapping[str, Any]:
    return {
        "objectKey": key,
        **({"factoryKey": factory} if factory else {}),
        "formatString": {"textFormatSource": {"inlineString": text}},
        "sharedWithUpstream": shared,
    }
