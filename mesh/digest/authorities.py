"""What an update does to trust: to root CAs, to intermediate CAs, and to what `cacerts` has of them. Pure.

The engine shows neither `cacerts` nor keys. Which CAs are in a cluster's `cacerts` is known all the same: by
the resources that the Secret depends on, whose names have their generation.
"""

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from mesh.digest.report import Danger, DangerKind
from mesh.digest.steps import Change, Preview, Step
from mesh.digest.words import listed
from mesh.istio.names import CACERTS
from mesh.mappings import Json, at
from mesh.stacks.state import SECRET

_ROOT = "tls:index/selfSignedCert:SelfSignedCert"
_INTERMEDIATE = "tls:index/locallySignedCert:LocallySignedCert"
_KEY = "tls:index/privateKey:PrivateKey"
_GENERATION = re.compile(r"-g(\d+)-(?:certificate|key)$")

_ISTIOD_TAKES_OVER = (
    "Istiod loads it without a restart, and workloads change over as their certificates are renewed"
)


def trust_changes(preview: Preview, staying: Sequence[Step]) -> Iterator[Danger]:
    """What changes in who is trusted, and in who signs; `staying` are the resources of clusters that stay."""
    roots = {step.urn: step for step in preview.steps if step.type == _ROOT}
    if any(root.change is not Change.ADDED for root in roots.values()):  # else the mesh is new
        yield from (_root(step) for step in roots.values() if step.change is not Change.UNCHANGED)
    yield from _cacerts(preview, staying)


def _root(step: Step) -> Danger:
    generation = _generation(step.urn)
    match step.change:
        case Change.ADDED:
            message = f"a new root CA is made, generation {generation}"
        case Change.DELETED:
            message = (
                f"the root CA of generation {generation} is deleted, with its key: it signs nothing any more"
            )
        case Change.REPLACED:
            message = (
                f"the root CA of generation {generation} is made again: workloads of clusters with one of "
                "the two refuse those of clusters with the other"
            )
        case _:
            message = f"the root CA of generation {generation} changes"
    return Danger(kind=DangerKind.TRUST, clusters=(), message=message)


def _cacerts(preview: Preview, staying: Sequence[Step]) -> Iterator[Danger]:
    found: dict[str, list[str]] = {}
    for step in staying:
        if step.type == SECRET and step.cluster and step.name == f"{step.cluster}-{CACERTS}":
            for message in _messages(step, preview):
                found.setdefault(message, []).append(step.cluster)
    for message, clusters in found.items():
        yield Danger(
            kind=DangerKind.TRUST, clusters=tuple(clusters), message=f"{listed(clusters)}: {message}"
        )


def _messages(step: Step, preview: Preview) -> Iterator[str]:
    if step.change is Change.DELETED:
        yield "`cacerts` is no longer managed by this stack; it stays in the cluster"
        return
    if step.change is not Change.CHANGED:
        yield "`cacerts` is made again, which istiod notices only if it is restarted"
        return
    old, new = (_contents(state, step.cluster, preview) for state in (step.old, step.new))
    signer = _signer(old, new, preview)
    if signer:
        yield f"{signer}. {_ISTIOD_TAKES_OVER}"
    if old.roots != new.roots:
        now, so_far = _generations(new.roots), _generations(old.roots)
        dropped = old.roots - new.roots
        refused = f". Certificates below generation {_generations(dropped)} are refused from then on"
        yield f"trusted root CAs: generation {now}, so far {so_far}{refused if dropped else ''}"
    elif any(_is_made_again(preview, urn) for urn in new.roots):
        yield "the root CA that is made again is the trusted one"
    elif not signer:
        yield "`cacerts` changes: the CRLs, or a certificate or key of the configuration or of another stack"


@dataclass(frozen=True, kw_only=True)
class _Contents:
    """URNs of the certificates in a `cacerts`."""

    signer: str | None
    roots: Set[str]


def _contents(state: Json, cluster: str | None, preview: Preview) -> _Contents:
    urns: Sequence[str] = state.get("dependencies") or ()
    found = [step for step in preview.steps if step.urn in urns]
    # With CRLs, it depends on the intermediates of all clusters.
    signers = [step.urn for step in found if step.type == _INTERMEDIATE and step.cluster == cluster]
    return _Contents(
        signer=signers[0] if signers else None, roots={step.urn for step in found if step.type == _ROOT}
    )


def _signer(old: _Contents, new: _Contents, preview: Preview) -> str | None:
    """What becomes of the intermediate CA; None where it stays the same."""
    if new.signer is None or old.signer is None:
        return None if new.signer == old.signer else "another intermediate CA"
    steps = {step.urn: step for step in preview.steps}
    before, after = _issuer(steps[old.signer].old), _issuer(steps[new.signer].new)
    issuer = (
        "of the same root"
        if before == after
        else f"of the root of generation {_generations(after)} instead of {_generations(before)}"
    )
    if new.signer != old.signer:
        generations = f"{_generation(new.signer)} instead of {_generation(old.signer)}"
        return f"a new intermediate CA {issuer}, generation {generations}"
    if steps[new.signer].change is not Change.REPLACED:
        return None
    key = steps.get(new.signer.replace(_INTERMEDIATE, _KEY).replace("-certificate", "-key"))
    again = "a new key" if key is not None and key.change is Change.REPLACED else "the same key"
    return f"a new certificate of the intermediate CA, {issuer}, with {again}"


def _issuer(state: Json) -> Set[str]:
    """The root that signs a certificate, by its URN."""
    return frozenset(at(state, "propertyDependencies", "caCertPem") or ())


def _is_made_again(preview: Preview, urn: str) -> bool:
    return any(step.urn == urn and step.change is Change.REPLACED for step in preview.steps)


def _generation(urn: str) -> str:
    found = _GENERATION.search(urn)
    return found[1] if found else urn.rpartition("::")[2]


def _generations(urns: Iterable[str]) -> str:
    return " and ".join(sorted(_generation(urn) for urn in urns)) or "those of another stack"
