"""Who a certificate is for: the subject's distinguished name and the alternative names."""

import ipaddress
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from standins.protocol import ProviderError

# The order is that of Go's crypto/x509/pkix, which the official provider writes names with.
_ATTRIBUTES = {
    "country": NameOID.COUNTRY_NAME,
    "province": NameOID.STATE_OR_PROVINCE_NAME,
    "locality": NameOID.LOCALITY_NAME,
    "streetAddresses": NameOID.STREET_ADDRESS,
    "postalCode": NameOID.POSTAL_CODE,
    "organization": NameOID.ORGANIZATION_NAME,
    "organizationalUnit": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "commonName": NameOID.COMMON_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "emailAddress": NameOID.EMAIL_ADDRESS,
}


def subject_name(subject: Mapping[str, str | list[str]]) -> x509.Name:
    """Write a subject as given to pulumi-tls as a distinguished name; `streetAddresses` is a list."""
    parts = []
    for name, oid in _ATTRIBUTES.items():
        value = subject.get(name)
        values = value if isinstance(value, list) else [value]
        try:
            attributes = [x509.NameAttribute(oid, text) for text in values if text]
        except ValueError as error:
            raise ProviderError(f"subject.{name}: {error}") from None
        if attributes:
            parts.append(x509.RelativeDistinguishedName(attributes))
    return x509.Name(parts)


def alternative_names(inputs: Mapping[str, Any]) -> x509.SubjectAlternativeName | None:
    """Collect `dnsNames`, `ipAddresses` and `uris`; None where there are none."""
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in inputs.get("dnsNames", [])]
    for address in inputs.get("ipAddresses", []):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(address)))
        except ValueError:
            raise ProviderError(f"ipAddresses: {address!r} is no IP address, such as 10.0.0.1") from None
    names += [x509.UniformResourceIdentifier(uri) for uri in inputs.get("uris", [])]
    return x509.SubjectAlternativeName(names) if names else None
