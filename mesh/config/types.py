"""Annotated types of single settings. Each refuses with what was expected and an example."""

import contextlib
import re
from collections.abc import Callable
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr, WithJsonSchema

from mesh import versions

_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_NAME = re.compile(rf"{_DNS_LABEL.pattern}(\.{_DNS_LABEL.pattern})*")
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?")
_REVISION = re.compile(r"(?!default$)[a-z0-9]([-a-z0-9]{0,54}[a-z0-9])?")
_IMAGE = re.compile(r"[a-z0-9][a-zA-Z0-9._:/-]*(:[\w][\w.-]{0,127}|@sha256:[0-9a-f]{64})")
_STACK = re.compile(r"[\w.-]+/[\w.-]+/[\w.-]+")
# Istio's webhook refuses a Gateway with a short name as a host (`pkg/config/validation` in istio/istio).
_HOST = re.compile(rf"(\*|\*\.{_DNS_NAME.pattern}|{_DNS_LABEL.pattern}\.{_DNS_NAME.pattern})")

_SERVICE = re.compile(rf"{_DNS_LABEL.pattern}\.{_DNS_LABEL.pattern}\.svc\.{_DNS_NAME.pattern}")

_LABEL_VALUE = r"[A-Za-z0-9]([-A-Za-z0-9_./]{0,251}[A-Za-z0-9])?"
_CLUSTERS = re.compile(rf"{_DNS_LABEL.pattern}|{_LABEL_VALUE}={_LABEL_VALUE}")

_KEY = re.compile(rf"({_DNS_NAME.pattern}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")

_SERIAL = re.compile(r"[0-9a-f]{1,40}")

_LISTS = r"(?![\s\S]*PRIVATE KEY)\s*-----BEGIN X509 CRL-----[\s\S]*"
_CERTIFICATE = r"(?![\s\S]*PRIVATE KEY)\s*-----BEGIN CERTIFICATE-----[\s\S]*"


PUBLIC = "public"
"""In place of a CA: the certificate is signed by one of those that everybody knows."""


class KeyAlgorithm(StrEnum):
    """Algorithm and size of a CA's private key, as far as Istio signs with it."""

    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    ECDSA_P256 = "ecdsa-p256"
    ECDSA_P384 = "ecdsa-p384"


class Phase(StrEnum):
    """How far the rotation of the root is, over all clusters."""

    TRUST_BOTH = "trust-both"
    SIGN_WITH_NEW = "sign-with-new"
    DROP_OLD = "drop-old"


class UpgradePhase(StrEnum):
    """How far a cluster has moved to its next control plane."""

    BESIDE = "beside"
    MOVED = "moved"


class ReaderRole(StrEnum):
    """What the account of service discovery may do in its cluster."""

    CHART = "chart"
    MINIMAL = "minimal"


class DataPlane(StrEnum):
    """How workloads take part in the mesh."""

    SIDECAR = "sidecar"
    AMBIENT = "ambient"
    BOTH = "both"

    @property
    def has_sidecars(self) -> bool:
        """Whether there are workloads with a proxy of their own."""
        return self != DataPlane.AMBIENT

    @property
    def has_ztunnel(self) -> bool:
        """Whether the nodes have a proxy for workloads without one of their own."""
        return self != DataPlane.SIDECAR


class Preference(StrEnum):
    """Which endpoints of a service are called first."""

    NETWORK = "network"
    REGION = "region"
    NONE = "none"


class ServiceType(StrEnum):
    """Type of the Service of an east-west gateway."""

    LOAD_BALANCER = "LoadBalancer"
    NODE_PORT = "NodePort"
    CLUSTER_IP = "ClusterIP"


class LoadBalancerPreset(StrEnum):
    """An internal load balancer of a cloud, by the annotations that the cloud documents for it."""

    AWS_INTERNAL = "aws-internal"
    GCP_INTERNAL = "gcp-internal"
    AZURE_INTERNAL = "azure-internal"


