"""Why a mesh that another tool built cannot be imported. Pure."""

from collections.abc import Iterator, Sequence

from mesh import versions
from mesh.config.problems import Problem
from mesh.config.types import is_dns_label, version_tuple
from mesh.importing.member import Member, common_root, distinct, mesh_ids, root_names, trust_domain
from mesh.istio.names import ISTIOD, NAMESPACE, NO_REVISION
from mesh.live.facts import Cacerts


def refusals(members: Sequence[Member], *, signs: bool) -> list[Problem]:
    """A problem for each reason; reasons of the whole mesh only if no cluster has its own.

    `signs` is whether the stack is to make the intermediates.
    """
    alone = [
        Problem(path=member.context, message=why)
        for member in members
        for why in _refused(member, signs=signs)
    ]
    return alone or list(_not_one_mesh(members))


def _refused(member: Member, *, signs: bool) -> Iterator[str]:
    """Why a cluster cannot be imported, whatever the others are."""
    found = member.found
    if no_way := found.unreachable or found.refused:
        yield no_way
        return
    if others := [revision for revision in found.revisions if revision != NO_REVISION]:
        yield _revisions(member.context, others, only=NO_REVISION not in found.revisions)
        return
    if found.control_plane is None:
        yield (
            f"has no Deployment {NAMESPACE}/{ISTIOD}; expected a cluster with a control plane of its own. An "
            "empty cluster can be added to the stack file later"
        )
        return
    if found.ambient:
        yield "has a ztunnel; expected a mesh of sidecars: ambient meshes cannot be imported yet"
    if not is_dns_label(member.cluster_id):
        yield (
            f"istiod has the cluster ID {member.cluster_id!r}; expected a DNS label, for example east: see "
            "docs/renaming.md"
        )
    if not is_dns_label(member.network):
        yield (
            f"istiod and {NAMESPACE} have the network {member.network!r}; expected a DNS label: "
            "docs/runbooks/change-identity.md"
        )
    yield from _version(found.version)
    yield from _cacerts(found.trust.cacerts, signs=signs)


def _revisions(context: str, others: Sequence[str], *, only: bool) -> str:
    message = f"has istiod in the revision {', '.join(others)}; expected the revision default alone"
    if only:
        return f"{message}: a mesh without it cannot be imported yet"
    return (
        f"{message}, for example after `istioctl --context {context} uninstall --revision {others[0]}`, once "
        "no namespace is in that revision"
    )


def _version(version: str | None) -> Iterator[str]:
    if version is None or not _is_version(version):
        yield f"istiod has the version {version!r}; expected a release, for example {versions.ISTIO}"
    elif version_tuple(version) < version_tuple(versions.OLDEST_ISTIO):
        yield (
            f"istiod has the version {version}; expected {versions.OLDEST_ISTIO} or later: upgrade this mesh "
            "first, one minor version at a time"
        )


def _cacerts(cacerts: Cacerts | None, *, signs: bool) -> Iterator[str]:
    if cacerts is None:
        yield (
            f"has no Secret {NAMESPACE}/cacerts: istiod signs with a root of its own, which no other cluster "
            "trusts; expected Istio's plug-in CA certificates"
        )
    elif signs and cacerts.tls:
        yield (
            f"{NAMESPACE}/cacerts has tls.crt, as cert-manager writes it, and istiod takes no other "
            "intermediate then; expected no --root-key: cacerts stays with what writes it"
        )


def _is_version(text: str) -> bool:
    try:
        return bool(version_tuple(text))
    except ValueError:
        return False


def _not_one_mesh(members: Sequence[Member]) -> Iterator[Problem]:
    together = ", ".join(member.context for member in members)
    by_id: dict[str, str] = {}
    by_identity: dict[str, str] = {}
    for member in members:
        for known, key, what in (
            (by_identity, member.found.identity, "leads to the same cluster as"),
            (by_id, member.cluster_id, f"has the cluster ID {member.cluster_id!r}, as has"),
        ):
            if key and key in known:
                yield Problem(
                    path=member.context,
                    message=f"{what} {known[key]}; expected each cluster of the mesh once",
                )
                break
            if key:
                known[key] = member.context
    for what, values in (
        ("mesh ID", mesh_ids(members)),
        ("trust domain", distinct(map(trust_domain, members))),
    ):
        if len(values) > 1:
            yield Problem(path=together, message=f"have the {what}s {', '.join(values)}; expected one")
    if common_root(members) is None:
        roots = [f"{m.cluster_id}: {', '.join(root_names(m)) or 'none that can be read'}" for m in members]
        message = f"no root has signed for all of them ({'; '.join(roots)}); expected one root of the mesh"
        yield Problem(path=together, message=message)
