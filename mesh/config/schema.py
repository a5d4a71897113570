"""The sections of `Pulumi.<stack>.yaml`, as users write them.

A cluster may carry the sections `istio`, `gateway`, `exposure`, `reader`, `helloWorld`, `observability` and
`trust.intermediate`, and the setting `sees`, again: what is set there overrides, for that cluster alone, what
is set for all.
"""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic.alias_generators import to_camel

from mesh import versions
from mesh.config.types import (
    ApiServerUrl,
    CertificateAuthority,
    CertificatePem,
    ChartRepository,
    Cidr,
    ClusterSelector,
    DataPlane,
    DnsLabel,
    DnsName,
    ExposedHost,
    FailoverSeconds,
    GatewayAddress,
    Generation,
    Hours,
    ImageReference,
    IpFamily,
    IpFamilyPolicy,
    IstioVersion,
    KeyAlgorithm,
    LabelKey,
    LabelValue,
    LoadBalancerPreset,
    NodePort,
    OptionalRevision,
    Phase,
    Port,
    Preference,
    PrivateKeyPem,
    ProxyUrl,
    ReaderRole,
    Replicas,
    RevisionName,
    RevocationListsPem,
    SecretKey,
    SerialNumber,
    ServiceHost,
    ServiceType,
    StackName,
    UpgradePhase,
)
from mesh.mappings import as_map, deep_merge

Values = dict[str, Any]
S = TypeVar("S", bound="Section")


class Section(BaseModel):
    """A map in the stack file: immutable, unknown keys refused, keys in camelCase."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        # `pulumi config set --path` turns what looks like a number into one.
        coerce_numbers_to_str=True,
        hide_input_in_errors=True,
    )


def overridden(base: S, override: S | None) -> S:
    """`base` with everything that is set in `override`; maps are merged key by key."""
    if override is None:
        return base
    update: dict[str, Any] = {}
    for name in override.model_fields_set:
        below, above = getattr(base, name), getattr(override, name)
        if isinstance(above, Section) and isinstance(below, Section):
            update[name] = overridden(below, above)
        elif (above_map := as_map(above)) is not None:
            update[name] = deep_merge(below, above_map)
        else:
            update[name] = above
    return base.model_copy(update=update)


class MeshSection(Section):
    """What all clusters of the mesh share."""

    id: DnsLabel = Field(description="Istio's mesh ID.", examples=["dev"])
    trust_domain: DnsName = Field(
        default="cluster.local",
        description="Trust domain of all workload identities.",
        examples=["cluster.local"],
    )


class ChartValues(Section):
    """Helm values of the user's, below what the program sets itself."""

    base: Values = Field(default={}, description="Values for the chart `base`.", examples=["{}"])
    istiod: Values = Field(default={}, description="Values for the chart `istiod`.", examples=["{pilot: {}}"])
    gateway: Values = Field(
        default={},
        description="Values for the chart `gateway`, which installs the east-west gateway.",
        examples=["{service: {annotations: {}}}"],
    )
    cni: Values = Field(
        default={},
        description="Values for the chart `cni`, which ambient clusters have.",
        examples=["{cniBinDir: /var/lib/cni/bin}"],
    )
    ztunnel: Values = Field(
        default={},
        description="Values for the chart `ztunnel`, which ambient clusters have.",
        examples=["{resources: {requests: {memory: 256Mi}}}"],
    )


class NextSection(Section):
    """The control plane that a cluster moves to."""

    version: IstioVersion = Field(
        description="Version of the next control plane, newer or older.", examples=[versions.ISTIO]
    )
    revision: RevisionName | None = Field(
        default=None,
        description="Revision of the next control plane. Default: its version with dashes.",
        examples=["1-31-0"],
    )
    phase: UpgradePhase = Field(
        default=UpgradePhase.BESIDE,
        description="How far the upgrade is. `beside`: the next control plane serves only what names its "
        "revision. `moved`: it serves the gateways and all new pods.",
        examples=["moved"],
    )

    @property
    def name(self) -> str:
        """The revision."""
        return self.revision or self.version.replace(".", "-").lower()


