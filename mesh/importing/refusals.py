"""Why a mesh that something else has built cannot be taken over. Pure."""

from collections.abc import Iterator, Sequence

from mesh import versions
from mesh.config.problems import Problem
from mesh.config.types import is_dns_label, version_tuple
from mesh.importing.member import Member, common_root, distinct, mesh_ids, root_names, trust_domain
from mesh.istio.names import ISTIOD, NAMESPACE

_DEFAULT = "default"


def refusals(members: Sequence[Member]) -> list[Problem]:
    """A problem for each reason; those of the mesh as a whole once each cluster by itself has none."""
    alone = [Problem(path=member.context, message=why) for member in members for why in _refused(member)]
    return alone or list(_not_one_mesh(members))


def _refused(member: Member) -> Iterator[str]:
    """Why a cluster cannot be taken over, whatever the others are."""
    found = member.found
    if no_way := found.unreachable or found.refused:
        yield no_way
        return
    others = [revision for revision in found.revisions if revision != _DEFAULT]
    if others:
        yield (
            f"has istiod in the revision {', '.join(others)}; expected the revision default alone, for "
            f"example after `istioctl --context {member.context} uninstall --revision {others[0]}`"
        )
        return
    if found.control_plane is None:
        yield (
            f"has no Deployment {NAMESPACE}/{ISTIOD}; expected a cluster with a control plane of its own. An "
            "empty cluster can be added to the stack file later"
        )
        return
    if found.ambient:
        yield "has a ztunnel; expected a mesh of sidecars: ambient meshes are not taken over yet"
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
    if found.version is None or not _is_version(found.version):
        yield f"istiod has the version {found.version!r}; expected a release, for example {versions.ISTIO}"
    if found.trust.cacerts is None:
        yield (
            f"has no Secret {NAMESPACE}/cacerts: istiod signs with a root of its own, which no other cluster "
            "trusts; expected Istio's plug-in CA certificates"
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
