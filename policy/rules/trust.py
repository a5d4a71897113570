"""The root CA stays, and CAs have keys that Istio and its users can rely on."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesh.istio.names import CACERTS
from mesh.pki.certificates import name, parse_readable
from mesh.pki.validation import curve_weakness, not_signing, rsa_weakness, weakness
from policy.resources import PRIVATE_KEY, SECRET, Resource, Violation

MESH = "mesh:index:Mesh"
ROOT_CA = "mesh:index:RootCA"
_GENERATION = re.compile(r"-root-g(\d+)-")


def root_stays(resources: Sequence[Resource], settings: Mapping[str, Any]) -> Iterator[Violation]:
    """A violation for each root that Pulumi would delete, and for one that nobody has agreed on.

    A new root is protected once it signs. Until then it is not, and the old one is.
    """
    may_go = {int(generation) for generation in settings.get("mayGo", ())}  # numbers arrive as floats
    parts = [(_generation(r), r) for r in resources if ROOT_CA in r.parents]
    unprotected = {generation for generation, part in parts if not part.protected}
    protected = {generation for generation, _ in parts} - unprotected
    for generation, part in parts:
        is_new = any(earlier < generation for earlier in protected)
        if not part.protected and not is_new and generation not in may_go:
            yield Violation(
                urn=part.urn,
                message=f"{part.name} is a part of a root CA and not protected: an update may replace or "
                "delete it. Expected it protected, or, at the end of a rotation, its generation in `mayGo`",
            )
    if expected := settings.get("fingerprints", ()):
        yield from _other_root(resources, expected)


def _generation(part: Resource) -> int:
    """Zero, before all others, where the name does not say."""
    found = _GENERATION.search(part.name)
    return int(found[1]) if found else 0


def _other_root(resources: Sequence[Resource], expected: Sequence[str]) -> Iterator[Violation]:
    mesh = next((resource for resource in resources if resource.type == MESH), None)
    if mesh is None:
        yield Violation(message="there is no mesh in this stack, and `fingerprints` names its root CA")
        return
    found = mesh.get("rootFingerprint")
    if found not in expected:
        which = f"has the fingerprint {found}" if found else "is made by this update"
        yield Violation(
            urn=mesh.urn,
            message=f"the root CA that signs {which}; expected one of `fingerprints`: {', '.join(expected)}",
        )


def strong_keys(resource: Resource, _settings: Mapping[str, Any]) -> Iterator[str]:
    """What is too weak of a key that will be made, or of a CA that istiod is given."""
    if resource.type == PRIVATE_KEY:
        yield from _made(resource)
    if resource.type == SECRET and resource.get("metadata", "name") == CACERTS:
        for key in ("ca-cert.pem", "root-cert.pem"):
            for certificate in parse_readable(str(resource.get("stringData", key) or "")):
                for problem in weakness(certificate.public_key()):
                    yield f"{key}, {name(certificate)!r}: {problem}"


def _made(resource: Resource) -> Iterator[str]:
    """The provider's defaults are RSA of 2048 bits, and ECDSA on P224."""
    match resource.get("algorithm"):
        case "RSA":
            yield from rsa_weakness(int(resource.get("rsaBits") or 2048))
        case "ECDSA":
            curve = str(resource.get("ecdsaCurve") or "P224")
            yield from curve_weakness(f"secp{curve.removeprefix('P')}r1")
        case algorithm:
            yield not_signing(f"the algorithm {algorithm}")