class IstioSection(Section):
    """Istio's charts: where they come from and the values they get."""

    version: IstioVersion = Field(
        default=versions.ISTIO, description="Version of Istio and its charts.", examples=[versions.ISTIO]
    )
    revision: OptionalRevision = Field(
        default="",
        description="Revision of the control plane. Default: none. Change it only by way of `next`.",
        examples=["1-31-0"],
    )
    next: NextSection | None = Field(
        default=None,
        description="The next control plane, during an upgrade by revision. See "
        "[Upgrade by revision](runbooks/upgrade-by-revision.md).",
        examples=["{version: 1.31.0}"],
    )
    chart_repository: ChartRepository = Field(
        default=versions.CHART_REPOSITORY,
        description="Helm repository or OCI registry with Istio's charts.",
        examples=[versions.CHART_REPOSITORY],
    )
    values: ChartValues = Field(
        default=ChartValues(),
        description="Helm values for the charts.",
        examples=["{istiod: {}}"],
    )


class RootSection(Section):
    """A root CA: generated, given with its key, or offline, where only its certificate is given."""

    generation: Generation = Field(
        default=1,
        description="Number of this root. A new root must have a higher number.",
        examples=[2],
    )
    key: KeyAlgorithm = Field(
        default=KeyAlgorithm.RSA_4096,
        description="Algorithm of the private key of a generated root.",
        examples=["rsa-4096"],
    )
    validity_hours: Hours = Field(
        default=87600,
        description="Validity of the certificate of a generated root, in hours.",
        examples=[87600],
    )
    certificate: CertificatePem | None = Field(
        default=None,
        description="PEM certificate of your own root. Without privateKey the root is offline: set the "
        "intermediate of every cluster, or `existing`.",
        examples=["-----BEGIN CERTIFICATE-----…"],
    )
    private_key: PrivateKeyPem | None = Field(
        default=None,
        description="PEM private key of that certificate. Set it with `--secret`.",
        examples=["{secure: …}"],
    )

    @property
    def offline(self) -> bool:
        """Whether this program cannot sign with it."""
        return self.certificate is not None and self.private_key is None


class IntermediateSection(Section):
    """The intermediate CA that each cluster signs its workloads' certificates with.

    It is generated, or given with its key, or already in the cluster as `cacerts`.
    """

    key: KeyAlgorithm = Field(
        default=KeyAlgorithm.RSA_4096,
        description="Algorithm of the private key of a generated intermediate.",
        examples=["ecdsa-p256"],
    )
    validity_hours: Hours = Field(
        default=17520,
        description="Validity of the certificate of a generated intermediate, in hours.",
        examples=[17520],
    )
    renew_before_hours: Hours = Field(
        default=4320,
        description="How many hours before expiry `pulumi up` renews the certificate.",
        examples=[4320],
    )
    generation: Generation = Field(
        default=1, description="Raise it by one to replace key and certificate.", examples=[2]
    )
    existing: bool = Field(
        default=False,
        description="Somebody else creates the Secret `cacerts` (cert-manager, Vault, a person). The program "
        "checks it and never writes it.",
        examples=["true"],
    )
    certificate: CertificatePem | None = Field(
        default=None,
        description="PEM certificate of your own intermediate. For one cluster only.",
        examples=["-----BEGIN CERTIFICATE-----…"],
    )
    private_key: PrivateKeyPem | None = Field(
        default=None,
        description="PEM private key of that certificate. Set it with `--secret`.",
        examples=["{secure: …}"],
    )
    chain: CertificatePem | None = Field(
        default=None,
        description="PEM certificates between that certificate and the root, if any.",
        examples=["-----BEGIN CERTIFICATE-----…"],
    )

    @property
    def generated(self) -> bool:
        """Whether this program makes it."""
        return not self.existing and self.certificate is None


