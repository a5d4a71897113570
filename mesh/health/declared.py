"""The CA certificates of a stack: those in its state, and those given in its configuration. Pure.

Secrets in the state stay encrypted: no private key is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509

from mesh.config.resolved import StackConfig
from mesh.mappings import Json, at
from mesh.pki.certificates import parse_one

_TYPES = ("tls:index/selfSignedCert:SelfSignedCert", "tls:index/locallySignedCert:LocallySignedCert")


@dataclass(frozen=True, kw_only=True)
class DeclaredCertificate:
    """A CA certificate of the stack, and what it is, such as `root 1`."""

    what: str
    certificate: x509.Certificate


def declared_certificates(config: StackConfig, state: Json) -> tuple[DeclaredCertificate, ...]:
    """All CA certificates of the stack, roots first.

    Args:
        config: of the stack.
        state: the stack's state as `pulumi stack export` gives it.
    """
    resources: Sequence[Json] = at(state, "deployment", "resources") or []
    generated = [
        _certificate(_what(str(resource["urn"])), str(resource["outputs"]["certPem"]))
        for resource in resources
        if resource.get("type") in _TYPES and not resource.get("delete")
    ]
    given = [
        *(
            _certificate(f"root {root.generation}", root.certificate)
            for root in (config.trust.root, config.trust.next_root)
            if root is not None and root.certificate
        ),
        *(
            _certificate(f"intermediate of {cluster.name}", cluster.intermediate.certificate)
            for cluster in config.clusters.values()
            if cluster.intermediate.certificate
        ),
    ]
    return tuple(
        sorted([*generated, *given], key=lambda entry: (not entry.what.startswith("root"), entry.what))
    )


def _what(urn: str) -> str:
    """What a certificate is, from its resource: `mesh-root-g2-certificate` is `root 2`."""
    owner, _, generation = urn.rpartition("::")[2].removesuffix("-certificate").rpartition("-g")
    if owner.endswith("-intermediate"):
        return f"intermediate of {owner.removesuffix('-intermediate')}"
    return f"root {generation}"


def _certificate(what: str, pem: str) -> DeclaredCertificate:
    return DeclaredCertificate(what=what, certificate=parse_one(pem))
