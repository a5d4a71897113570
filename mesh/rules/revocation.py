"""Rules of revoked intermediates and given CRLs."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cryptography import x509

from mesh.config.problems import Problem
from mesh.config.resolved import StackConfig
from mesh.config.sections.trust import TrustSection
from mesh.config.types import version_tuple
from mesh.istio.revisions import serving
from mesh.istio.values import environment
from mesh.pki.certificates import name, parse_readable
from mesh.pki.revocation import lacking, may_sign_lists, parse_lists, serials
from mesh.pki.rotation import plan_roots

SWITCH = "PILOT_ENABLE_CA_CRL"
_LISTS = "trust.revocationLists"
_CHECKED_BY_ZTUNNEL = (1, 29, 0)
_SOON = timedelta(days=30)


def problems(config: StackConfig, now: datetime) -> Iterator[Problem]:
    """A problem for what would make the mesh refuse all calls, or accept revoked certificates."""
    trust = config.trust
    if trust.revoked is None:
        if trust.revocation_lists is not None:
            yield Problem(
                path=_LISTS,
                message="nothing is checked against these CRLs without trust.revoked; expected that, too, "
                "for example []",
            )
        return
    yield from _signers(trust, config)
    yield from _in_use(trust, config)
    if trust.revocation_lists is None:
        given: Sequence[x509.CertificateRevocationList] = ()
    else:
        try:
            given = parse_lists(trust.revocation_lists)
        except ValueError as broken:
            yield Problem(path=_LISTS, message=str(broken))
            return
    yield from _given(given, now)
    yield from _complete(trust, config, given)
    for cluster in config.online.values():
        if environment(cluster).get(SWITCH, "").lower() in {"false", "0", "f"}:
            yield Problem(
                path=cluster.path(f"istio.values.istiod.env.{SWITCH}"),
                message="keeps istiod from giving CRLs to proxies, which trust.revoked needs; leave it out",
            )


def warnings(config: StackConfig, now: datetime) -> Iterator[Problem]:
    """A warning for what is not checked, and for CRLs that expire within a month."""
    if config.trust.revoked is None:
        return
    deaf = [
        cluster.name
        for cluster in config.online.values()
        if cluster.data_plane.has_ztunnel and version_tuple(serving(cluster).version) < _CHECKED_BY_ZTUNNEL
    ]
    if deaf:
        yield Problem(
            path="trust.revoked",
            message=f"ztunnel in {', '.join(deaf)} does not read CRLs, and still accepts revoked "
            "certificates; expected Istio 1.29.0 or later",
        )
    for one in parse_lists(config.trust.revocation_lists) if config.trust.revocation_lists else ():
        end = one.next_update_utc
        if end is not None and now < end <= now + _SOON:
            yield Problem(
                path=_LISTS,
                message=f"the CRL of {one.issuer.rfc4514_string()!r} expires at {end:%Y-%m-%d %H:%M} UTC, "
                "and from then on proxies refuse every certificate under that CA; set a newer one before",
            )


def _given(lists: Sequence[x509.CertificateRevocationList], now: datetime) -> Iterator[Problem]:
    for one in lists:
        issuer, end = one.issuer.rfc4514_string(), one.next_update_utc
        if end is not None and end <= now:
            yield Problem(
                path=_LISTS,
                message=f"the CRL of {issuer!r} expired at {end:%Y-%m-%d %H:%M} UTC: proxies would refuse "
                "every certificate under that CA; expected a newer one",
            )
        if one.last_update_utc > now:
            yield Problem(
                path=_LISTS,
                message=f"the CRL of {issuer!r} is not valid before {one.last_update_utc:%Y-%m-%d %H:%M} "
                "UTC: proxies would refuse every certificate under that CA",
            )


def _signers(trust: TrustSection, config: StackConfig) -> Iterator[Problem]:
    """A CRL counts only if the certificate of its CA allows CRLs."""
    given = {
        "trust.root.certificate": trust.root.certificate,
        "trust.nextRoot.certificate": trust.next_root.certificate if trust.next_root else None,
        **{
            cluster.path("trust.intermediate.certificate"): cluster.intermediate.certificate
            for cluster in config.online.values()
        },
    }
    for path, pem in given.items():
        for certificate in parse_readable(pem or "")[:1]:
            if not may_sign_lists(certificate):
                yield Problem(
                    path=path,
                    message=f"the key usage of {name(certificate)!r} does not include cRLSign, so nobody "
                    "accepts its CRL, and trust.revoked needs one of every CA; expected a certificate with "
                    "cRLSign",
                )


def _in_use(trust: TrustSection, config: StackConfig) -> Iterator[Problem]:
    """Given certificates that are revoked but still used."""
    revoked = trust.revoked or ()
    for root in plan_roots(trust).bundle:
        for certificate in parse_readable(root.certificate or ""):
            if f"{certificate.serial_number:x}" in revoked:
                yield Problem(
                    path="trust.revoked",
                    message=f"{certificate.serial_number:x} is the root {name(certificate)!r}, and with it "
                    "everything would be refused; expected intermediates, and for a root its rotation "
                    "(docs/runbooks/rotate-the-root.md)",
                )
    for cluster in config.online.values():
        for certificate in parse_readable(cluster.intermediate.certificate or "")[:1]:
            if f"{certificate.serial_number:x}" in revoked:
                yield Problem(
                    path=cluster.path("trust.intermediate.certificate"),
                    message=f"{name(certificate)!r} is revoked (trust.revoked), but {cluster.name} would "
                    "still sign with it; expected another intermediate, with another key",
                )


def _complete(
    trust: TrustSection, config: StackConfig, given: Sequence[x509.CertificateRevocationList]
) -> Iterator[Problem]:
    roots = plan_roots(trust).bundle
    trusted = [certificate for root in roots for certificate in parse_readable(root.certificate or "")]
    offline = [c for root in roots if root.offline for c in parse_readable(root.certificate or "")]
    between = [
        certificate
        for cluster in config.online.values()
        for certificate in parse_readable(cluster.intermediate.chain or "")
        if certificate not in trusted
    ]
    for authority in lacking((*offline, *between), given):
        yield Problem(
            path=_LISTS,
            message=f"has no CRL of {name(authority)!r}, whose private key the stack does not have: "
            "proxies would refuse every certificate under it; expected its CRL, which may be empty",
        )
    if offline:
        for serial in trust.revoked or ():
            if serial not in serials(given):
                yield Problem(
                    path="trust.revoked",
                    message=f"{serial} is in no CRL of {_LISTS}, and an offline root needs its own there; "
                    "expected a CRL of the CA that signed it, with this number",
                )