class TrustSection(Section):
    """The mesh's certificate authorities."""

    root: RootSection = Field(default=RootSection(), description="The root CA.", examples=["{}"])
    next_root: RootSection | None = Field(
        default=None,
        description="The new root CA, during a rotation.",
        examples=["{generation: 2}"],
    )
    phase: Phase | None = Field(
        default=None,
        description="Phase of the rotation to nextRoot: trust-both, then sign-with-new, then drop-old.",
        examples=["trust-both"],
    )
    intermediate: IntermediateSection = Field(
        default=IntermediateSection(), description="The intermediate CAs.", examples=["{}"]
    )
    shared: bool = Field(
        default=False,
        description="Whether other stacks of the mesh use the root CA of this stack.",
        examples=["true"],
    )
    stack: StackName | None = Field(
        default=None,
        description="The stack that creates the root CA, if it is another one.",
        examples=["organization/istio-mesh/trust"],
    )
    revoked: tuple[SerialNumber, ...] | None = Field(
        default=None,
        description="Serial numbers of revoked intermediates. If it is set, even to an empty list, every "
        "proxy checks certificates against CRLs.",
        examples=['["5f0c2a9be1d47703"]'],
    )
    revocation_lists: RevocationListsPem | None = Field(
        default=None,
        description="PEM CRLs of CAs whose private key the stack does not have: offline roots, CAs between "
        "root and intermediate, existing intermediates.",
        examples=["-----BEGIN X509 CRL-----…"],
    )


class ClusterTrustSection(Section):
    """What can be overridden for one cluster's trust."""

    intermediate: IntermediateSection | None = Field(
        default=None, description="This cluster's intermediate CA.", examples=["{key: ecdsa-p256}"]
    )


class ExposureSection(Section):
    """What a cluster shows to the other networks through its east-west gateway, and what calls stay inside.

    `hosts`, `namespaces` and `labels` are one selection: a service is exposed that one of them selects.
    """

    hosts: Annotated[tuple[ExposedHost, ...], Field(min_length=1)] = Field(
        default=("*.local",),
        description="Hosts that other clusters can reach through the gateway. The default is for clusters "
        "with neither `namespaces` nor `labels`.",
        examples=['["*.local"]'],
    )
    namespaces: tuple[DnsLabel, ...] = Field(
        default=(),
        description="Namespaces all of whose services other clusters can reach.",
        examples=["[shop]"],
    )
    labels: dict[LabelKey, LabelValue] = Field(
        default={},
        description="Labels of Services that other clusters can reach; a Service must have all of them. They "
        "are looked up at each preview and update.",
        examples=['{mesh.example.com/exposed: "true"}'],
    )
    cluster_local: tuple[ExposedHost, ...] = Field(
        default=(),
        description="Hosts that are called inside the caller's own cluster only, wherever else they are.",
        examples=['["*.payments.svc.cluster.local"]'],
    )

    @property
    def listed_hosts(self) -> tuple[str, ...]:
        """`hosts`, without their default where something else is selected."""
        by_default = "hosts" not in self.model_fields_set
        return () if by_default and (self.namespaces or self.labels) else self.hosts

    def over(self, base: "ExposureSection") -> "ExposureSection":
        """What holds for a cluster that sets this, where `base` holds for all.

        A selection replaces the other one as a whole: else a cluster would expose more than its entry says.
        """
        selection, own = {"hosts", "namespaces", "labels"}, self.model_fields_set
        taken = base.model_fields_set - (selection if own & selection else set[str]())
        fields = {name: getattr(base, name) for name in taken} | {name: getattr(self, name) for name in own}
        return ExposureSection.model_construct(**fields)


