"""Turns the arguments of a mesh into its configuration, or into a list of all mistakes."""

import os
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pulumi

from mesh.config.problems import ConfigurationError, Problem
from mesh.config.resolved import StackConfig
from mesh.config.secrets import Path, dotted
from mesh.kubeconfig.read import current_context, default_files
from mesh.load import Loaded, from_stack, load
from mesh.mappings import as_map
from mesh.package.args import MeshArgs
from mesh.package.inputs import Known, at, known
from mesh.provider import GivenKubeconfig

_PATH, _CONTENTS = "kubeconfig", "kubeconfigContents"
_ITS_OWN = "the current one"
_SEE = "docs/package.md#which-values-must-be-known"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a mesh, and how messages name them.

    `prefix` comes before the paths of settings in messages. `component` is the mesh's name in a stack that
    has other resources, too. `kubeconfigs` are those that come from other resources, by the cluster's name.
    """

    config: StackConfig
    prefix: str = ""
    component: str | None = None
    kubeconfigs: Mapping[str, GivenKubeconfig] = field(default_factory=dict[str, GivenKubeconfig])


def of_stack(project: str) -> Settings:
    """The settings in the stack file of the running stack.

    Raises:
        pulumi.RunError: with one line for each mistake.
    """
    return Settings(config=from_stack(project), prefix=f"{project}:")


def of_arguments(name: str, arguments: MeshArgs) -> Settings:
    """The settings in the arguments of a component.

    Raises:
        pulumi.RunError: with one line for each mistake.
    """
    given = known(cast(Mapping[str, Any], arguments))
    try:
        config = loaded(given).valid(f"the arguments of {name}")
    except ConfigurationError as error:
        raise pulumi.RunError(str(error)) from error
    return Settings(
        config=config, component=name, kubeconfigs=dict(_given_kubeconfigs(arguments, given, config))
    )


def loaded(given: Known) -> Loaded:
    """Arguments as a configuration, as far as they are known, with all problems.

    Reads files, as for a stack file. Like Pulumi's kubernetes provider, it takes a path or contents as
    `kubeconfig`.
    """
    clusters = as_map(given.values.get("clusters")) or {}
    awaited = {name for name, entry in clusters.items() if _awaited(name, as_map(entry) or {}, given)}
    entries = {name: _entry(entry, awaited=name in awaited) for name, entry in clusters.items()}
    values = {**given.values, **({"clusters": entries} if "clusters" in given.values else {})}
    contents = {
        ("clusters", name, _CONTENTS) for name, entry in entries.items() if _CONTENTS in (as_map(entry) or {})
    }
    moved = {("clusters", name, _CONTENTS): ("clusters", name, _PATH) for name in clusters}
    elsewhere = {path for path in moved.values() if (as_map(entries[path[1]]) or {}).get(_PATH) is None}
    secret = {*(given.secret - elsewhere), *contents}
    found = load(
        values,
        kubeconfigs=default_files(os.environ),
        secret={str(path[0]) for path in secret if path},
        written={key: _written(value, (key,), secret) for key, value in values.items()},
        environment=os.environ,
        awaited=awaited,
    )
    by_name = {dotted(new): dotted(old) for new, old in moved.items() if _is_set(given, old)}
    return replace(
        found,
        problems=(
            *_unknown(given, awaited),
            *(replace(p, path=by_name.get(p.path, p.path)) for p in found.problems),
        ),
    )


def _awaited(cluster: str, entry: Mapping[str, Any], given: Known) -> bool:
    keys = [key for key in (_PATH, _CONTENTS) if key in entry]
    return len(keys) == 1 and ("clusters", cluster, keys[0]) in given.unknown


def _entry(entry: object, *, awaited: bool) -> Any:
    """A cluster's entry as in a stack file: with a context, and contents of a kubeconfig in their own key."""
    if (inner := as_map(entry)) is None:
        return entry
    found = dict(inner)
    if awaited:
        return {"context": _ITS_OWN, **found, _PATH: None, _CONTENTS: None}
    text = found.get(_PATH)
    if isinstance(text, str) and _is_contents(text) and _CONTENTS not in found:
        found[_CONTENTS] = found.pop(_PATH)
    if isinstance(text := found.get(_CONTENTS), str) and (context := current_context(text)):
        found.setdefault("context", context)
    return found


def _is_contents(text: str) -> bool:
    return "\n" in text.strip() or text.lstrip().startswith("{")


def _written(value: Any, path: Path, secret: set[Path]) -> Any:
    """The value as it would stand in a stack file."""
    if path in secret:
        return {"secure": ""}
    if (inner := as_map(value)) is not None:
        return {key: _written(item, (*path, key), secret) for key, item in inner.items()}
    if isinstance(value, list):
        return [_written(item, (*path, n), secret) for n, item in enumerate(cast(list[Any], value))]
    return value


def _unknown(given: Known, awaited: Set[str]) -> Iterator[Problem]:
    """A problem for each value that must be known but is not."""
    kubeconfigs = {("clusters", name, key) for name in awaited for key in (_PATH, _CONTENTS)}
    for path in sorted(given.unknown - kubeconfigs, key=dotted):
        yield Problem(
            path=dotted(path),
            message="is an output that only the update will know, but what is declared depends on it; "
            f"expected a value, or an output of something that already exists ({_SEE})",
        )


def _is_set(given: Known, path: Path) -> bool:
    value: Any = given.values
    for key in path:
        value = (as_map(value) or {}).get(str(key))
    return value is not None


def _given_kubeconfigs(
    arguments: MeshArgs, given: Known, config: StackConfig
) -> Iterator[tuple[str, GivenKubeconfig]]:
    """The kubeconfigs that are given by contents, with the resources that they come from."""
    entries: Mapping[str, Any] = given.values.get("clusters") or {}
    for name, cluster in config.clusters.items():
        if not (cluster.connection.awaited or cluster.connection.contents):
            continue
        keys = [key for key in (_PATH, _CONTENTS) if key in entries[name]]
        contents: pulumi.Output[str] = pulumi.Output.secret(at(arguments, "clusters", name, keys[0]))
        context = entries[name].get("context")
        yield (
            name,
            GivenKubeconfig(
                contents=contents,
                # The name of the context is no secret.
                context=pulumi.Output.from_input(context)
                if context
                else pulumi.Output.unsecret(contents.apply(lambda text: current_context(text) or "")),
            ),
        )
