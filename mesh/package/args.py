"""The arguments of a mesh as types: the sections of a stack file, whose keys these are.

`make reference` generates this module from `mesh/config/`. Do not edit it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Required, TypedDict

from pulumi import Input

DataPlaneArgs = Literal["sidecar", "ambient", "both"]
IpFamilyArgs = Literal["IPv4", "IPv6"]
IpFamilyPolicyArgs = Literal["SingleStack", "PreferDualStack", "RequireDualStack"]
KeyAlgorithmArgs = Literal["rsa-2048", "rsa-3072", "rsa-4096", "ecdsa-p256", "ecdsa-p384"]
LoadBalancerPresetArgs = Literal["aws-internal", "gcp-internal", "azure-internal"]
PhaseArgs = Literal["trust-both", "sign-with-new", "drop-old"]
PreferenceArgs = Literal["network", "region", "none"]
ReaderRoleArgs = Literal["chart", "minimal"]
ServiceTypeArgs = Literal["LoadBalancer", "NodePort", "ClusterIP"]
UpgradePhaseArgs = Literal["beside", "moved"]


class ApiServerAddressSettingsArgs(TypedDict, total=False):
    """An address of an API server, and what it wants."""

    server: Input[str]
    """URL of the API server for other clusters."""
    certificateAuthority: Input[str]
    """PEM certificate of the CA of the server at that URL, or `public` for a CA that every system trusts.
    Default: the cluster's own CA with `server`, else what the kubeconfig has.
    """
    tlsServerName: Input[str]
    """Name that the server's certificate must have."""
    proxyUrl: Input[str]
    """Proxy through which other clusters reach the API server."""
    clientCertificate: Input[str]
    """PEM certificate that what is in front of the API server wants of its clients, with its chain. It is
    shown beside the reader's token.
    """
    clientKey: Input[str]
    """PEM private key of that certificate."""


ApiServerSettingsArgs = TypedDict(
    "ApiServerSettingsArgs",
    {
        "server": "Input[str]",
        "certificateAuthority": "Input[str]",
        "tlsServerName": "Input[str]",
        "proxyUrl": "Input[str]",
        "clientCertificate": "Input[str]",
        "clientKey": "Input[str]",
        "from": "Input[Mapping[str, Input[ApiServerAddressSettingsArgs]]]",
    },
    total=False,
)
"""How the other clusters reach this cluster's API server, where that differs from the kubeconfig."""


class ChartValuesArgs(TypedDict, total=False):
    """Helm values of the user's, below what the program sets itself."""

    base: Input[Mapping[str, Input[Any]]]
    """Values for the chart `base`."""
    istiod: Input[Mapping[str, Input[Any]]]
    """Values for the chart `istiod`."""
    gateway: Input[Mapping[str, Input[Any]]]
    """Values for the chart `gateway`, which installs the east-west gateway."""
    cni: Input[Mapping[str, Input[Any]]]
    """Values for the chart `cni`, which ambient clusters have."""
    ztunnel: Input[Mapping[str, Input[Any]]]
    """Values for the chart `ztunnel`, which ambient clusters have."""