class GatewayServiceSection(Section):
    """The Service of the east-west gateway."""

    type: ServiceType = Field(
        default=ServiceType.LOAD_BALANCER,
        description="Type of the Service: LoadBalancer, NodePort, or ClusterIP behind something of yours.",
        examples=["NodePort"],
    )
    preset: LoadBalancerPreset | None = Field(
        default=None,
        description="Annotations for an internal load balancer of a cloud. See "
        "[Gateways](gateways.md#internal-load-balancers).",
        examples=["aws-internal"],
    )
    annotations: dict[str, str] = Field(
        default={},
        description="Annotations of the Service, above those of the preset.",
        examples=['{metallb.io/address-pool: "mesh"}'],
    )
    source_ranges: tuple[Cidr, ...] = Field(
        default=(),
        description="Addresses from which the load balancer takes connections. Default: from everywhere.",
        examples=["[198.51.100.0/24]"],
    )
    ip_families: Annotated[tuple[IpFamily, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="IP families of the Service, the first one first. Default: the cluster's.",
        examples=["[IPv6]"],
    )
    ip_family_policy: IpFamilyPolicy | None = Field(
        default=None,
        description="Whether the Service has one IP family or two.",
        examples=["PreferDualStack"],
    )
    node_port: NodePort | None = Field(
        default=None,
        description="Port of the nodes, with the type NodePort. Default: one that Kubernetes chooses.",
        examples=[31443],
    )
    node_selector: dict[str, str] = Field(
        default={},
        description="Labels of the nodes whose external addresses other networks use, with the type "
        "NodePort. Default: all nodes.",
        examples=["{role: edge}"],
    )


class GatewayAddressSection(Section):
    """An address at which other networks reach a gateway."""

    address: GatewayAddress = Field(description="IP address or host name.", examples=["198.51.100.7"])
    port: Port | None = Field(
        default=None,
        description="Port at that address. Default: 15443, and 15008 for an ambient cluster.",
        examples=[31443],
    )


class GatewaySection(Section):
    """The east-west gateway: how other networks come in."""

    enabled: bool | None = Field(
        default=None,
        description="Whether the cluster has a gateway. Default: where the mesh has several networks, where "
        "the cluster is its only one, and where it serves others.",
        examples=["false"],
    )
    service: GatewayServiceSection = Field(
        default=GatewayServiceSection(), description="The gateway's Service.", examples=["{type: NodePort}"]
    )
    port: Port = Field(
        default=15443,
        description="Port of the Service for mutual TLS from other networks.",
        examples=[443],
    )
    addresses: tuple[GatewayAddressSection, ...] = Field(
        default=(),
        description="Addresses that other networks use, where the cluster cannot know them: NAT, a static "
        "address, a load balancer of your own. For one cluster only. Default: those of the Service.",
        examples=["[{address: 198.51.100.7, port: 31443}]"],
    )
    replicas: Replicas | None = Field(
        default=None,
        description="Number of pods at least, spread over nodes and zones. The chart's autoscaler adds more "
        "under load. Default: 1.",
        examples=[2],
    )
    network_policy: bool | None = Field(
        default=None,
        description="Whether a NetworkPolicy opens the gateway's ports, for namespaces that deny everything "
        "else. Default: as the chart does, which makes none.",
        examples=["true"],
    )


class GatewayApiSection(Section):
    """The definitions of the Gateway API, which ambient clusters need."""

    manifest: Annotated[str, Field(min_length=1)] = Field(
        default=versions.GATEWAY_API_MANIFEST,
        description="URL or path of the manifest with the definitions, for clusters that have none.",
        examples=[versions.GATEWAY_API_MANIFEST],
    )


class PeersKubeconfigSection(Section):
    """Where the kubeconfig for the other clusters comes from: one place."""

    contents: SecretStr | None = Field(
        default=None,
        description="The kubeconfig itself. A text in place of this map means the same. Set it with "
        "`--secret`.",
        examples=["{secure: …}"],
    )
    file: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Path of a file with it, absolute or relative to the project's folder.",
        examples=["~/.kube/relay-west"],
    )
    environment: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="Environment variable that has it.", examples=["WEST_KUBECONFIG"]
    )
    context: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Context to use from contents, file or environment; other contexts are left out. "
        "Default: its current-context, and then istiod must accept everything in it.",
        examples=["west"],
    )
    stack: StackName | None = Field(
        default=None,
        description="Full name of a stack that has it as an output.",
        examples=["organization/relay/prod"],
    )
    output: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Name of that output: the text of a kubeconfig, or a map.",
        examples=["kubeconfig"],
    )
    secret: DnsName | None = Field(
        default=None,
        description="Secret in `istio-system` of every reading cluster that has it, and that something else "
        "writes, such as a relay's agent. istiod reads it from a folder (Istio 1.30 and later).",
        examples=["tbot-west"],
    )
    key: SecretKey | None = Field(
        default=None,
        description="Key in that Secret. Default: `kubeconfig.yaml`.",
        examples=["kubeconfig.yaml"],
    )

    @model_validator(mode="after")
    def _one_place(self) -> "PeersKubeconfigSection":
        places = ("contents", "file", "environment", "stack", "secret")
        if sum(getattr(self, place) is not None for place in places) != 1:
            raise ValueError(f"expected one of {', '.join(places)}, for example {{file: ~/.kube/relay-west}}")
        for name, of in (("output", "stack"), ("key", "secret")):
            if getattr(self, name) is not None and getattr(self, of) is None:
                raise ValueError(f"has {name} without {of}; expected both")
        if self.stack is not None and self.output is None:
            raise ValueError("has stack without output; expected both")
        if self.context is not None and (self.stack or self.secret):
            raise ValueError(
                "has context with stack or secret; expected contents, file or environment with it"
            )
        return self


