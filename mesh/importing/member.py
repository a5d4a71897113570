"""Clusters of a mesh that another tool built, and what they share. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cryptography import x509

from mesh.istio.names import GATEWAY, GATEWAY_LABEL
from mesh.kubeconfig.read import Endpoint
from mesh.live.facts import InstalledMesh
from mesh.pki.certificates import is_issued_by_any, name, parse_readable, path_to_root, to_pem

DEFAULT_DOMAIN = "cluster.local"
DEFAULT_MESH = "mesh"
"""The mesh ID of a mesh whose istiods have none."""
_SELECTOR: Mapping[str, str] = {"app": GATEWAY, "istio": GATEWAY_LABEL}
"""Labels by which the Deployment of the chart `gateway` finds its pods."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A cluster of the mesh: how this machine reaches it, and what it has.

    `reached_at` is the API server of the context in the kubeconfig.
    """

    context: str
    reached_at: Endpoint
    found: InstalledMesh

    @property
    def cluster_id(self) -> str:
        """As istiod has it; empty if there is none."""
        return (self.found.control_plane.cluster_id if self.found.control_plane else None) or ""

    @property
    def network(self) -> str:
        """From the label that istiod uses, or else from the proxies' settings; empty if there is none."""
        injected = self.found.control_plane.network if self.found.control_plane else None
        return self.found.network or injected or ""


def other_selector(member: Member) -> bool:
    """Whether the gateway's Deployment finds its pods by other labels than that of the chart `gateway`."""
    gateway = member.found.gateway
    return gateway is not None and bool(gateway.selector) and dict(gateway.selector) != dict(_SELECTOR)


def kubeconfigs(member: Member) -> dict[str, str]:
    """The kubeconfigs with which istiod reads other clusters, by cluster ID."""
    return {
        remote: text
        for secret in member.found.remote_secrets
        if secret.labelled
        for remote, text in secret.kubeconfigs.items()
    }


def mesh_ids(members: Sequence[Member]) -> list[str]:
    """The mesh IDs of all istiods, each once."""
    ids = (m.found.control_plane.mesh_id for m in members if m.found.control_plane)
    return distinct(i for i in ids if i)


def trust_domain(member: Member) -> str:
    """The trust domain that istiod has."""
    running = member.found.control_plane
    return str((running.mesh_config.get("trustDomain") if running else None) or DEFAULT_DOMAIN)


def common_root(members: Sequence[Member]) -> str | None:
    """The root that has signed for every cluster, as PEM."""
    candidates = [parse_readable(m.found.trust.cacerts.roots) for m in members if m.found.trust.cacerts]
    for root in candidates[0] if candidates else ():
        if all(_signed_by(member, root) for member in members):
            return to_pem(root)
    return None


def root_names(member: Member) -> list[str]:
    """The names of the roots in `cacerts`."""
    cacerts = member.found.trust.cacerts
    return [name(root) for root in parse_readable(cacerts.roots)] if cacerts else []


def _signed_by(member: Member, root: x509.Certificate) -> bool:
    cacerts = member.found.trust.cacerts
    if cacerts is None or root not in parse_readable(cacerts.roots):
        return False
    own = parse_readable(cacerts.certificate)
    if not own:
        return False
    path = path_to_root((*own, *parse_readable(cacerts.chain)))
    return path[-1] == root or is_issued_by_any(path[-1], [root])


def distinct(values: Iterable[str]) -> list[str]:
    """The values in order, each once."""
    return list(dict.fromkeys(values))
