"""Reads the DestinationRules and VirtualServices of a cluster."""

from collections.abc import Sequence

from mesh.config.resolved import Connection
from mesh.live.answers import RefusedError, UnreachableError
from mesh.live.facts import TrafficRule, TrafficRules
from mesh.live.kubernetes_api import KubernetesApi
from mesh.mappings import Json, at

_API = "/apis/networking.istio.io/v1"
_MESH = "mesh"
"""In place of a Gateway: the proxies of all workloads. It is the default."""


def read_traffic_rules(connection: Connection) -> TrafficRules:
    """The rules that apply to calls from workloads' proxies; none before Istio is installed."""
    try:
        api = KubernetesApi.connect(connection)
        found = (
            *(_destination_rule(document) for document in api.list(f"{_API}/destinationrules")),
            *(_virtual_service(d) for d in api.list(f"{_API}/virtualservices") if _is_for_workloads(d)),
        )
    except UnreachableError as error:
        return TrafficRules(unreachable=str(error))
    except RefusedError as error:
        return TrafficRules(refused=str(error))
    return TrafficRules(rules=tuple(sorted(found, key=lambda rule: (rule.kind, rule.namespace, rule.name))))


def _destination_rule(document: Json) -> TrafficRule:
    return _rule("DestinationRule", document, [at(document, "spec", "host")])


def _virtual_service(document: Json) -> TrafficRule:
    return _rule("VirtualService", document, at(document, "spec", "hosts") or ())


def _is_for_workloads(document: Json) -> bool:
    return _MESH in (at(document, "spec", "gateways") or (_MESH,))


def _rule(kind: str, document: Json, hosts: Sequence[object]) -> TrafficRule:
    return TrafficRule(
        kind=kind,
        namespace=str(at(document, "metadata", "namespace")),
        name=str(at(document, "metadata", "name")),
        hosts=tuple(map(str, hosts)),
    )