def _kubeconfig(value: object) -> object:
    return {"contents": value} if isinstance(value, str | SecretStr) else value


class ReaderSection(Section):
    """The account by which the other clusters' control planes read this cluster's services."""

    token_generations: Annotated[tuple[Generation, ...], Field(min_length=1)] = Field(
        default=(1,),
        description="Tokens that exist. Remote secrets use the last one. To rotate, set [1, 2], then [2].",
        examples=["[1]"],
    )
    role: ReaderRole = Field(
        default=ReaderRole.CHART,
        description="Permissions of the account: `chart` is Istio's role, which can read every Secret in the "
        "cluster; `minimal` can read none (Istio 1.31.1 and later).",
        examples=["minimal"],
    )
    kubeconfig: Annotated[
        PeersKubeconfigSection | None,
        BeforeValidator(_kubeconfig, json_schema_input_type=SecretStr | PeersKubeconfigSection | None),
    ] = Field(
        default=None,
        description="Kubeconfig for the other clusters, instead of one with a generated token. For one "
        "cluster only. A text, which is set with `--secret`, or a map that says where it is.",
        examples=["{file: ~/.kube/relay-west}"],
    )


class HelloWorldSection(Section):
    """A sample that answers calls, and a client to make them from."""

    enabled: bool = Field(
        default=False,
        description="Whether to install the sample. It needs Kubernetes 1.30 or later.",
        examples=["true"],
    )
    image: ImageReference = Field(
        default=versions.HELLO_WORLD_IMAGE,
        description="Image that serves `GET /hello` on port 5000.",
        examples=[versions.HELLO_WORLD_IMAGE],
    )
    client_image: ImageReference = Field(
        default=versions.CLIENT_IMAGE,
        description="Image of the client. It must have `curl` and `sleep`.",
        examples=[versions.CLIENT_IMAGE],
    )


class ObservabilitySection(Section):
    """Metrics and alerts of the mesh in a cluster with the Prometheus Operator."""

    enabled: bool = Field(
        default=False,
        description="Whether to install alerts, monitors and a Grafana dashboard, and to count connections "
        "at the east-west gateway. The cluster must have the Prometheus Operator. See "
        "[Observability](observability.md).",
        examples=["true"],
    )
    labels: dict[str, str] = Field(
        default={},
        description="Labels of the PrometheusRule and the monitors, by which Prometheus selects them.",
        examples=["{release: kube-prometheus-stack}"],
    )


