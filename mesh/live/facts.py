"""What was seen in the clusters. Plain data, so that what it means is decided without a cluster."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Workload:
    """The pods behind a label: how many there are, are ready, and have a proxy beside them."""

    pods: int = 0
    ready: int = 0
    injected: int = 0


@dataclass(frozen=True, kw_only=True)
class Trust:
    """The certificates of `cacerts`, as far as they could be read.

    `roots` are the roots that istiod gives to its workloads (configmap `istio-ca-root-cert`), `bundle` those
    of `cacerts` itself; both in PEM. `problem` says why there is nothing to see.
    """

    intermediate: str = ""
    bundle: str = ""
    roots: str = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """The east-west gateway: its pods, the addresses of its Service, and whether it lets others in.

    `service` is the Service's type, such as `LoadBalancer`, and None where there is no Service. `exposes` is
    false where no Gateway of Istio's passes TLS through on 15443.
    """

    workload: Workload = Workload()
    addresses: tuple[str, ...] = ()
    service: str | None = None
    exposes: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """HelloWorld in a cluster; `dns_capture` is what the client's proxy was told about names."""

    service: bool = False
    server: Workload = Workload()
    client: Workload = Workload()
    client_pod: str | None = None
    dns_capture: bool = False


@dataclass(frozen=True, kw_only=True)
class ClusterFacts:
    """One cluster; `unreachable` says why nothing else is known.

    `network` is the one that is configured, `network_label` the one that istio-system carries. `remotes`
    are the states of the clusters that istiod knows, by name, as its debug page has them; None where that
    page could not be read.
    """

    name: str
    network: str
    unreachable: str | None = None
    network_label: str | None = None
    istiod: Workload = Workload()
    remotes: Mapping[str, str] | None = None
    gateway: Gateway = field(default_factory=Gateway)
    trust: Trust = field(default_factory=Trust)
    sample: Sample = field(default_factory=Sample)


@dataclass(frozen=True, kw_only=True)
class RemoteSecret:
    """A Secret by which istiod finds other clusters: its name and the names of its data keys."""

    name: str
    keys: tuple[str, ...]
    labelled: bool


@dataclass(frozen=True, kw_only=True)
class TokenCheck:
    """What the target's API server said to the token of a remote secret.

    `refused` where it does not know the token (HTTP 401), `denied` lists what the token may not do, such as
    `list services`; `problem` where the server could not be asked from here, or the kubeconfig not be read.
    """

    refused: bool = False
    denied: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class LinkFacts:
    """What the caller's cluster has to find the target: the Secrets for it, and what their token is worth."""

    secrets: tuple[RemoteSecret, ...] = ()
    token: TokenCheck | None = None


@dataclass(frozen=True, kw_only=True)
class PathFacts:
    """What the caller's own proxy sees of the way; looked at only for pairs that were not answered.

    `endpoints` are the addresses with ports that it would call. `probe` is what came of a connection to the
    target's gateway, past the proxy; None where it stood.
    """

    endpoints: tuple[str, ...] = ()
    probe: str | None = None
    probed: str | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class PairFacts:
    """All that is known of a pair; of one cluster with itself there is no link."""

    caller: ClusterFacts
    target: ClusterFacts
    link: LinkFacts | None = None
    path: PathFacts | None = None
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
    call_problem: str | None = None
