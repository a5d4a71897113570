"""Whether what the configuration asks of trust and tokens may follow what is in place. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.schema import RootSection, TrustSection
from mesh.config.types import Phase
from mesh.istio.names import token_generation, token_name
from mesh.live.facts import Cacerts, ObservedCluster
from mesh.pki.certificates import name, parse_readable
from mesh.pki.profile import root_common_name
from mesh.pki.rotation import STEPS, RootRole, TrustBundle, plan_roots
from mesh.pki.validation import intermediate_problems

_PHASE = "trust.phase"
_ROOT = "trust.root"
_BEFORE = "no rotation"
_WAIT = "the kubelet updates it within two minutes; wait, and run the same again"
# Bundles of clusters that are asked for one root alone.
_CURRENT_ALONE = TrustBundle.of(RootRole.CURRENT)
_BOTH_TRUSTED = TrustBundle.of(RootRole.CURRENT, RootRole.UNKNOWN)
_SIGNS_WITH_CURRENT = TrustBundle.of(RootRole.UNKNOWN, RootRole.CURRENT, RootRole.CURRENT)


def problems(
    config: StackConfig, clusters: Mapping[str, ObservedCluster], now: datetime
) -> Iterator[Problem]:
    """Everything that must not be done to the clusters as they are, each with what to do instead."""
    for cluster in config.clusters.values():
        if cluster.intermediate.existing and cluster.name in clusters:
            yield from _existing(cluster, config.trust, clusters[cluster.name], now)
    bundles = {
        name: _bundles(config, found) for name, found in clusters.items() if found.trust.published_roots
    }
    if config.trust.next_root is None:
        yield from _steady(config.trust.root, clusters, bundles)
    else:
        yield from _rotation(config.trust.phase, clusters, bundles)
    yield from _tokens(config, clusters)


@dataclass(frozen=True, kw_only=True)
class _Bundles:
    """The roots that istiod works with (`published`), and those in the Secret `cacerts`."""

    published: TrustBundle
    cacerts: TrustBundle


def _bundles(config: StackConfig, found: ObservedCluster) -> _Bundles:
    published = found.trust.published_roots
    cacerts = found.trust.cacerts.roots if found.trust.cacerts else ""
    return _Bundles(published=_bundle(config, published), cacerts=_bundle(config, cacerts or published))


def _bundle(config: StackConfig, pem: str) -> TrustBundle:
    return TrustBundle(tuple(_role(config, certificate) for certificate in parse_readable(pem)))


def _role(config: StackConfig, certificate: x509.Certificate) -> RootRole:
    trust = config.trust
    if _matches(config.mesh.id, trust.root, certificate):
        return RootRole.CURRENT
    if trust.next_root and _matches(config.mesh.id, trust.next_root, certificate):
        return RootRole.NEXT
    return RootRole.UNKNOWN


def _matches(mesh_id: str, root: RootSection, certificate: x509.Certificate) -> bool:
    if root.certificate is not None:
        return certificate in parse_readable(root.certificate)
    # Its certificate is known to Pulumi only; its name holds mesh and generation.
    return name(certificate) == root_common_name(mesh_id, root.generation)


def _steady(
    root: RootSection, clusters: Mapping[str, ObservedCluster], bundles: Mapping[str, _Bundles]
) -> Iterator[Problem]:
    """One root: it must be the one that is there, alone, or with another that is on its way in or out.

    Where some clusters have it and others have roots that nobody knows, those others have been tampered with,
    and an update with refresh repairs them.
    """
    somewhere = any(
        RootRole.CURRENT in bundle.roles
        for both in bundles.values()
        for bundle in (both.published, both.cacerts)
    )
    for cluster, both in bundles.items():
        for bundle in dict.fromkeys((both.published, both.cacerts)):
            if bundle in (_CURRENT_ALONE, _BOTH_TRUSTED):
                continue
            if somewhere and RootRole.CURRENT not in bundle.roles:
                continue
            there = ", ".join(repr(name(c)) for c in parse_readable(clusters[cluster].trust.published_roots))
            if bundle == _SIGNS_WITH_CURRENT and both.cacerts == _CURRENT_ALONE:
                message = (
                    f"istiod in {cluster} still trusts the root before generation {root.generation}, though "
                    f"its cacerts no longer has it: {_WAIT}"
                )
            elif bundle == _SIGNS_WITH_CURRENT:
                message = (
                    f"{cluster} signs with the root of generation {root.generation} and still trusts the one "
                    "before; expected the phase drop-old, with root and nextRoot as they were, before "
                    "nextRoot becomes root"
                )
            else:
                message = (
                    f"{cluster} trusts {there}, which is not the root of generation {root.generation} as "
                    "configured: workloads would refuse each other. If you have changed the root, keep root "
                    "as it was and add the other as nextRoot, with the phase trust-both. If someone else has "
                    "replaced cacerts, follow docs/runbooks/replaced-cacerts.md"
                )
            yield Problem(path=_ROOT, message=message)


def _rotation(
    phase: Phase | None, clusters: Mapping[str, ObservedCluster], bundles: Mapping[str, _Bundles]
) -> Iterator[Problem]:
    target = STEPS.index(phase)
    refused = [problem for cluster, both in bundles.items() for problem in _one(cluster, both, target)]
    yield from refused
    steps = {cluster: (both.published.step, both.cacerts.step) for cluster, both in bundles.items()}
    known = {step for pair in steps.values() for step in pair if step is not None}
    if not refused and known and max(known | {target}) - min(known | {target}) > 1:
        yield Problem(
            path=_PHASE,
            message="the clusters stand on both sides of it: "
            + ", ".join(f"{cluster}: {_word(in_cacerts)}" for cluster, (_, in_cacerts) in steps.items())
            + f"; expected all at one phase first, for example {_word(min(known))}",
        )
    moving = [cluster for cluster, (_, in_cacerts) in steps.items() if in_cacerts != target]
    if moving:
        yield from _able(phase, clusters, moving)


def _one(cluster: str, both: _Bundles, target: int) -> Iterator[Problem]:
    published, in_cacerts = both.published.step, both.cacerts.step
    if published is None or in_cacerts is None:
        yield Problem(
            path=_ROOT,
            message=f"{cluster} trusts roots that are neither root nor nextRoot; expected root as it was "
            "before the rotation (python -m mesh trust shows what is there)",
        )
    elif abs(in_cacerts - target) > 1:
        between = in_cacerts + (1 if target > in_cacerts else -1)
        yield Problem(
            path=_PHASE,
            message=f"{cluster} is at {_word(in_cacerts)}, and {_word(target)} is not the phase beside it: "
            f"each must be in place in every cluster before the next. Run {_word(between)} next",
        )
    elif abs(published - target) > 1:
        yield Problem(
            path=_PHASE,
            message=f"istiod in {cluster} still works with the roots of {_word(published)}, though "
            f"{_word(in_cacerts)} is in its cacerts: {_WAIT}",
        )


def _able(
    phase: Phase | None, clusters: Mapping[str, ObservedCluster], moving: Sequence[str]
) -> Iterator[Problem]:
    """What a phase needs besides the one before it."""
    for cluster, found in clusters.items():
        if found.unreachable:
            yield Problem(
                path=_PHASE,
                message=f"{_word(STEPS.index(phase))} moves {', '.join(moving)}, and {cluster} cannot be "
                f"asked how far it is: {found.unreachable}; expected every cluster to answer",
            )
        elif cluster in moving and found.control_plane and not found.control_plane.multi_root:
            yield Problem(
                path=_PHASE,
                message=f"istiod in {cluster} runs without ISTIO_MULTIROOT_MESH=true and would ignore "
                "another root; first run `pulumi up` without nextRoot and with that in "
                "istio.values.istiod.env",
            )
        elif cluster in moving and found.control_plane and not found.control_plane.xds_agent:
            yield Problem(
                path=_PHASE,
                message=f"the proxies in {cluster} run without PROXY_CONFIG_XDS_AGENT=true and would not "
                "learn of another root; first run `pulumi up` without nextRoot and with that in "
                "istio.values.istiod.meshConfig.defaultConfig.proxyMetadata, then restart the workloads",
            )


def _word(step: int | None) -> str:
    if step is None:
        return "roots of its own"
    return str(STEPS[step] or _BEFORE)


def _existing(
    cluster: ClusterConfig, trust: TrustSection, found: ObservedCluster, now: datetime
) -> Iterator[Problem]:
    path = f"clusters.{cluster.name}.trust.intermediate.existing"
    if found.unreachable:
        if not cluster.skip_unreachable:
            yield Problem(path=path, message=f"its cacerts cannot be checked: {found.unreachable}")
        return
    if found.trust.cacerts is None:
        yield Problem(
            path=path,
            message="the cluster has no Secret istio-system/cacerts; expected it there before the mesh, with "
            "ca-cert.pem, ca-key.pem, root-cert.pem and cert-chain.pem",
        )
        return
    if found.network != cluster.network:
        yield Problem(
            path=path,
            message=f"the namespace istio-system has the network {found.network or '(none)'!r}; expected "
            f"`kubectl label namespace istio-system topology.istio.io/network={cluster.network}`",
        )
    for message in _cacerts_problems(found.trust.cacerts, trust, now):
        yield Problem(path=path, message=f"cacerts in {cluster.name}: {message}")


def _cacerts_problems(cacerts: Cacerts, trust: TrustSection, now: datetime) -> Iterator[str]:
    parts = {
        "ca-cert.pem": cacerts.certificate,
        "ca-key.pem": cacerts.private_key,
        "root-cert.pem": cacerts.roots,
        "cert-chain.pem": cacerts.chain,
    }
    if missing := [key for key, text in parts.items() if not text.strip()]:
        yield f"{', '.join(missing)} missing; istiod refuses an incomplete bundle"
        return
    keys = {"certificate": "ca-cert.pem", "privateKey": "ca-key.pem", "chain": "cert-chain.pem"}
    known = [root.certificate for root in plan_roots(trust).declared if root.certificate]
    found = [
        list(intermediate_problems(cacerts.certificate, cacerts.private_key, cacerts.chain, root, now))
        for root in known
    ]
    if all(found):
        for setting, message in found[0]:
            yield f"{keys[setting]}: {message}"
    if not any(c in parse_readable(root) for c in parse_readable(cacerts.roots) for root in known):
        yield "root-cert.pem: the root of the mesh is not in it"


def _tokens(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> Iterator[Problem]:
    """A token may go only after every remote secret carries another one."""
    for target, cluster in config.clusters.items():
        if cluster.reader.kubeconfig is not None:
            continue
        alive = [token_name(generation) for generation in cluster.reader.token_generations]
        for reader, found in clusters.items():
            used = found.token_secrets.get(target)
            generation = token_generation(used) if used else None
            if generation is not None and used not in alive and reader in config.clusters:
                yield Problem(
                    path="reader.tokenGenerations",
                    message=f"{list(cluster.reader.token_generations)} deletes the token of {target} of "
                    f"generation {generation}, and {reader} still reads {target} with it; expected "
                    f"[{generation}, {cluster.reader.token_generations[-1]}] first",
                )