class KialiSection(Section):
    """A Kiali that shows all clusters of the stack."""

    cluster: DnsLabel | None = Field(
        default=None,
        description="Cluster in which Kiali runs. It gets a Secret by which Kiali can read the others.",
        examples=["east"],
    )
    namespace: DnsLabel = Field(
        default="istio-system",
        description="Namespace of Kiali, which must exist.",
        examples=["istio-system"],
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


class StubSection(Section):
    """A service of other clusters that ambient workloads of a cluster call."""

    namespace: DnsLabel = Field(description="Its namespace, which must exist.", examples=["shop"])
    name: DnsLabel = Field(description="Its name.", examples=["cart"])
    ports: Annotated[dict[DnsLabel, Port], Field(min_length=1)] = Field(
        description="Its ports, by name.", examples=["{http: 80}"]
    )


class PeerSection(Section):
    """A cluster of the same mesh that another stack looks after."""

    stack: StackName = Field(
        description="Full name of the stack that has the cluster.", examples=["organization/istio-mesh/west"]
    )


def _switch(value: object) -> object:
    return {"enabled": value} if isinstance(value, bool) else value


class ClusterSection(Section):
    """One cluster of the mesh."""

    context: str = Field(description="Context in the kubeconfig.", examples=["east"], min_length=1)
    kubeconfig: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Path of the kubeconfig, absolute or relative to the project's folder. Default: the file "
        "that has the context among those in the environment variable `KUBECONFIG`, else `~/.kube/config`.",
        examples=["~/.kube/config"],
    )
    kubeconfig_contents: SecretStr | None = Field(
        default=None,
        description="Contents of the kubeconfig, instead of a path. Set it with `--secret`.",
        examples=["{secure: …}"],
    )
    network: DnsLabel | None = Field(
        default=None,
        description="Istio's network. Pods of clusters on one network reach each other. Default: "
        "`net-<cluster>`.",
        examples=["net-east"],
    )
    labels: dict[str, str] = Field(
        default={},
        description="Labels of the cluster, by which `sees` can select it.",
        examples=["{region: eu}"],
    )
    sees: tuple[ClusterSelector, ...] | None = Field(
        default=None, description="Overrides `sees`.", examples=["[hub]"]
    )
    data_plane: DataPlane | None = Field(
        default=None, description="Overrides `dataPlane`.", examples=["ambient"]
    )
    control_plane: DnsLabel | None = Field(
        default=None,
        description="Cluster whose control plane serves this one, which then has none of its own. See "
        "[Networks and roles](networks-and-roles.md).",
        examples=["east"],
    )
    control_plane_address: GatewayAddress | None = Field(
        default=None,
        description="Address at which this cluster reaches that control plane, on the ports 15012 and 15017. "
        "Default: that of the gateway of its cluster.",
        examples=["198.51.100.7"],
    )
    skip_unreachable: bool = Field(
        default=False,
        description="Skip this cluster with a warning while its API server gives no answer. An answer that "
        "refuses is an error.",
        examples=["true"],
    )
    offline: bool = Field(
        default=False,
        description="Whether this cluster is away: it and its remote secrets stay as they are, and nothing "
        "asks its API server. See [Clusters that are away](offline.md).",
        examples=["true"],
    )
    api_server: ApiServerSection = Field(
        default=ApiServerSection(),
        description="How other clusters reach the API server.",
        examples=["{server: https://203.0.113.10:6443}"],
    )
    istio: IstioSection | None = Field(
        default=None, description="Overrides `istio`.", examples=["{version: 1.31.0}"]
    )
    trust: ClusterTrustSection = Field(
        default=ClusterTrustSection(),
        description="Overrides `trust.intermediate`.",
        examples=["{intermediate: {generation: 2}}"],
    )
    gateway: GatewaySection | None = Field(
        default=None, description="Overrides `gateway`.", examples=["{service: {type: NodePort}}"]
    )
    stubs: tuple[StubSection, ...] = Field(
        default=(),
        description="Services that only other clusters have, and that ambient workloads of this one call. "
        "See [Ambient](ambient.md#exposure).",
        examples=["[{namespace: shop, name: cart, ports: {http: 80}}]"],
    )
    exposure: ExposureSection | None = Field(
        default=None, description="Overrides `exposure`.", examples=['{hosts: ["*.shop.svc.cluster.local"]}']
    )
    reader: ReaderSection | None = Field(
        default=None, description="Overrides `reader`.", examples=["{tokenGenerations: [1, 2]}"]
    )
    hello_world: Annotated[
        HelloWorldSection | None,
        BeforeValidator(_switch, json_schema_input_type=bool | HelloWorldSection | None),
    ] = Field(
        default=None, description="Overrides `helloWorld`. `true` or `false` is enough.", examples=["true"]
    )
    observability: Annotated[
        ObservabilitySection | None,
        BeforeValidator(_switch, json_schema_input_type=bool | ObservabilitySection | None),
    ] = Field(
        default=None,
        description="Overrides `observability`. `true` or `false` is enough.",
        examples=["true"],
    )


class RolloutSection(Section):
    """In which order the clusters get a new control plane and gateway."""

    waves: tuple[Annotated[tuple[DnsLabel, ...], Field(min_length=1)], ...] = Field(
        default=(),
        description="Waves of clusters. Clusters in none of them go with the last one.",
        examples=["[[canary], [eu, us]]"],
    )


