"""Keeps in Pulumi, and in its state, as a secret whatever the user has marked as one."""

import copy
from collections.abc import Mapping, Sequence, Set
from typing import Any, cast

import pulumi
from pulumi._types import is_input_type  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]

from mesh.config.secrets import Path, Secrets
from mesh.mappings import as_map


def protected(value: Any, secrets: Secrets) -> Any:
    """The value, with each part of it that shows one of the secrets as a secret of Pulumi's.

    Maps, lists and arguments of resources are walked, and outputs are looked at once they are known.
    """
    if not secrets.texts:
        return value
    if isinstance(value, pulumi.Output):
        known = cast(pulumi.Output[Any], value)
        return known.apply(lambda inner: pulumi.Output.secret(inner) if secrets.shown_in(inner) else inner)
    if isinstance(value, str | int | float):
        return pulumi.Output.secret(value) if secrets.shown_in(value) else value
    if (inner := as_map(value)) is not None:
        if any(secrets.shown_in(key) for key in inner):
            return pulumi.Output.secret(inner)
        return {key: protected(item, secrets) for key, item in inner.items()}
    if isinstance(value, Sequence):
        return [protected(item, secrets) for item in cast(Sequence[Any], value)]
    if is_input_type(cast(object, value).__class__):
        arguments = copy.copy(value)
        arguments.__dict__.update(protected(cast(dict[str, Any], vars(value)), secrets))
        return arguments
    return value


def transformation(secrets: Secrets) -> pulumi.ResourceTransformation:
    """What a component does to the inputs of all resources below it."""

    def protect(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        props = {key: protected(value, secrets) for key, value in args.props.items()}
        return pulumi.ResourceTransformationResult(props, args.opts)

    return protect


def marked(values: Mapping[str, Any], paths: Set[Path]) -> Any:
    """The values with a secret of Pulumi's at each of these paths."""
    return _marked(values, (), paths)


def _marked(value: Any, path: Path, paths: Set[Path]) -> Any:
    if path in paths:
        return pulumi.Output.secret(value)
    if (inner := as_map(value)) is not None:
        return {key: _marked(item, (*path, key), paths) for key, item in inner.items()}
    if isinstance(value, list):
        return [_marked(item, (*path, n), paths) for n, item in enumerate(cast(list[Any], value))]
    return value
