"""Whether the configured trust and tokens may follow those that the clusters have now. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.sections.trust import RootSection, TrustSection
from mesh.config.types import Phase
from mesh.istio.names import token_generation
from mesh.live.facts import Cacerts, Holders, ObservedCluster
from mesh.pki.certificates import name, parse_readable
from mesh.pki.renewal import RENEW, late
from mesh.pki.rotation import STEPS, RootRole, TrustBundle, plan_roots, role
from mesh.pki.validation import cacerts_problems
from mesh.preflight.identity import dropped
from mesh.stacks.state import SECRET, RecordedState

_PHASE = "trust.phase"
_ROOT = "trust.root"
_BEFORE = "no rotation"
_ISTIOS_KEYS = {
    "certificate": "ca-cert.pem",
    "privateKey": "ca-key.pem",
    "roots": "root-cert.pem",
    "chain": "cert-chain.pem",
}
_TLS_KEYS = {"certificate": "tls.crt", "privateKey": "tls.key", "roots": "ca.crt", "chain": "tls.crt"}
_WAIT = "the kubelet updates it within two minutes; wait, then run the same command again"
# Bundles of clusters that are asked for one root alone.
_CURRENT_ALONE = TrustBundle.of(RootRole.CURRENT)
_BOTH_TRUSTED = TrustBundle.of(RootRole.CURRENT, RootRole.UNKNOWN)
_SIGNS_WITH_CURRENT = TrustBundle.of(RootRole.UNKNOWN, RootRole.CURRENT, RootRole.CURRENT)


_NOBODY: Mapping[str, Holders] = {}


def problems(
    config: StackConfig,
    clusters: Mapping[str, ObservedCluster],
    recorded: RecordedState,
    now: datetime,
    holders: Mapping[str, Holders] = _NOBODY,
) -> Iterator[Problem]:
    """Each step that would break calls from where the clusters are now, and what to do instead.

    `holders` is who holds certificates in clusters with ambient workloads, where roots move.
    """
    for cluster in config.online.values():
        if cluster.control_plane is None and cluster.intermediate.existing and cluster.name in clusters:
            yield from _existing(cluster, config.trust, clusters[cluster.name], now)
    bundles = {
        name: _bundles(config, found) for name, found in clusters.items() if found.trust.published_roots
    }
    if config.trust.next_root is None:
        yield from _steady(config.trust.root, clusters, bundles)
    else:
        yield from _rotation(config.trust.phase, clusters, bundles)
    yield from _renewed(config, holders)
    yield from _tokens(config, clusters, recorded)


def roots_move(config: StackConfig, clusters: Mapping[str, ObservedCluster]) -> bool:
    """Whether an update takes the roots of some cluster from one phase of a rotation to another."""
    found = [_bundles(config, c).cacerts for c in clusters.values() if c.trust.published_roots]
    if config.trust.next_root is None:
        return _BOTH_TRUSTED in found
    return any(bundle.step != STEPS.index(config.trust.phase) for bundle in found)


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
    return TrustBundle(
        tuple(role(config.mesh.id, config.trust, certificate) for certificate in parse_readable(pem))
    )


def _steady(
    root: RootSection, clusters: Mapping[str, ObservedCluster], bundles: Mapping[str, _Bundles]
) -> Iterator[Problem]:
    """Without a rotation, the clusters must have the configured root, alone or in its first or last phase.

    Where some clusters have it and others only unknown roots, someone has changed those others, and an update
    with refresh repairs them.
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
            message="some clusters are before this phase and some after it: "
            + ", ".join(f"{cluster}: {_word(in_cacerts)}" for cluster, (_, in_cacerts) in steps.items())
            + f"; expected all in one phase first, for example {_word(min(known))}",
        )
    moving = [cluster for cluster, (_, in_cacerts) in steps.items() if in_cacerts != target]
    if moving or not bundles:  # of clusters that are all away, nobody knows the phase
        yield from _able(phase, clusters, moving)


def _renewed(config: StackConfig, holders: Mapping[str, Holders]) -> Iterator[Problem]:
    """A phase waits for those in all clusters that learn roots with their certificates alone."""
    target = STEPS.index(config.trust.phase) if config.trust.next_root else 0
    for cluster, found in holders.items():
        for why, pods in late(config.mesh.id, config.trust, target, found.held).items():
            yield Problem(
                path=_PHASE,
                message=f"{_word(target)} must wait for {', '.join(pods)} in {cluster}, which "
                f"{why}: {RENEW}; `python -m mesh trust --workloads` says when it is done",
            )
        for pod, why in found.not_asked.items():
            yield Problem(
                path=_PHASE,
                message=f"{_word(target)} must wait until every ztunnel has renewed its certificates, and "
                f"{pod} of {cluster} cannot be asked: {why}; expected the right to read pods/portforward in "
                "istio-system",
            )


