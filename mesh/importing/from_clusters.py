"""The stack file for a mesh that another tool built. Pure.

It leaves out what the program sets itself, and keeps everything else that the user of that tool has set.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mesh.importing.imported import Imported, NotImportableError
from mesh.importing.member import (
    DEFAULT_DOMAIN,
    DEFAULT_MESH,
    Member,
    common_root,
    kubeconfigs,
    mesh_ids,
    trust_domain,
)
from mesh.importing.refusals import refusals
from mesh.importing.remarks import remarks
from mesh.importing.values import common, users_values, without
from mesh.istio.names import CROSS_NETWORK_GATEWAY, GATEWAY, NAMESPACE
from mesh.kubeconfig.read import Endpoint, endpoint, parse

_DEFAULT_HOSTS = ("*.local",)
_NOT_OF_THE_USER = ("meta.helm.sh/", "kubectl.kubernetes.io/", "pulumi.com/")
"""Prefixes of annotations that tools write."""


def from_clusters(members: Sequence[Member], *, signs: bool) -> Imported:
    """The stack file for a mesh of these clusters, and remarks about it.

    Args:
        members: all clusters of the mesh, in the order in which they are written.
        signs: whether the stack gets the root's key, and makes the intermediates.

    Raises:
        NotImportableError: with each reason why the clusters cannot be imported.
    """
    if refused := refusals(members, signs=signs):
        raise NotImportableError(refused)
    root = common_root(members)
    values = {member.cluster_id: users_values(member) for member in members}
    shared = common(list(values.values()))
    found_versions = {member.cluster_id: _version(member) for member in members}
    one_version = len(set(found_versions.values())) == 1
    istio = _filled(
        version=next(iter(found_versions.values())) if one_version else None,
        values=shared,
    )
    trust: dict[str, Any] = {"root": {"certificate": root}}
    if not signs:
        trust["intermediate"] = {"existing": True}
    sections = _filled(
        mesh=_filled(
            id=mesh_ids(members)[0] if mesh_ids(members) else DEFAULT_MESH,
            trustDomain=None if trust_domain(members[0]) == DEFAULT_DOMAIN else trust_domain(members[0]),
        ),
        istio=istio,
        trust=trust,
        clusters={
            member.cluster_id: _cluster(
                member,
                members,
                istio=_filled(
                    version=None if one_version else found_versions[member.cluster_id],
                    values=without(values[member.cluster_id], shared),
                ),
            )
            for member in members
        },
    )
    return Imported(sections=sections, remarks=tuple(remarks(members, signs=signs)))


def _cluster(member: Member, members: Sequence[Member], *, istio: Mapping[str, Any]) -> dict[str, Any]:
    others = [m.cluster_id for m in members if m is not member]
    seen = [other for other in others if other in kubeconfigs(member)]
    return _filled(
        context=member.context,
        network=None if member.network == f"net-{member.cluster_id}" else member.network,
    ) | {
        # An empty list is a setting.
        **({} if seen == others else {"sees": seen}),
        **_filled(
            apiServer=_api_server(member, members),
            istio=istio,
            gateway=_gateway(member),
            exposure=_exposure(member),
        ),
    }


def _api_server(member: Member, members: Sequence[Member]) -> dict[str, Any]:
    """How the others reach the API server, if they do it differently from this machine."""
    ways = {
        other.cluster_id: _way(_endpoint(text), member.reached_at)
        for other in members
        if (text := kubeconfigs(other).get(member.cluster_id))
    }
    first: dict[str, Any] = next(iter(ways.values()), None) or {}
    if all(way == first for way in ways.values()):
        return first
    # Not one for all and `from` for the others: these would get the keys that they lack from it.
    return {"from": {reader: way for reader, way in ways.items() if way}}


def _endpoint(kubeconfig: str) -> Endpoint | None:
    try:
        return endpoint(kubeconfig, str(parse(kubeconfig).get("current-context")))
    except ValueError:
        return None


def _way(used: Endpoint | None, own: Endpoint) -> dict[str, Any]:
    if used is None:
        return {}
    same = used.server.rstrip("/") == own.server.rstrip("/")
    # The name in the kubeconfig belongs to the address there.
    known = same and used.tls_server_name == own.tls_server_name
    return _filled(
        server=None if same else used.server,
        tlsServerName=None if known else used.tls_server_name,
        proxyUrl=used.proxy_url,
    )


def _gateway(member: Member) -> dict[str, Any]:
    """The Service of a gateway that was installed without Helm values."""
    found = member.found.gateway
    if found is None or any(release.name == GATEWAY for release in member.found.releases):
        return {}
    annotations = {k: v for k, v in found.annotations.items() if not k.startswith(_NOT_OF_THE_USER)}
    service = _filled(
        type=None if found.type == "LoadBalancer" else found.type,
        annotations=annotations,
        sourceRanges=list(found.source_ranges),
    )
    return _filled(service=service)


def _exposure(member: Member) -> dict[str, Any]:
    hosts = member.found.exposing.get((NAMESPACE, CROSS_NETWORK_GATEWAY), _DEFAULT_HOSTS)
    return {} if tuple(hosts) == _DEFAULT_HOSTS else {"hosts": list(hosts)}


def _version(member: Member) -> str:
    return str(member.found.version)


def _filled(**settings: Any) -> dict[str, Any]:
    """Those that are not None and not empty."""
    return {key: value for key, value in settings.items() if value not in (None, {}, (), [])}