class ClusterSettingsArgs(TypedDict, total=False):
    """One cluster of the mesh."""

    context: Input[str]
    """Context in the kubeconfig. Default: the current one, where the kubeconfig is given by its contents."""
    kubeconfig: Input[str]
    """The kubeconfig: its contents, for example from a cluster that the same program creates, or its path,
    absolute or relative to the program's folder. Default: the file that has the context among those in the
    environment variable `KUBECONFIG`, else `~/.kube/config`.
    """
    kubeconfigContents: Input[str]
    """Contents of the kubeconfig, instead of a path."""
    network: Input[str]
    """Istio's network. Pods of clusters on one network reach each other. Default: `net-<cluster>`."""
    labels: Input[Mapping[str, Input[str]]]
    """Labels of the cluster, by which `sees` can select it."""
    sees: Input[Sequence[Input[str]]]
    """Overrides `sees`."""
    dataPlane: Input[DataPlaneArgs]
    """Overrides `dataPlane`."""
    controlPlane: Input[str]
    """Cluster whose control plane serves this one, which then has none of its own. See Networks and roles
    (docs/networks-and-roles.md).
    """
    controlPlaneAddress: Input[str]
    """Address at which this cluster reaches that control plane, on the ports 15012 and 15017. Default:
    that of the gateway of its cluster.
    """
    skipUnreachable: Input[bool]
    """Skip this cluster with a warning while its API server gives no answer. An answer that refuses is an
    error. Default: false.
    """
    offline: Input[bool]
    """Whether this cluster is away: it and its remote secrets stay as they are, and nothing asks its API
    server. See Clusters that are away (docs/offline.md). Default: false.
    """
    apiServer: Input[ApiServerSettingsArgs]
    """How other clusters reach the API server."""
    istio: Input[IstioSettingsArgs]
    """Overrides `istio`."""
    trust: Input[ClusterTrustSettingsArgs]
    """Overrides `trust.intermediate`."""
    gateway: Input[GatewaySettingsArgs]
    """Overrides `gateway`."""
    stubs: Input[Sequence[Input[StubSettingsArgs]]]
    """Services that only other clusters have, and that ambient workloads of this one call. See Ambient
    (docs/ambient.md#exposure).
    """
    exposure: Input[ExposureSettingsArgs]
    """Overrides `exposure`."""
    reader: Input[ReaderSettingsArgs]
    """Overrides `reader`."""
    helloWorld: Input[bool | HelloWorldSettingsArgs]
    """Overrides `helloWorld`. `true` or `false` is enough."""
    observability: Input[bool | ObservabilitySettingsArgs]
    """Overrides `observability`. `true` or `false` is enough."""


class ClusterTrustSettingsArgs(TypedDict, total=False):
    """What can be overridden for one cluster's trust."""

    intermediate: Input[IntermediateSettingsArgs]
    """This cluster's intermediate CA."""


class ExposureSettingsArgs(TypedDict, total=False):
    """What a cluster shows to the other networks through its east-west gateway, and what calls stay
    inside.
    """

    hosts: Input[Sequence[Input[str]]]
    """Hosts that other clusters can reach through the gateway. The default is for clusters with neither
    `namespaces` nor `labels`.
    """
    namespaces: Input[Sequence[Input[str]]]
    """Namespaces all of whose services other clusters can reach."""
    labels: Input[Mapping[str, Input[str]]]
    """Labels of Services that other clusters can reach; a Service must have all of them. They are looked
    up at each preview and update.
    """
    clusterLocal: Input[Sequence[Input[str]]]
    """Hosts that are called inside the caller's own cluster only, wherever else they are."""


class FailoverSettingsArgs(TypedDict, total=False):
    """Services whose calls go to other clusters when one fails."""

    hosts: Required[Input[Sequence[Input[str]]]]
    """The services, by their full hosts."""
    withinSeconds: Required[Input[int]]
    """Seconds after the death of a cluster from which on no call fails because of it. An answer must begin
    within a quarter of this time.
    """
    prefer: Input[PreferenceArgs]
    """Which endpoints are called first. `network`: those of the client's cluster, then of its network,
    then all others. `region`: of the others, those in the client's region first. `none`: all alike.
    Default: network.
    """
    idempotent: Input[bool]
    """Whether calls may be made twice. If so, calls that a failed cluster may have handled are retried,
    too. Default: false.
    """


class GatewayAddressSettingsArgs(TypedDict, total=False):
    """An address at which other networks reach a gateway."""

    address: Required[Input[str]]
    """IP address or host name."""
    port: Input[int]
    """Port at that address. Default: 15443, and 15008 for an ambient cluster."""


class GatewayApiSettingsArgs(TypedDict, total=False):
    """The definitions of the Gateway API, which ambient clusters need."""

    manifest: Input[str]
    """URL or path of the manifest with the definitions, for clusters that have none. Default:
    https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.0/standard-install.yaml.
    """


