"""What must hold in the configuration of roots and intermediates, and in the material that is given."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig
from mesh.config.schema import IntermediateSection, RootSection, TrustSection
from mesh.config.types import Phase
from mesh.istio.values import environment
from mesh.mappings import as_map
from mesh.pki.rotation import plan_roots
from mesh.pki.validation import intermediate_problems, root_problems

MULTI_ROOT = "ISTIO_MULTIROOT_MESH"
_GENERATED_ONLY = ("key", "validity_hours")


def problems(
    trust: TrustSection,
    clusters: Iterable[ClusterConfig],
    cluster_maps: Mapping[str, object],
    now: datetime,
) -> Iterator[Problem]:
    """All problems of the section `trust`, and of what `clusters` override of it.

    `cluster_maps` has the clusters as the user wrote them, so that a problem is told where it can be solved.
    """
    broken = list(_root(trust.root, "trust.root", now))
    if trust.next_root is not None:
        broken += _root(trust.next_root, "trust.nextRoot", now)
    yield from broken
    yield from _rotation(trust)
    if trust.intermediate.certificate or trust.intermediate.private_key or trust.intermediate.chain:
        yield Problem(
            path="trust.intermediate",
            message="certificate, privateKey and chain belong to one cluster; "
            "expected them in clusters.<name>.trust.intermediate",
        )
        return
    for cluster in clusters:
        own = as_map(cluster_maps[cluster.name]) or {}
        path = f"clusters.{cluster.name}.trust" if "trust" in own else "trust"
        yield from _intermediate(cluster, trust, f"{path}.intermediate", now, root_is_right=not broken)
        if trust.next_root is not None and environment(cluster).get(MULTI_ROOT, "").lower() != "true":
            place = f"clusters.{cluster.name}.istio" if "istio" in own else "istio"
            yield Problem(
                path=f"{place}.values.istiod.env.{MULTI_ROOT}",
                message='must be "true" while the root is rotated: without it, istiod ignores another root',
            )


def _root(root: RootSection, path: str, now: datetime) -> Iterator[Problem]:
    if root.certificate is None:
        if root.private_key is not None:
            yield Problem(
                path=f"{path}.certificate",
                message="is required beside privateKey, for example -----BEGIN CERTIFICATE-----…",
            )
        return
    for name in _GENERATED_ONLY:
        if name in root.model_fields_set:
            alias = RootSection.model_fields[name].alias
            yield Problem(
                path=f"{path}.{alias}",
                message="is for a generated root, and a certificate is given; leave one of them out",
            )
    key = root.private_key.get_secret_value() if root.private_key else None
    for setting, message in root_problems(root.certificate, key, now):
        yield Problem(path=f"{path}.{setting}", message=message)


def _rotation(trust: TrustSection) -> Iterator[Problem]:
    phases = ", ".join(Phase)
    if trust.next_root is None:
        if trust.phase is not None:
            yield Problem(
                path="trust.phase",
                message=f"{trust.phase.value!r} needs a root to rotate to; expected trust.nextRoot beside "
                f"it, for example {{generation: {trust.root.generation + 1}}}",
            )
        return
    if trust.phase is None:
        yield Problem(
            path="trust.phase",
            message=f"is required beside nextRoot; expected one of {phases}, in this order",
        )
    if trust.next_root.generation <= trust.root.generation:
        yield Problem(
            path="trust.nextRoot.generation",
            message=f"{trust.next_root.generation} is not higher than the root's {trust.root.generation}; "
            f"for example {trust.root.generation + 1}",
        )
    given = trust.next_root.certificate
    if given is not None and given == trust.root.certificate:
        yield Problem(
            path="trust.nextRoot.certificate", message="is the root's own; expected that of another root"
        )


def _intermediate(
    cluster: ClusterConfig, trust: TrustSection, path: str, now: datetime, *, root_is_right: bool
) -> Iterator[Problem]:
    intermediate, signing = cluster.intermediate, plan_roots(trust).signing
    if wrong := list(_combination(intermediate, path)):
        yield from wrong
        return
    if intermediate.existing:
        if signing.certificate is None:
            yield Problem(
                path=f"{path}.existing",
                message="an existing intermediate is checked against the root's certificate, and the root of "
                f"generation {signing.generation} is generated; expected trust.root with its certificate",
            )
        return
    if intermediate.certificate is None:
        yield from _generated(cluster, intermediate, signing, path)
        return
    if intermediate.private_key is None:
        yield Problem(
            path=f"{path}.privateKey",
            message="is required beside certificate; set it with `pulumi config set --secret --path`",
        )
    if signing.certificate is None:
        yield Problem(
            path=f"{path}.certificate",
            message=f"the root of generation {signing.generation}, which signs, is generated, so it cannot "
            "have signed this; expected trust.root with the certificate of the root that did",
        )
    elif root_is_right:
        key = intermediate.private_key.get_secret_value() if intermediate.private_key else None
        found = intermediate_problems(
            intermediate.certificate, key, intermediate.chain, signing.certificate, now
        )
        for setting, message in found:
            yield Problem(path=f"{path}.{setting}", message=message)


def _combination(intermediate: IntermediateSection, path: str) -> Iterator[Problem]:
    names = ("certificate", "private_key", "chain")
    given = [
        str(IntermediateSection.model_fields[name].alias)
        for name in names
        if getattr(intermediate, name) is not None
    ]
    if given and intermediate.existing:
        yield Problem(
            path=f"{path}.existing",
            message=f"the intermediate is either given or existing, and there is {', '.join(given)}; "
            "leave one of them out",
        )
    elif given and intermediate.certificate is None:
        yield Problem(
            path=f"{path}.certificate",
            message=f"is required beside {' and '.join(given)}, for example -----BEGIN CERTIFICATE-----…",
        )


def _generated(
    cluster: ClusterConfig, intermediate: IntermediateSection, signing: RootSection, path: str
) -> Iterator[Problem]:
    if signing.offline:
        own = f"clusters.{cluster.name}.trust.intermediate"
        yield Problem(
            path=own,
            message=f"the root of generation {signing.generation} is offline and cannot sign; expected "
            "certificate and privateKey of an intermediate that it has signed, or {existing: true}",
        )
    if signing.certificate is None and intermediate.validity_hours > signing.validity_hours:
        yield Problem(
            path=f"{path}.validityHours",
            message=(
                f"{intermediate.validity_hours} is longer than the root's {signing.validity_hours}; "
                f"expected at most that, for example {max(1, signing.validity_hours // 5)}"
            ),
        )
    if intermediate.renew_before_hours >= intermediate.validity_hours:
        yield Problem(
            path=f"{path}.renewBeforeHours",
            message=(
                f"{intermediate.renew_before_hours} is not shorter than validityHours "
                f"({intermediate.validity_hours}); for example {max(1, intermediate.validity_hours // 4)}"
            ),
        )