def _one(cluster: str, both: _Bundles, target: int) -> Iterator[Problem]:
    published, in_cacerts = both.published.step, both.cacerts.step
    if published is None or in_cacerts is None:
        yield Problem(
            path=_ROOT,
            message=f"{cluster} trusts a root that is neither root nor nextRoot; expected root as it was "
            "before the rotation. `python -m mesh trust` shows the roots",
        )
    elif abs(in_cacerts - target) > 1:
        between = in_cacerts + (1 if target > in_cacerts else -1)
        yield Problem(
            path=_PHASE,
            message=f"{cluster} is in {_word(in_cacerts)}, and {_word(target)} is not the next phase: every "
            f"cluster must complete each phase before the next begins. Run {_word(between)} next",
        )
    elif abs(published - target) > 1:
        yield Problem(
            path=_PHASE,
            message=f"istiod in {cluster} still has the roots of {_word(published)}, though its cacerts has "
            f"those of {_word(in_cacerts)}: {_WAIT}",
        )


def _able(
    phase: Phase | None, clusters: Mapping[str, ObservedCluster], moving: Sequence[str]
) -> Iterator[Problem]:
    """What a phase needs besides the one before it."""
    for cluster, found in clusters.items():
        if found.unreachable:
            yield Problem(
                path=_PHASE,
                message=f"{_word(STEPS.index(phase))} changes {', '.join(moving) or 'this stack'}, and the "
                f"phase of {cluster} is unknown: {found.unreachable}; expected every cluster to be reachable",
            )
        elif cluster in moving and not all(one.multi_root for one in found.control_planes):
            yield Problem(
                path=_PHASE,
                message=f"istiod in {cluster} runs without ISTIO_MULTIROOT_MESH=true and would ignore "
                "another root; set it in istio.values.istiod.env, and run `pulumi up` without nextRoot "
                "first",
            )
        elif cluster in moving and (why := next(filter(None, map(dropped, found.control_planes)), None)):
            yield Problem(
                path=_PHASE,
                message=f"istiod in {cluster} has dropped the mesh configuration in its ConfigMap, because "
                f"of {why}; so it is not known what its proxies do with another root. Run `pulumi up` "
                "without nextRoot first",
            )
        elif cluster in moving and not all(one.xds_agent for one in found.control_planes):
            yield Problem(
                path=_PHASE,
                message=f"the proxies in {cluster} run without PROXY_CONFIG_XDS_AGENT=true and would not "
                "load another root; set it in istio.values.istiod.meshConfig.defaultConfig.proxyMetadata, "
                "run `pulumi up` without nextRoot, and restart the workloads first",
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
            yield Problem(path=path, message=f"cannot check its cacerts: {found.unreachable}")
        return
    if found.trust.cacerts is None:
        yield Problem(
            path=path,
            message="the cluster has no Secret istio-system/cacerts; create it before the first "
            "`pulumi up`, with ca-cert.pem, ca-key.pem, root-cert.pem and cert-chain.pem, or with tls.crt, "
            "tls.key and ca.crt",
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
    keys = _TLS_KEYS if cacerts.tls else _ISTIOS_KEYS
    parts = {
        "certificate": cacerts.certificate,
        "privateKey": cacerts.private_key,
        "roots": cacerts.roots,
        "chain": cacerts.chain,
    }
    if missing := [keys[part] for part, text in parts.items() if not text.strip()]:
        yield f"{', '.join(missing)} missing; istiod refuses an incomplete bundle"
        return
    if cacerts.tls and not cacerts.certificate.endswith("\n"):
        yield "tls.crt: its last line has no end, and istiod puts ca.crt right after it; expected a line end"
        return
    known = [root.certificate for root in plan_roots(trust).declared if root.certificate]
    found = [
        list(cacerts_problems(cacerts.certificate, cacerts.private_key, cacerts.chain, root, now))
        for root in known
    ]
    if all(found):
        for setting, message in found[0]:
            yield f"{keys[setting]}: {message}"
    if not any(c in parse_readable(root) for c in parse_readable(cacerts.roots) for root in known):
        yield f"{keys['roots']}: the root of the mesh is not in it"


def _tokens(
    config: StackConfig, clusters: Mapping[str, ObservedCluster], recorded: RecordedState
) -> Iterator[Problem]:
    """A token may be deleted only when no remote secret has it any more.

    One that was deleted while a cluster was away is not in the state any more, and a cluster that was away
    gets all of a rotation in one update.
    """
    for remote, cluster in config.online.items():
        if remote in recorded.away or cluster.kubeconfig is not None:
            continue
        configured = list(cluster.reader.token_generations)
        for other, found in clusters.items():
            used = token_generation(found.token_secrets.get(remote, ""))
            is_there = (SECRET, f"{remote}-reader-token-g{used}") in recorded.urns
            if used is not None and used not in configured and other in config.clusters and is_there:
                yield Problem(
                    path="reader.tokenGenerations",
                    message=f"{configured} deletes the token of {remote} of generation {used}, and {other} "
                    f"still uses it; expected [{used}, {configured[-1]}] first",
                )