class GatewaySettingsArgs(TypedDict, total=False):
    """The east-west gateway: how other networks come in."""

    enabled: Input[bool]
    """Whether the cluster has a gateway. Default: where the mesh has several networks, where the cluster
    is its only one, and where it serves others.
    """
    service: Input[GatewayServiceSettingsArgs]
    """The gateway's Service."""
    port: Input[int]
    """Port of the Service for mutual TLS from other networks. Default: 15443."""
    addresses: Input[Sequence[Input[GatewayAddressSettingsArgs]]]
    """Addresses that other networks use, where the cluster cannot know them: NAT, a static address, a load
    balancer of your own. For one cluster only. Default: those of the Service.
    """
    replicas: Input[int]
    """Number of pods at least, spread over nodes and zones. The chart's autoscaler adds more under load.
    Default: 1.
    """
    networkPolicy: Input[bool]
    """Whether a NetworkPolicy opens the gateway's ports, for namespaces that deny everything else.
    Default: as the chart does, which makes none.
    """


class GatewayServiceSettingsArgs(TypedDict, total=False):
    """The Service of the east-west gateway."""

    type: Input[ServiceTypeArgs]
    """Type of the Service: LoadBalancer, NodePort, or ClusterIP behind something of yours. Default:
    LoadBalancer.
    """
    preset: Input[LoadBalancerPresetArgs]
    """Annotations for an internal load balancer of a cloud. See Gateways
    (docs/gateways.md#internal-load-balancers).
    """
    annotations: Input[Mapping[str, Input[str]]]
    """Annotations of the Service, above those of the preset."""
    sourceRanges: Input[Sequence[Input[str]]]
    """Addresses from which the load balancer takes connections. Default: from everywhere."""
    ipFamilies: Input[Sequence[Input[IpFamilyArgs]]]
    """IP families of the Service, the first one first. Default: the cluster's."""
    ipFamilyPolicy: Input[IpFamilyPolicyArgs]
    """Whether the Service has one IP family or two."""
    nodePort: Input[int]
    """Port of the nodes, with the type NodePort. Default: one that Kubernetes chooses."""
    nodeSelector: Input[Mapping[str, Input[str]]]
    """Labels of the nodes whose external addresses other networks use, with the type NodePort. Default:
    all nodes.
    """


class HelloWorldSettingsArgs(TypedDict, total=False):
    """A sample that answers calls, and a client to make them from."""

    enabled: Input[bool]
    """Whether to install the sample. It needs Kubernetes 1.30 or later. Default: false."""
    image: Input[str]
    """Image that serves `GET /hello` on port 5000. Default: istio/examples-helloworld-v1:1.0."""
    clientImage: Input[str]
    """Image of the client. It must have `curl` and `sleep`. Default: curlimages/curl:8.16.0."""


class IntermediateSettingsArgs(TypedDict, total=False):
    """The intermediate CA that each cluster signs its workloads' certificates with."""

    key: Input[KeyAlgorithmArgs]
    """Algorithm of the private key of a generated intermediate. Default: ecdsa-p256 for a new key; an
    existing key keeps its algorithm.
    """
    validityHours: Input[int]
    """Validity of the certificate of a generated intermediate, in hours. Default: 17520."""
    renewBeforeHours: Input[int]
    """How many hours before expiry `pulumi up` renews the certificate. Default: 4320."""
    generation: Input[int]
    """Raise it by one to replace key and certificate. Default: 1."""
    existing: Input[bool]
    """Somebody else creates the Secret `cacerts` (cert-manager, Vault, a person). The program checks it
    and never writes it. Default: false.
    """
    certificate: Input[str]
    """PEM certificate of your own intermediate. For one cluster only."""
    privateKey: Input[str]
    """PEM private key of that certificate."""
    chain: Input[str]
    """PEM certificates between that certificate and the root, if any."""


class IstioSettingsArgs(TypedDict, total=False):
    """Istio's charts: where they come from and the values they get."""

    version: Input[str]
    """Version of Istio and its charts. Default: 1.31.0."""
    revision: Input[str]
    """Revision of the control plane. Default: none. Change it only by way of `next`."""
    next: Input[NextSettingsArgs]
    """The next control plane, during an upgrade by revision. See Upgrade by revision
    (docs/runbooks/upgrade-by-revision.md).
    """
    chartRepository: Input[str]
    """Helm repository or OCI registry with Istio's charts. Default:
    https://istio-release.storage.googleapis.com/charts.
    """
    values: Input[ChartValuesArgs]
    """Helm values for the charts."""