class FailoverSection(Section):
    """Services whose calls go to other clusters when one fails."""

    hosts: Annotated[tuple[ServiceHost, ...], Field(min_length=1)] = Field(
        description="The services, by their full hosts.",
        examples=["[checkout.shop.svc.cluster.local]"],
    )
    within_seconds: FailoverSeconds = Field(
        description="Seconds after the death of a cluster from which on no call fails because of it. An "
        "answer must begin within a quarter of this time.",
        examples=[10],
    )
    prefer: Preference = Field(
        default=Preference.NETWORK,
        description="Which endpoints are called first. `network`: those of the client's cluster, then of "
        "its network, then all others. `region`: of the others, those in the client's region first. `none`: "
        "all alike.",
        examples=["region"],
    )
    idempotent: bool = Field(
        default=False,
        description="Whether calls may be made twice. If so, calls that a failed cluster may have handled "
        "are retried, too.",
        examples=["true"],
    )


class StackSections(Section):
    """All keys of the project's configuration."""

    mesh: MeshSection = Field(description="Identity of the mesh.", examples=["{id: dev}"])
    istio: IstioSection = Field(
        default=IstioSection(), description="Istio's charts.", examples=["{version: 1.31.0}"]
    )
    trust: TrustSection = Field(
        default=TrustSection(), description="Certificate authorities.", examples=["{root: {}}"]
    )
    data_plane: DataPlane = Field(
        default=DataPlane.SIDECAR,
        description="How workloads take part in the mesh: with a proxy each (`sidecar`), with one a node "
        "(`ambient`), or some so and some so (`both`). See [Ambient](ambient.md).",
        examples=["ambient"],
    )
    gateway_api: GatewayApiSection = Field(
        default=GatewayApiSection(),
        description="Where the definitions of the Gateway API come from.",
        examples=["{manifest: gateway-api.yaml}"],
    )
    waypoints: tuple[DnsLabel, ...] = Field(
        default=(),
        description="Namespaces whose services are called through a waypoint, the same in every ambient "
        "cluster. See [Ambient](ambient.md#waypoints).",
        examples=["[shop]"],
    )
    gateway: GatewaySection = Field(
        default=GatewaySection(),
        description="The east-west gateways.",
        examples=["{service: {type: NodePort}}"],
    )
    sees: tuple[ClusterSelector, ...] | None = Field(
        default=None,
        description="Clusters whose services each cluster discovers and can call: names, or labels as "
        "`region=eu`. Default: all.",
        examples=["[hub]"],
    )
    exposure: ExposureSection = Field(
        default=ExposureSection(),
        description="What each cluster exposes to the others.",
        examples=['{hosts: ["*.local"]}'],
    )
    failover: tuple[FailoverSection, ...] = Field(
        default=(),
        description="Services that outlive a cluster. See [Failover](failover.md).",
        examples=["[{hosts: [checkout.shop.svc.cluster.local], withinSeconds: 10}]"],
    )
    reader: ReaderSection = Field(
        default=ReaderSection(),
        description="The accounts that other clusters use to discover services.",
        examples=["{tokenGenerations: [1]}"],
    )
    hello_world: Annotated[
        HelloWorldSection, BeforeValidator(_switch, json_schema_input_type=bool | HelloWorldSection)
    ] = Field(
        default=HelloWorldSection(),
        description="The sample, for tests and `python -m mesh verify`.",
        examples=["{enabled: true}"],
    )
    observability: Annotated[
        ObservabilitySection, BeforeValidator(_switch, json_schema_input_type=bool | ObservabilitySection)
    ] = Field(
        default=ObservabilitySection(),
        description="Metrics and alerts, in clusters with the Prometheus Operator.",
        examples=["{enabled: true}"],
    )
    kiali: KialiSection = Field(
        default=KialiSection(),
        description="One Kiali for all clusters.",
        examples=["{cluster: east}"],
    )
    clusters: dict[DnsLabel, ClusterSection] = Field(
        description="The clusters of the mesh, by name.", examples=["{east: {context: east}}"]
    )
    peers: dict[DnsLabel, PeerSection] = Field(
        default={},
        description="Clusters of the mesh that are in other stacks, by name.",
        examples=["{west: {stack: organization/istio-mesh/west}}"],
    )
    rollout: RolloutSection = Field(
        default=RolloutSection(),
        description="The order in which `python -m mesh rollout` updates clusters. See "
        "[Roll out in waves](rollout.md).",
        examples=["{waves: [[canary], [eu, us]]}"],
    )
