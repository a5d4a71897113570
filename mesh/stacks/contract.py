"""The secret output by which the stacks of one mesh know each other: versioned and typed. Pure.

A stack that was updated by an older program states no version; its output has the form of version 1.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.types import DataPlane
from mesh.istio.addresses import PeerAddress, given, given_hbone
from mesh.pki.rotation import plan_roots

OUTPUT = "shared"
VERSION: Final = 1


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, alias_generator=to_camel, populate_by_name=True, hide_input_in_errors=True
    )


class MeshIdentity(_Part):
    """What all stacks of a mesh have in common."""

    id: str
    trust_domain: str


class TrustedRoots(_Part):
    """Generations of the roots that a stack's clusters sign with and trust."""

    signing: int
    trusted: tuple[int, ...]


class StatedRoot(_Part):
    """A root that the stack has generated for the others."""

    certificate: str
    private_key: str = Field(repr=False)
    expires: str


class StatedAddress(_Part):
    """An address of a cluster's gateway for peers; `secret` is whether the stack keeps it as a secret."""

    address: str
    port: int
    secret: bool = False


class StatedCluster(_Part):
    """A cluster of the stack, and the kubeconfig by which peers read it; some may have one of their own.

    `gateway_addresses` are those that peers cannot find by the gateway's Service, and
    `hbone_gateway_addresses` those of the gateway for ambient workloads. The output of earlier programs has
    none of these, and no data plane, since there was only one. `revocation_list` is the CRL of its
    intermediate as PEM, empty where the stack has no CRLs.
    """

    network: str
    data_plane: DataPlane = DataPlane.SIDECAR
    kubeconfig: str = Field(repr=False)
    kubeconfigs_from: Mapping[str, str] = Field(default={}, repr=False)
    gateway_addresses: tuple[StatedAddress, ...] = ()
    hbone_gateway_addresses: tuple[StatedAddress, ...] = ()
    revocation_list: str = ""

    def kubeconfig_for(self, reader: str) -> str:
        """The kubeconfig for one reading cluster."""
        return self.kubeconfigs_from.get(reader, self.kubeconfig)


class Contract(_Part):
    """All that a stack states: `roots` by generation, `clusters` by name."""

    version: int = 1
    mesh: MeshIdentity
    trust: TrustedRoots
    roots: Mapping[str, StatedRoot]
    clusters: Mapping[str, StatedCluster]


def identity(config: StackConfig) -> dict[str, Any]:
    """The part of the output that does not depend on any resource."""
    plan = plan_roots(config.trust)
    return {
        "version": VERSION,
        "mesh": MeshIdentity(id=config.mesh.id, trust_domain=config.mesh.trust_domain).model_dump(
            by_alias=True
        ),
        "trust": TrustedRoots(
            signing=plan.signing.generation, trusted=tuple(root.generation for root in plan.bundle)
        ).model_dump(mode="json"),
    }


def gateway(cluster: ClusterConfig) -> dict[str, Any]:
    """How a cluster's entry says where its gateways are, and for whom.

    Addresses are in it only where they are given, and the data plane only where it is not sidecars alone.
    """
    ambient, sidecars = cluster.data_plane.has_ztunnel, cluster.data_plane.has_sidecars
    addresses = {
        "gatewayAddresses": _addresses(cluster, given(cluster)) if sidecars else [],
        "hboneGatewayAddresses": _addresses(cluster, given_hbone(cluster)) if ambient else [],
    }
    return {
        "network": cluster.network,
        **({"dataPlane": cluster.data_plane.value} if ambient else {}),
        **{key: found for key, found in addresses.items() if found},
    }


def _addresses(cluster: ClusterConfig, addresses: Iterable[PeerAddress]) -> list[dict[str, Any]]:
    return [
        StatedAddress(address=a.address, port=a.port, secret=cluster.secrets.shown_in(a.address)).model_dump()
        for a in addresses
    ]


def stated(config: StackConfig) -> Contract:
    """What a stack's configuration says of its output; keys, certificates and kubeconfigs are left out."""
    clusters = {name: {**gateway(c), "kubeconfig": ""} for name, c in config.clusters.items()}
    return Contract.model_validate({**identity(config), "roots": {}, "clusters": clusters})