class KialiSettingsArgs(TypedDict, total=False):
    """A Kiali that shows all clusters of the stack."""

    cluster: Input[str]
    """Cluster in which Kiali runs. It gets a Secret by which Kiali can read the others."""
    namespace: Input[str]
    """Namespace of Kiali, which must exist. Default: istio-system."""


class MeshSettingsArgs(TypedDict, total=False):
    """What all clusters of the mesh share."""

    id: Required[Input[str]]
    """Istio's mesh ID."""
    trustDomain: Input[str]
    """Trust domain of all workload identities. Default: cluster.local."""


class NextSettingsArgs(TypedDict, total=False):
    """The control plane that a cluster moves to."""

    version: Required[Input[str]]
    """Version of the next control plane, newer or older."""
    revision: Input[str]
    """Revision of the next control plane. Default: its version with dashes."""
    phase: Input[UpgradePhaseArgs]
    """How far the upgrade is. `beside`: the next control plane serves only what names its revision.
    `moved`: it serves the gateways and all new pods. Default: beside.
    """


class ObservabilitySettingsArgs(TypedDict, total=False):
    """Metrics and alerts of the mesh in a cluster with the Prometheus Operator."""

    enabled: Input[bool]
    """Whether to install alerts, monitors and a Grafana dashboard, and to count connections at the
    east-west gateway. The cluster must have the Prometheus Operator. See Observability
    (docs/observability.md). Default: false.
    """
    labels: Input[Mapping[str, Input[str]]]
    """Labels of the PrometheusRule and the monitors, by which Prometheus selects them."""


class PeerSettingsArgs(TypedDict, total=False):
    """A cluster of the same mesh that another stack looks after."""

    stack: Required[Input[str]]
    """Full name of the stack that has the cluster."""


class PeersKubeconfigSettingsArgs(TypedDict, total=False):
    """Where the kubeconfig for the other clusters comes from: one place."""

    contents: Input[str]
    """The kubeconfig itself. A text in place of this map means the same."""
    file: Input[str]
    """Path of a file with it, absolute or relative to the project's folder."""
    environment: Input[str]
    """Environment variable that has it."""
    context: Input[str]
    """Context to use from contents, file or environment; other contexts are left out. Default: its
    current-context, and then istiod must accept everything in it.
    """
    stack: Input[str]
    """Full name of a stack that has it as an output."""
    output: Input[str]
    """Name of that output: the text of a kubeconfig, or a map."""
    secret: Input[str]
    """Secret in `istio-system` of every reading cluster that has it, and that something else writes, such
    as a relay's agent. istiod reads it from a folder (Istio 1.30 and later).
    """
    key: Input[str]
    """Key in that Secret. Default: `kubeconfig.yaml`."""


class ReaderSettingsArgs(TypedDict, total=False):
    """The account by which the other clusters' control planes read this cluster's services."""

    tokenGenerations: Input[Sequence[Input[int]]]
    """Tokens that exist. Remote secrets use the last one. To rotate, set [1, 2], then [2]."""
    role: Input[ReaderRoleArgs]
    """Permissions of the account: `chart` is Istio's role, which can read every Secret in the cluster;
    `minimal` can read none (Istio 1.31.1 and later). Default: chart.
    """
    kubeconfig: Input[str | PeersKubeconfigSettingsArgs]
    """Kubeconfig for the other clusters, instead of one with a generated token. For one cluster only. A
    text, which is set with `--secret`, or a map that says where it is.
    """


class RolloutSettingsArgs(TypedDict, total=False):
    """In which order the clusters get a new control plane and gateway."""

    waves: Input[Sequence[Input[Sequence[Input[str]]]]]
    """Waves of clusters. Clusters in none of them go with the last one."""


