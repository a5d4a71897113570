"""Resources that exist in Pulumi's state alone: a key, a certificate, a random string.

They are made once from their inputs and never looked up again. The official providers of such
resources come from Terraform's, whose rules hold here: an input that was not given has its default,
and a change of any input makes a new resource, unless the input is one that only guides the next
making.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from standins.protocol import (
    Checked,
    Difference,
    Failure,
    Found,
    Host,
    Provider,
    ProviderError,
    Resource,
)
from standins.values import UNKNOWN, Secret, has_unknown, plain, top_level_key


@dataclasses.dataclass(frozen=True, kw_only=True)
class Input:
    """What may be given for a property, and what a change of it means.

    `choices` are the values allowed for it, or for each of its items if it is a list; `at_least` is
    the least number allowed. With `in_place`, a change does not replace the resource. With `kept`, an
    input that is no longer given stays as it was.
    """

    required: bool = False
    default: Any = None
    choices: Sequence[str] = ()
    at_least: int | None = None
    secret: bool = False
    in_place: bool = False
    kept: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """A new resource: its ID and the properties that were not given."""

    id: str
    computed: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """A type of resource.

    `make` takes the inputs with defaults, without secret marks, and may raise `ProviderError`.
    `stale`, given the properties of a resource with new inputs in place, says which computed
    property has come to demand a replacement. `derived` gives the computed properties that follow
    from the inputs, which are known before the making and change in place. `faults` finds what is
    wrong with known inputs taken together.
    """

    inputs: Mapping[str, Input]
    computed: Sequence[str]
    make: Callable[[Mapping[str, Any]], Made]
    secret: frozenset[str] = frozenset()
    derived: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda inputs: {}
    faults: Callable[[Mapping[str, Any]], Sequence[Failure]] = lambda inputs: ()
    stale: Callable[[Mapping[str, Any]], str | None] = lambda properties: None


class GeneratedProvider(Provider):
    """A provider of such resources, by type token such as `tls:index/privateKey:PrivateKey`."""

    def __init__(self, host: Host, *, name: str, kinds: Mapping[str, Kind]) -> None:
        super().__init__(host)
        self.name = name
        self.version = version(f"pulumi-{name}")
        self._kinds = kinds

    def check(
        self, resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any], seed: bytes
    ) -> Checked:
        """Refuse what the type does not know, and mark secrets."""
        kind = self._kind(resource)
        failures = [*_unknown_inputs(kind, new), *_bad_inputs(kind, new)]
        if not failures and not has_unknown(new):
            failures = list(kind.faults(plain(_complete(kind, new))))
        return Checked(inputs=_with_secrets(new, _secret_inputs(kind)), failures=failures)

    def diff(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        old_inputs: Mapping[str, Any],
        old_outputs: Mapping[str, Any],
        new_inputs: Mapping[str, Any],
        ignore_changes: Sequence[str],
    ) -> Difference:
        """Compare the inputs, defaults included; a stale resource is replaced though they are the same."""
        kind = self._kind(resource)
        kept = _kept(kind, old_outputs)
        new = {**kept, **_complete(kind, new_inputs)}
        difference = Difference.between(
            {**kept, **_complete(kind, old_inputs)},
            new,
            replace=lambda path: not kind.inputs[top_level_key(path)].in_place,
        )
        stale = kind.stale({**plain(old_outputs), **plain(new)})
        if stale is None or stale in ignore_changes:
            return difference
        return dataclasses.replace(difference, replaces=difference.replaces | {stale})

    def create(self, resource: Resource, inputs: Mapping[str, Any], *, preview: bool) -> Found:
        """Make the resource."""
        kind = self._kind(resource)
        given = _complete(kind, inputs)
        known = {**given, **kind.derived(plain(given))}
        if preview:
            planned = {**known, **dict.fromkeys(kind.computed, UNKNOWN), "id": UNKNOWN}
            return Found(id="", outputs=_with_secrets(planned, kind.secret))
        made = kind.make(plain(given))
        outputs = {**known, **made.computed, "id": made.id}
        return Found(id=made.id, outputs=_with_secrets(outputs, kind.secret))

    def read(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
    ) -> Found:
        """Give back what is known, with word of a resource that has become stale."""
        kind = self._kind(resource)
        if not outputs:
            raise ProviderError(
                f"{resource.type} {id!r} exists in Pulumi's state alone: it cannot be imported"
            )
        stale = kind.stale(plain(outputs))
        return Found(id=id, inputs=inputs, outputs={**outputs, stale: True} if stale else outputs)

    def update(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        old_inputs: Mapping[str, Any],
        old_outputs: Mapping[str, Any],
        new_inputs: Mapping[str, Any],
        *,
        preview: bool,
    ) -> Mapping[str, Any]:
        """Take over the inputs that only guide the next making."""
        kind = self._kind(resource)
        computed = {name: value for name, value in old_outputs.items() if name not in kind.inputs}
        given = {**_kept(kind, old_outputs), **_complete(kind, new_inputs)}
        return _with_secrets({**computed, **given, **kind.derived(plain(given))}, kind.secret)

    def _kind(self, resource: Resource) -> Kind:
        if resource.type not in self._kinds:
            raise ProviderError(
                f"the stand-in for pulumi-{self.name} does not serve {resource.type}; "
                f"it serves {', '.join(sorted(self._kinds))}"
            )
        return self._kinds[resource.type]


def _complete(kind: Kind, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Give the inputs with defaults filled in and without those that are null."""
    defaults = {name: rule.default for name, rule in kind.inputs.items() if rule.default is not None}
    return {**defaults, **{name: value for name, value in inputs.items() if value is not None}}


def _kept(kind: Kind, old: Mapping[str, Any]) -> dict[str, Any]:
    """Give the old values that stay where no new one is given."""
    return {name: old[name] for name, rule in kind.inputs.items() if rule.kept and old.get(name) is not None}


def _secret_inputs(kind: Kind) -> frozenset[str]:
    return frozenset(name for name, rule in kind.inputs.items() if rule.secret)


def _with_secrets(properties: Mapping[str, Any], secret: frozenset[str]) -> dict[str, Any]:
    return {
        name: Secret(value) if name in secret and not isinstance(value, Secret) else value
        for name, value in properties.items()
    }


def _unknown_inputs(kind: Kind, inputs: Mapping[str, Any]) -> list[Failure]:
    known = ", ".join(sorted(kind.inputs))
    return [
        Failure(property=name, reason=f"not a property that the stand-in knows; it knows {known}")
        for name in inputs
        if name not in kind.inputs
    ]


def _bad_inputs(kind: Kind, inputs: Mapping[str, Any]) -> list[Failure]:
    failures = []
    for name, rule in kind.inputs.items():
        reason = _fault(rule, plain(inputs.get(name)))
        if reason is not None:
            failures.append(Failure(property=name, reason=f"{name}: {reason}"))
    return failures


def _fault(rule: Input, value: Any) -> str | None:
    if value is None:
        return "is required" if rule.required else None
    if rule.choices:
        wrong = [
            item
            for item in (value if isinstance(value, list) else [value])
            if item is not UNKNOWN and item not in rule.choices
        ]
        return f"must be one of {', '.join(rule.choices)}, got {wrong[0]}" if wrong else None
    if rule.at_least is not None and value is not UNKNOWN and value < rule.at_least:
        return f"must be at least {rule.at_least}, got {value}"
    return None
