"""What the sections of a stack file have in common, and how a cluster overrides them."""

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from mesh.mappings import as_map, deep_merge

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


def switch(value: object) -> object:
    """`true` or `false` in place of a section means its `enabled`."""
    return {"enabled": value} if isinstance(value, bool) else value
