"""What must hold in the configuration of roots and intermediates, and in the material that is given."""

from collections.abc import Iterator
from datetime import datetime

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.config.sections.trust import IntermediateSection, RootSection, TrustSection
from mesh.config.types import Phase
from mesh.istio.values import environment
from mesh.pki.rotation import plan_roots
from mesh.pki.validation import intermediate_problems, root_problems

MULTI_ROOT = "ISTIO_MULTIROOT_MESH"
_GENERATED_ONLY = ("key", "validity_hours")


def problems(config: StackConfig, now: datetime) -> Iterator[Problem]:
    """All problems of the section `trust`, and of what clusters override of it."""
    trust = config.trust
    invalid = list(_root(trust.root, "trust.root", now))
    if trust.next_root is not None:
        invalid += _root(trust.next_root, "trust.nextRoot", now)
    yield from invalid
    yield from _rotation(trust)
    if trust.intermediate.certificate or trust.intermediate.private_key or trust.intermediate.chain:
        yield Problem(
            path="trust.intermediate",
            message="certificate, privateKey and chain are those of one cluster; "
            "expected them in clusters.<name>.trust.intermediate",
        )
        return
    for cluster in config.online.values():
        if cluster.control_plane is not None:
            continue  # it has the trust of its primary
        path = cluster.path("trust.intermediate")
        yield from _intermediate(cluster, trust, path, now, roots_valid=not invalid)
        if trust.next_root is not None and environment(cluster).get(MULTI_ROOT, "").lower() != "true":
            yield Problem(
                path=cluster.path(f"istio.values.istiod.env.{MULTI_ROOT}"),
                message='must be "true" while the root is rotated: without it, istiod ignores another root',
            )


def _root(root: RootSection, path: str, now: datetime) -> Iterator[Problem]:
    if root.certificate is None:
        if root.private_key is not None:
            yield Problem(
                path=f"{path}.certificate",
                message="is required with privateKey, for example -----BEGIN CERTIFICATE-----…",
            )
        return
    for name in _GENERATED_ONLY:
        if name in root.model_fields_set:
            alias = RootSection.model_fields[name].alias
            yield Problem(
                path=f"{path}.{alias}",
                message="is for a generated root, and this one has a certificate; leave one of the two out",
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
                message=f"{trust.phase.value!r} needs a root to rotate to; expected trust.nextRoot too, "
                f"for example {{generation: {trust.root.generation + 1}}}",
            )
        return
    if trust.phase is None:
        yield Problem(
            path="trust.phase",
            message=f"is required with nextRoot; expected one of {phases}, in this order",
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
            path="trust.nextRoot.certificate",
            message="is the certificate of trust.root; expected that of another root",
        )


def _intermediate(
    cluster: ClusterConfig, trust: TrustSection, path: str, now: datetime, *, roots_valid: bool
) -> Iterator[Problem]:
    intermediate, signing = cluster.intermediate, plan_roots(trust).signing
    if combination := list(_combination(intermediate, path)):
        yield from combination
        return
    if intermediate.existing:
        if signing.certificate is None:
            yield Problem(
                path=f"{path}.existing",
                message="an existing intermediate is checked against the root's certificate, and the root of "
                f"generation {signing.generation} is generated; expected trust.root.certificate",
            )
        return
    if intermediate.certificate is None:
        yield from _generated(cluster, intermediate, signing, path)
        return
    if intermediate.private_key is None:
        yield Problem(
            path=f"{path}.privateKey",
            message="is required with certificate; set it with `pulumi config set --secret --path`",
        )
    if signing.certificate is None:
        yield Problem(
            path=f"{path}.certificate",
            message=f"the root of generation {signing.generation} is generated, so it cannot have signed "
            "this; expected trust.root.certificate, with the root that did",
        )
    elif roots_valid:
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
            message=f"the cluster's own cacerts are used, so {' and '.join(given)} would not be; leave one "
            "of the two out",
        )
    elif given and intermediate.certificate is None:
        yield Problem(
            path=f"{path}.certificate",
            message=f"is required with {' and '.join(given)}, for example -----BEGIN CERTIFICATE-----…",
        )


def _generated(
    cluster: ClusterConfig, intermediate: IntermediateSection, signing: RootSection, path: str
) -> Iterator[Problem]:
    if signing.offline:
        yield Problem(
            path=f"clusters.{cluster.name}.trust.intermediate",
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
                f"({intermediate.validity_hours}); expected less, for example "
                f"{max(1, intermediate.validity_hours // 4)}"
            ),
        )
