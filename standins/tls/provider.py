"""The resource types of pulumi-tls that the program uses.

What each property means, defaults to and replaces is that of hashicorp/terraform-provider-tls 4
(`internal/provider/resource_*.go`), from which pulumi-tls is made.
"""

import datetime
from collections.abc import Mapping
from typing import Any

from standins.generated import GeneratedProvider, Input, Kind
from standins.protocol import serve
from standins.tls.certificates import USES, make_locally_signed, make_request, make_self_signed
from standins.tls.keys import ALGORITHMS, CURVES, make_private_key
from standins.tls.renewal import ready_for_renewal, renewed_at_once


def _derived(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"readyForRenewal": renewed_at_once(inputs)}


def _stale(properties: Mapping[str, Any]) -> str | None:
    now = datetime.datetime.now(datetime.UTC)
    return "readyForRenewal" if ready_for_renewal(properties, now) else None


_KEY = Input(required=True, secret=True)
_NAMES = {"subject": Input(), "dnsNames": Input(), "ipAddresses": Input(), "uris": Input()}
_CERTIFICATE = {
    "validityPeriodHours": Input(required=True, at_least=0),
    "earlyRenewalHours": Input(default=0, at_least=0, in_place=True),
    "allowedUses": Input(required=True, choices=USES),
    "isCaCertificate": Input(default=False),
    "maxPathLength": Input(at_least=-1, kept=True),
    "setSubjectKeyId": Input(default=False),
}
_CERTIFICATE_COMPUTED = ("certPem", "validityStartTime", "validityEndTime")

_KINDS = {
    "tls:index/privateKey:PrivateKey": Kind(
        inputs={
            "algorithm": Input(required=True, choices=ALGORITHMS),
            "rsaBits": Input(default=2048),
            "ecdsaCurve": Input(default="P224", choices=tuple(CURVES)),
        },
        computed=(
            "privateKeyPem",
            "privateKeyPemPkcs8",
            "privateKeyOpenssh",
            "publicKeyPem",
            "publicKeyOpenssh",
            "publicKeyFingerprintMd5",
            "publicKeyFingerprintSha256",
        ),
        secret=frozenset({"privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh"}),
        make=make_private_key,
    ),
    "tls:index/certRequest:CertRequest": Kind(
        inputs={"privateKeyPem": _KEY, **_NAMES},
        computed=("certRequestPem", "keyAlgorithm"),
        secret=frozenset({"privateKeyPem"}),
        make=make_request,
    ),
    "tls:index/selfSignedCert:SelfSignedCert": Kind(
        inputs={
            "privateKeyPem": _KEY,
            **_NAMES,
            **_CERTIFICATE,
            "setAuthorityKeyId": Input(default=False),
        },
        computed=(*_CERTIFICATE_COMPUTED, "keyAlgorithm"),
        secret=frozenset({"privateKeyPem"}),
        derived=_derived,
        make=make_self_signed,
        stale=_stale,
    ),
    "tls:index/locallySignedCert:LocallySignedCert": Kind(
        inputs={
            "certRequestPem": Input(required=True),
            "caCertPem": Input(required=True),
            "caPrivateKeyPem": _KEY,
            **_CERTIFICATE,
        },
        computed=(*_CERTIFICATE_COMPUTED, "caKeyAlgorithm"),
        secret=frozenset({"caPrivateKeyPem"}),
        derived=_derived,
        make=make_locally_signed,
        stale=_stale,
    ),
}


def main() -> None:
    """Serve the engine that started this process."""
    serve(lambda host: GeneratedProvider(host, name="tls", kinds=_KINDS))
