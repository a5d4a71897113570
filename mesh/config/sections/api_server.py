"""The section `apiServer` of a cluster: how other clusters reach its API server."""

from pydantic import Field

from mesh.config.sections.base import Section
from mesh.config.types import (
    ApiServerUrl,
    CertificateAuthority,
    CertificatePem,
    DnsLabel,
    DnsName,
    PrivateKeyPem,
    ProxyUrl,
)


class ApiServerAddressSection(Section):
    """An address of an API server, and what it wants."""

    server: ApiServerUrl | None = Field(
        default=None,
        description="URL of the API server for other clusters.",
        examples=["https://203.0.113.10:6443"],
    )
    certificate_authority: CertificateAuthority | None = Field(
        default=None,
        description="PEM certificate of the CA of the server at that URL, or `public` for a CA that every "
        "system trusts. Default: the cluster's own CA with `server`, else what the kubeconfig has.",
        examples=["-----BEGIN CERTIFICATE-----…"],
    )
    tls_server_name: DnsName | None = Field(
        default=None,
        description="Name that the server's certificate must have.",
        examples=["kubernetes.default.svc"],
    )
    proxy_url: ProxyUrl | None = Field(
        default=None,
        description="Proxy through which other clusters reach the API server.",
        examples=["http://proxy.example.com:3128"],
    )
    client_certificate: CertificatePem | None = Field(
        default=None,
        description="PEM certificate that what is in front of the API server wants of its clients, with its "
        "chain. It is shown beside the reader's token.",
        examples=["-----BEGIN CERTIFICATE-----…"],
    )
    client_key: PrivateKeyPem | None = Field(
        default=None,
        description="PEM private key of that certificate. Set it with `--secret`.",
        examples=["{secure: …}"],
    )


class ApiServerSection(ApiServerAddressSection):
    """How the other clusters reach this cluster's API server, where that differs from the kubeconfig."""

    from_: dict[DnsLabel, ApiServerAddressSection] = Field(
        default={},
        alias="from",
        description="What differs for one reading cluster, by its name: the same keys. `null` takes one "
        "away.",
        examples=["{east: {server: https://10.0.0.10:6443}}"],
    )