class IpFamily(StrEnum):
    """An IP family of a Service."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"


class IpFamilyPolicy(StrEnum):
    """Whether a Service has one IP family or two."""

    SINGLE_STACK = "SingleStack"
    PREFER_DUAL_STACK = "PreferDualStack"
    REQUIRE_DUAL_STACK = "RequireDualStack"


def version_tuple(version: str) -> tuple[int, int, int]:
    """Major, minor and patch of a version such as `1.31.0` or `1.31.0-rc.1`."""
    found = _VERSION.fullmatch(version)
    if found is None:
        raise ValueError(f"expected a full version, for example {versions.ISTIO}")
    return int(found[1]), int(found[2]), int(found[3])


def is_dns_label(text: str) -> bool:
    """Whether a text is a DNS label (RFC 1123), as names of clusters and namespaces are."""
    return _DNS_LABEL.fullmatch(text) is not None


def _matching(pattern: re.Pattern[str], expected: str) -> Callable[[str], str]:
    def validate(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"expected {expected}")
        return value

    return validate


def _shown(pattern: str, expected: str) -> WithJsonSchema:
    """What a JSON Schema says of a text that the whole pattern matches, and editors if it does not."""
    message = f"expected {expected}"
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern})$", "patternErrorMessage": message})


def _shown_url(*schemes: str, example: str) -> WithJsonSchema:
    pattern = rf"(?:{'|'.join(schemes)})[^\s/?#@]+(?:[/?#]\S*)?"
    return _shown(pattern, f"a URL that begins with {' or '.join(schemes)}, for example {example}")


def _supported(version: str) -> str:
    if version_tuple(version) < version_tuple(versions.OLDEST_ISTIO):
        raise ValueError(f"expected Istio {versions.OLDEST_ISTIO} or later, for example {versions.ISTIO}")
    return version


def _url(*schemes: str, example: str) -> Callable[[str], str]:
    def validate(value: str) -> str:
        expected = f"expected a URL that begins with {' or '.join(schemes)}, for example {example}"
        try:
            parts = urlsplit(value)
            _ = parts.port  # raises where it is no number
        except ValueError as broken:
            raise ValueError(expected) from broken
        if not value.startswith(schemes) or not parts.hostname or re.search(r"\s", value):
            raise ValueError(expected)
        if parts.username or parts.password:
            raise ValueError(f"expected a URL without credentials in it, for example {example}")
        return value

    return validate


def _address(value: str) -> str:
    with contextlib.suppress(ValueError):
        return str(ip_address(value))
    if not _DNS_NAME.fullmatch(value) or re.fullmatch(r"[\d.]+", value):
        raise ValueError(f"expected {_ADDRESS}")
    return value


def _cidr(value: str) -> str:
    try:
        return str(ip_network(value))
    except ValueError as invalid:
        raise ValueError(f"expected {_RANGE}") from invalid


def _certificate_authority(value: str) -> str:
    return value if value == PUBLIC else _certificate_pem(value)


def _certificate_pem(value: str) -> str:
    if "PRIVATE KEY" in value:
        raise ValueError("expected a certificate, but this is a private key, which must not be here")
    if not value.strip().startswith("-----BEGIN CERTIFICATE-----"):
        raise ValueError(f"expected {_PEM}")
    return value


def _revocation_lists_pem(value: str) -> str:
    if "PRIVATE KEY" in value:
        raise ValueError("expected CRLs, but this is a private key, which must not be here")
    if not value.strip().startswith("-----BEGIN X509 CRL-----"):
        raise ValueError(f"expected {_PEM_LISTS}")
    return value


def _serial_number(value: str) -> str:
    """In the form that `python -m mesh trust` shows; OpenSSL's form is accepted, too."""
    found = value.replace(":", "").lower().lstrip("0")
    if not _SERIAL.fullmatch(found):
        raise ValueError(f"expected {_SERIAL_NUMBER}")
    return found


