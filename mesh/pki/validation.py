"""What is wrong with certificates and keys of the user's own. Pure.

Every function yields one sentence for each thing that is wrong and repeats nothing of a private key.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from mesh.pki.certificates import is_issued_by, name, parse, parse_one, path_to_root

E = TypeVar("E", bound=x509.ExtensionType)

_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_RSA_BITS = 2048
_STRONG = "expected RSA of at least 2048 bits, or ECDSA on P-256, P-384 or P-521"
_SERVING = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE}
_PEM_BLOCK = re.compile(r"-----BEGIN ([^-\n]+)-----")
# `ParsePemEncodedKey` in `security/pkg/pki/util/crypto.go` in istio/istio.
_KEY_BLOCKS = ("EC PRIVATE KEY", "RSA PRIVATE KEY", "PRIVATE KEY")


def root_problems(certificate: str, private_key: str | None, now: datetime) -> Iterator[tuple[str, str]]:
    """What is wrong with a root: pairs of the setting (`certificate`, `privateKey`) and the sentence."""
    try:
        root = parse_one(certificate)
    except ValueError as broken:
        yield "certificate", str(broken)
        return
    for problem in _authority_problems(root, now):
        yield "certificate", problem
    if not is_issued_by(root, root):
        yield (
            "certificate",
            f"{name(root)!r} is signed by {root.issuer.rfc4514_string()!r}, not by itself; expected a root",
        )
    if _path_length(root) == 0:
        yield (
            "certificate",
            "its path length is 0, which forbids the intermediates of the clusters; expected 1 or more",
        )
    if private_key is not None:
        for problem in _key_problems(root, private_key):
            yield "privateKey", problem


def intermediate_problems(
    certificate: str, private_key: str | None, chain: str | None, root: str, now: datetime
) -> Iterator[tuple[str, str]]:
    """What is wrong with an intermediate under `root`; pairs as for a root, with the setting `chain` too.

    `chain` has the certificates between it and the root, if any; the root itself may be its last.
    """
    try:
        own, anchor = parse_one(certificate), parse_one(root)
    except ValueError as broken:
        yield "certificate", str(broken)
        return
    if own == anchor:
        yield "certificate", "this is the root itself; expected an intermediate that the root has signed"
        return
    for problem in _authority_problems(own, now):
        yield "certificate", problem
    if private_key is not None:
        for problem in _key_problems(own, private_key):
            yield "privateKey", problem
    try:
        between = [c for c in parse(chain) if c not in (anchor, own)] if chain else []
    except ValueError as broken:
        yield "chain", str(broken)
        return
    for link in between:
        for problem in _authority_problems(link, now):
            yield "chain", f"{name(link)!r}: {problem}"
    yield from _chain_problems(own, between, anchor)
    yield from _outliving(own, between, anchor, now)


def cacerts_problems(
    certificate: str, private_key: str, chain: str, root: str, now: datetime
) -> Iterator[tuple[str, str]]:
    """Why istiod would refuse a CA that others have put in place, or why proxies would refuse its workloads.

    Pairs as for an intermediate. istiod reads the first block of certificate and key, and takes from the
    chain what leads to a root, in any order (`NewVerifiedKeyCertBundleFromFile` in
    `security/pkg/pki/util/keycertbundle.go` in istio/istio); workloads show the chain as it is. It asks for
    the end of the first certificate in the chain (`minTTL` in `security/pkg/pki/ca/ca.go`), and not whether
    a certificate outlives its issuer.
    """
    parsed: dict[str, tuple[x509.Certificate, ...]] = {}
    for setting, pem in (("certificate", certificate), ("chain", chain)):
        try:
            parsed[setting] = parse(pem)
        except ValueError as broken:
            yield setting, str(broken)
    if len(parsed) < len(("certificate", "chain")):
        return
    own, anchor, others = parsed["certificate"][0], parse_one(root), parsed["chain"]
    for problem in _authority_problems(own, now):
        yield "certificate", problem
    for problem in _key_problems(own, private_key):
        yield "privateKey", problem
    if others[0].not_valid_after_utc <= now and others[0] != own:
        yield "chain", f"{name(others[0])!r}, its first, {_expired(others[0])}: istiod would not start"
    if own not in others:
        yield (
            "chain",
            f"{name(own)!r} itself is not in it, and workloads show nothing else; expected it first, and "
            "after it every certificate up to the root",
        )
    if own == anchor:
        return
    between = [c for c in dict.fromkeys(others) if c not in (own, anchor)]
    usable = [c for c in between if not any(_authority_problems(c, now))]
    if found := list(_chain_problems(own, usable, anchor, exact=False)):
        links = [c for c in path_to_root((own, *between, anchor))[1:] if c not in (*usable, anchor)]
        why = [("chain", f"{name(link)!r}: {p}") for link in links for p in _authority_problems(link, now)]
        yield from why or found


def _outliving(
    own: x509.Certificate, between: Sequence[x509.Certificate], anchor: x509.Certificate, now: datetime
) -> Iterator[tuple[str, str]]:
    path = path_to_root((own, *between, anchor))
    for certificate, issuer in pairwise(path):
        if certificate.not_valid_after_utc > issuer.not_valid_after_utc > now:
            yield (
                "certificate" if certificate == own else "chain",
                f"{name(certificate)!r} ends on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, after "
                f"its issuer {name(issuer)!r} ({issuer.not_valid_after_utc:%Y-%m-%d %H:%M} UTC), and is "
                "worth nothing from then on; expected one that ends with its issuer or before",
            )


def _chain_problems(
    own: x509.Certificate,
    between: Sequence[x509.Certificate],
    anchor: x509.Certificate,
    *,
    exact: bool = True,
) -> Iterator[tuple[str, str]]:
    current, left, below = own, list(between), 0
    while not is_issued_by(current, anchor):
        issuer = next((c for c in left if is_issued_by(current, c)), None)
        if issuer is None:
            yield (
                "chain",
                f"{name(current)!r} is signed by {current.issuer.rfc4514_string()!r}, which is neither in "
                f"the chain nor the root {name(anchor)!r}; expected every certificate up to that root",
            )
            return
        left.remove(issuer)
        below += 1
        if _too_long(issuer, below - 1):
            yield "chain", f"{name(issuer)!r} allows fewer CAs below it than there are (path length)"
        current = issuer
    if _too_long(anchor, below):
        yield "chain", f"the root {name(anchor)!r} allows fewer CAs below it than there are (path length)"
    if left and exact:
        yield "chain", f"{name(left[0])!r} does not lead to the root; expected only what does"


def _authority_problems(certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    constraints = _extension(certificate, x509.BasicConstraints)
    if constraints is None or not constraints.ca:
        yield "this is not a CA certificate (CA:TRUE is missing); expected one that may sign others"
    usage = _extension(certificate, x509.KeyUsage)
    if usage is not None and not usage.key_cert_sign:
        yield "its key usage does not include certificate signing (keyCertSign)"
    if now >= certificate.not_valid_after_utc:
        yield f"it {_expired(certificate)}"
    if now < certificate.not_valid_before_utc:
        yield f"it is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    algorithm = certificate.signature_hash_algorithm
    if isinstance(algorithm, hashes.SHA1 | hashes.MD5):
        yield f"it is signed with {algorithm.name}, which can be forged; expected SHA-256 or stronger"
    purposes = _extension(certificate, x509.ExtendedKeyUsage)
    if purposes is not None and not _SERVING & set(purposes):
        yield (
            "its extended key usage does not include serverAuth, which istiod asks of every CA; expected one "
            "with it, or without extended key usage"
        )
    for extension in certificate.extensions:
        if extension.critical and isinstance(extension.value, x509.UnrecognizedExtension):
            yield f"it has the critical extension {extension.oid.dotted_string}, which nobody here knows"
    yield from weakness(certificate.public_key())


def _expired(certificate: x509.Certificate) -> str:
    return f"expired on {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"


def weakness(key: object) -> Iterator[str]:
    """Why a public key is not strong enough for a CA of the mesh, or none that istiod signs with."""
    if isinstance(key, rsa.RSAPublicKey):
        yield from rsa_weakness(key.key_size)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        yield from curve_weakness(key.curve.name)
    else:
        yield not_signing("this type")


def not_signing(kind: str) -> str:
    """That Istio does not sign with a key of that kind."""
    return f"Istio does not sign with a key of {kind}; {_STRONG}"


def rsa_weakness(bits: int) -> Iterator[str]:
    """Why an RSA key of that size is too weak."""
    if bits < _RSA_BITS:
        yield f"its key is RSA of {bits} bits; {_STRONG}"


def curve_weakness(curve: str) -> Iterator[str]:
    """Why an ECDSA key on that curve (as in SEC 2, such as `secp256r1`) is too weak."""
    if curve not in _CURVES:
        yield f"its key is on the curve {curve}; {_STRONG}"


def _key_problems(certificate: x509.Certificate, pem: str) -> Iterator[str]:
    expected = "expected the PEM private key of the certificate, for example the text of ca-key.pem"
    if "-----BEGIN CERTIFICATE-----" in pem:
        yield f"this is a certificate; {expected}"
        return
    if "ENCRYPTED" in pem:
        yield f"this key is encrypted with a passphrase, which istiod does not know; {expected}, decrypted"
        return
    block = _PEM_BLOCK.search(pem)
    if block is not None and block[1] not in _KEY_BLOCKS:
        yield (
            f"its first part is {block[1]}, and istiod reads no other; expected the private key alone, as "
            "`openssl pkey` writes it"
        )
        return
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):
        yield f"this is not a private key that can be read; {expected}"
        return
    if key.public_key() != certificate.public_key():
        yield f"this key belongs to another certificate than {name(certificate)!r}; {expected}"


def _path_length(certificate: x509.Certificate) -> int | None:
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints.path_length if constraints else None


def _too_long(issuer: x509.Certificate, below: int) -> bool:
    """Whether an issuer's path length forbids one more CA over the `below` CAs under that one."""
    allowed = _path_length(issuer)
    return allowed is not None and below + 1 > allowed


def _extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