class RootSettingsArgs(TypedDict, total=False):
    """A root CA: generated, given with its key, or offline, where only its certificate is given."""

    generation: Input[int]
    """Number of this root. A new root must have a higher number. Default: 1."""
    key: Input[KeyAlgorithmArgs]
    """Algorithm of the private key of a generated root. Default: ecdsa-p256 for a new key; an existing key
    keeps its algorithm.
    """
    validityHours: Input[int]
    """Validity of the certificate of a generated root, in hours. Default: 87600."""
    certificate: Input[str]
    """PEM certificate of your own root. Without privateKey the root is offline: set the intermediate of
    every cluster, or `existing`.
    """
    privateKey: Input[str]
    """PEM private key of that certificate."""


class StubSettingsArgs(TypedDict, total=False):
    """A service of other clusters that ambient workloads of a cluster call."""

    namespace: Required[Input[str]]
    """Its namespace, which must exist."""
    name: Required[Input[str]]
    """Its name."""
    ports: Required[Input[Mapping[str, Input[int]]]]
    """Its ports, by name."""


class TrustSettingsArgs(TypedDict, total=False):
    """The mesh's certificate authorities."""

    root: Input[RootSettingsArgs]
    """The root CA."""
    nextRoot: Input[RootSettingsArgs]
    """The new root CA, during a rotation."""
    phase: Input[PhaseArgs]
    """Phase of the rotation to nextRoot: trust-both, then sign-with-new, then drop-old."""
    intermediate: Input[IntermediateSettingsArgs]
    """The intermediate CAs."""
    shared: Input[bool]
    """Whether other stacks of the mesh use the root CA of this stack. Default: false."""
    stack: Input[str]
    """The stack that creates the root CA, if it is another one."""
    revoked: Input[Sequence[Input[str]]]
    """Serial numbers of revoked intermediates. If it is set, even to an empty list, every proxy checks
    certificates against CRLs.
    """
    revocationLists: Input[str]
    """PEM CRLs of CAs whose private key the stack does not have: offline roots, CAs between root and
    intermediate, existing intermediates.
    """


class MeshArgs(TypedDict, total=False):
    """The sections of a mesh: what a stack file has, with the same keys."""

    mesh: Required[Input[MeshSettingsArgs]]
    """Identity of the mesh."""
    istio: Input[IstioSettingsArgs]
    """Istio's charts."""
    trust: Input[TrustSettingsArgs]
    """Certificate authorities."""
    dataPlane: Input[DataPlaneArgs]
    """How workloads take part in the mesh: with a proxy each (`sidecar`), with one a node (`ambient`), or
    some so and some so (`both`). See Ambient (docs/ambient.md). Default: sidecar.
    """
    gatewayApi: Input[GatewayApiSettingsArgs]
    """Where the definitions of the Gateway API come from."""
    waypoints: Input[Sequence[Input[str]]]
    """Namespaces whose services are called through a waypoint, the same in every ambient cluster. See
    Ambient (docs/ambient.md#waypoints).
    """
    gateway: Input[GatewaySettingsArgs]
    """The east-west gateways."""
    sees: Input[Sequence[Input[str]]]
    """Clusters whose services each cluster discovers and can call: names, or labels as `region=eu`.
    Default: all.
    """
    exposure: Input[ExposureSettingsArgs]
    """What each cluster exposes to the others."""
    failover: Input[Sequence[Input[FailoverSettingsArgs]]]
    """Services that outlive a cluster. See Failover (docs/failover.md)."""
    reader: Input[ReaderSettingsArgs]
    """The accounts that other clusters use to discover services."""
    helloWorld: Input[bool | HelloWorldSettingsArgs]
    """The sample, for tests and `python -m mesh verify`."""
    observability: Input[bool | ObservabilitySettingsArgs]
    """Metrics and alerts, in clusters with the Prometheus Operator."""
    kiali: Input[KialiSettingsArgs]
    """One Kiali for all clusters."""
    clusters: Required[Input[Mapping[str, Input[ClusterSettingsArgs]]]]
    """The clusters of the mesh, by name."""
    peers: Input[Mapping[str, Input[PeerSettingsArgs]]]
    """Clusters of the mesh that are in other stacks, by name."""
    rollout: Input[RolloutSettingsArgs]
    """The order in which `python -m mesh rollout` updates clusters. See Roll out in waves
    (docs/rollout.md).
    """