_LABEL = "a DNS label: lower-case letters, digits and -, at most 63, for example net-east"
DnsLabel = Annotated[str, AfterValidator(_matching(_DNS_LABEL, _LABEL)), _shown(_DNS_LABEL.pattern, _LABEL)]
_NAME = "a DNS name: labels with dots between them, for example cluster.local"
DnsName = Annotated[str, AfterValidator(_matching(_DNS_NAME, _NAME)), _shown(_DNS_NAME.pattern, _NAME)]
_EXPOSED = "a host with dots in it, or a wildcard, for example *.local"
ExposedHost = Annotated[str, AfterValidator(_matching(_HOST, _EXPOSED)), _shown(_HOST.pattern, _EXPOSED)]
_SERVICE_HOST = "the full host of one service, for example checkout.shop.svc.cluster.local"
ServiceHost = Annotated[
    str, AfterValidator(_matching(_SERVICE, _SERVICE_HOST)), _shown(_SERVICE.pattern, _SERVICE_HOST)
]
_ADDRESS = "an IP address or a host name, for example 198.51.100.7"
GatewayAddress = Annotated[
    str,
    AfterValidator(_address),
    _shown(rf"{_DNS_NAME.pattern}|[0-9a-fA-F:.]+", _ADDRESS),
]
Port = Annotated[int, Field(ge=1, le=65535)]
NodePort = Annotated[int, Field(ge=30000, le=32767)]
"""In the range that an API server gives ports from by default."""
Replicas = Annotated[int, Field(ge=1)]
FailoverSeconds = Annotated[int, Field(ge=5, le=600)]
"""With less, a fifth would be too short to connect to another continent."""
_RANGE = "a range of addresses without bits after its prefix, for example 198.51.100.0/24"
Cidr = Annotated[str, AfterValidator(_cidr), _shown(r"[0-9a-fA-F:.]+(/\d{1,3})?", _RANGE)]
_SELECTOR = "a cluster's name, or a label as region=eu"
ClusterSelector = Annotated[
    str, AfterValidator(_matching(_CLUSTERS, _SELECTOR)), _shown(_CLUSTERS.pattern, _SELECTOR)
]
_LABELS_KEY = "a label's key, for example mesh.example.com/exposed"
LabelKey = Annotated[str, AfterValidator(_matching(_KEY, _LABELS_KEY)), _shown(_KEY.pattern, _LABELS_KEY)]
_LABELS_VALUE = "a label's value: letters, digits, -, _ and ., at most 63, for example true in quotes"
LabelValue = Annotated[
    str, AfterValidator(_matching(_VALUE, _LABELS_VALUE)), _shown(_VALUE.pattern, _LABELS_VALUE)
]
_DATA_KEY = "a key of a Secret: letters, digits, -, _ and ., for example kubeconfig.yaml"
_DATA_KEY_PATTERN = r"[-._A-Za-z0-9]{1,253}"
SecretKey = Annotated[
    str,
    AfterValidator(_matching(re.compile(_DATA_KEY_PATTERN), _DATA_KEY)),
    _shown(_DATA_KEY_PATTERN, _DATA_KEY),
]
_FULL_NAME = "a stack's full name, <organization>/<project>/<stack>, for example organization/istio-mesh/west"
StackName = Annotated[str, AfterValidator(_matching(_STACK, _FULL_NAME)), _shown(_STACK.pattern, _FULL_NAME)]
IstioVersion = Annotated[
    str,
    AfterValidator(_supported),
    _shown(_VERSION.pattern, f"a full version, for example {versions.ISTIO}"),
]
_REVISIONS_NAME = (
    "a revision other than default: lower-case letters, digits and -, at most 56, for example 1-31-0"
)
# A Service has it in its name, after `istiod-`.
RevisionName = Annotated[
    str, AfterValidator(_matching(_REVISION, _REVISIONS_NAME)), _shown(_REVISION.pattern, _REVISIONS_NAME)
]
_OPTIONAL_REVISION = rf"({_REVISION.pattern})?"
OptionalRevision = Annotated[
    str,
    AfterValidator(_matching(re.compile(_OPTIONAL_REVISION), _REVISIONS_NAME)),
    _shown(_OPTIONAL_REVISION, _REVISIONS_NAME),
]
_TAGGED = f"an image with a tag or digest, for example {versions.HELLO_WORLD_IMAGE}"
ImageReference = Annotated[str, AfterValidator(_matching(_IMAGE, _TAGGED)), _shown(_IMAGE.pattern, _TAGGED)]
ChartRepository = Annotated[
    str,
    AfterValidator(_url("https://", "http://", "oci://", example=versions.CHART_REPOSITORY)),
    _shown_url("https://", "http://", "oci://", example=versions.CHART_REPOSITORY),
]
_SERVER = "https://203.0.113.10:6443"
ApiServerUrl = Annotated[
    str, AfterValidator(_url("https://", example=_SERVER)), _shown_url("https://", example=_SERVER)
]
_PROXY = "http://proxy.example.com:3128"
ProxyUrl = Annotated[
    str,
    AfterValidator(_url("http://", "https://", "socks5://", example=_PROXY)),
    _shown_url("http://", "https://", "socks5://", example=_PROXY),
]
_PEM = "a PEM certificate, for example the text of ca.crt"
CertificateAuthority = Annotated[
    str,
    AfterValidator(_certificate_authority),
    _shown(rf"{PUBLIC}|{_CERTIFICATE}", f"{_PEM}, or {PUBLIC}"),
]
_PEM_LISTS = "PEM CRLs, for example what `openssl ca -gencrl` writes"
RevocationListsPem = Annotated[str, AfterValidator(_revocation_lists_pem), _shown(_LISTS, _PEM_LISTS)]
_SERIAL_NUMBER = (
    "a serial number as `python -m mesh trust` shows it: hexadecimal, in quotes, for example "
    '"5f0c2a9be1d47703"'
)
SerialNumber = Annotated[str, AfterValidator(_serial_number), _shown(r"[0-9A-Fa-f:]{1,80}", _SERIAL_NUMBER)]
CertificatePem = Annotated[str, AfterValidator(_certificate_pem), _shown(_CERTIFICATE, _PEM)]
# In plain text it is refused (`mesh.rules.plain_text`): a JSON Schema takes nothing but a secret.
PrivateKeyPem = Annotated[
    SecretStr, WithJsonSchema({"not": {}, "errorMessage": "expected a secret: set it with --secret"})
]
Hours = Annotated[int, Field(ge=1)]
Generation = Annotated[int, Field(ge=1)]