def parse(stack: str, output: Mapping[str, Any]) -> Contract:
    """The output of another stack.

    Raises:
        ValueError: it has another version, or lacks something; the message repeats no value of it.
    """
    version = output.get("version", VERSION)
    if version != VERSION:
        raise ValueError(
            f"{stack} was updated by a program with version {version:g} of the output {OUTPUT!r}, and this "
            f"program reads version {VERSION}; expected the same program for all stacks of a mesh: use the "
            "newer one here too"
        )
    try:
        return Contract.model_validate(output)
    except ValidationError as invalid:
        missing = ", ".join(".".join(str(part) for part in error["loc"]) for error in invalid.errors())
        raise ValueError(
            f"the output {OUTPUT!r} of {stack} is incomplete or has another form: {missing}; run `pulumi up` "
            "there with this version of the program"
        ) from None


def problems(config: StackConfig, stack: str, other: Contract) -> Iterator[Problem]:
    """Why this stack cannot be in one mesh with another stack."""
    own = stated(config)
    peers = [name for name, place in config.peers.items() if place == stack]
    path = f"peers.{peers[0]}.stack" if peers else "trust.stack"
    if other.mesh != own.mesh:
        yield Problem(
            path=path,
            message=f"{stack} has mesh.id {other.mesh.id} and mesh.trustDomain {other.mesh.trust_domain}, "
            f"and this stack {own.mesh.id} and {own.mesh.trust_domain}; expected the same mesh.id and "
            "mesh.trustDomain in both",
        )
    if peers:
        yield from _roots(stack, own.trust, other.trust)
        yield from _networks(config, other, peers)


def _networks(config: StackConfig, other: Contract, peers: Iterable[str]) -> Iterator[Problem]:
    """Ambient clusters share a network with no other cluster, whoever has that."""
    for name in peers:
        theirs = other.clusters.get(name)
        if theirs is None:
            continue
        for cluster in config.online.values():
            if cluster.network == theirs.network and (
                cluster.data_plane.has_ztunnel or theirs.data_plane.has_ztunnel
            ):
                yield Problem(
                    path=f"clusters.{cluster.name}.network",
                    message=f"{cluster.network!r} is the network of {name} too, and ambient clusters have "
                    f"one each; expected another, for example net-{cluster.name} (docs/ambient.md#limits)",
                )


def warnings(config: StackConfig, other: Contract) -> Iterator[Problem]:
    """What works otherwise than one may think between clusters of this stack and those of another."""
    for name in (name for name in config.peers if name in other.clusters):
        theirs = other.clusters[name]
        others = [
            cluster.name
            for cluster in config.online.values()
            if (cluster.data_plane.has_sidecars, cluster.data_plane.has_ztunnel)
            != (theirs.data_plane.has_sidecars, theirs.data_plane.has_ztunnel)
        ]
        if others:
            yield Problem(
                path=f"peers.{name}",
                message=f"{name} has the data plane {theirs.data_plane}, and {', '.join(others)} another: "
                "pods with sidecars and ambient ones do not call each other in other clusters"
                f"{_hanging(config, theirs, others)} (docs/ambient.md#sidecars-and-ambient-in-one-mesh)",
            )


def _hanging(config: StackConfig, theirs: StatedCluster, others: Sequence[str]) -> str:
    sidecars = [name for name in others if config.clusters[name].data_plane.has_sidecars]
    if theirs.data_plane.has_sidecars or not sidecars:
        return ""
    return (
        f", and those with sidecars in {', '.join(sidecars)} wait for pods of it that they cannot reach, "
        "unless it has a gateway for sidecars: there must be a cluster with both in its stack"
    )


def _roots(stack: str, own: TrustedRoots, other: TrustedRoots) -> Iterator[Problem]:
    """Each must trust the root that the other signs with; a rotation may be one phase ahead."""
    expected = "expected all stacks in one phase before any of them goes to the next"
    if other.signing not in own.trusted:
        yield Problem(
            path="trust.phase",
            message=f"{stack} signs with the root of generation {other.signing}, and this stack would trust "
            f"{_listed(own.trusted)} only; {expected}",
        )
    if own.signing not in other.trusted:
        yield Problem(
            path="trust.phase",
            message=f"this stack would sign with the root of generation {own.signing}, and {stack} trusts "
            f"{_listed(other.trusted)} only; {expected}",
        )


def _listed(generations: Sequence[int]) -> str:
    return ", ".join(str(generation) for generation in dict.fromkeys(generations))
