"""Kubernetes objects as a chart gives them, and what a pod makes of them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mesh.mappings import Json, as_map, at

CONTROLLERS = ("Deployment", "DaemonSet")


def find(manifests: Sequence[Json], kind: str, name: str, namespace: str | None = None) -> Json | None:
    """The object of that kind and name, in that namespace where one is given."""
    for manifest in manifests:
        metadata = as_map(manifest.get("metadata")) or {}
        if (manifest.get("kind"), metadata.get("name")) == (kind, name) and (
            namespace is None or metadata.get("namespace") == namespace
        ):
            return manifest
    return None


def template(controller: Json | None) -> Json:
    """The pods of a Deployment or a DaemonSet."""
    return as_map(at(controller, "spec", "template")) or {}


def labels(thing: Json) -> Mapping[str, Any]:
    """The labels of an object or of a pod template."""
    return as_map(at(thing, "metadata", "labels")) or {}


def annotations(thing: Json) -> Mapping[str, Any]:
    """The annotations of an object or of a pod template."""
    return as_map(at(thing, "metadata", "annotations")) or {}


def container(pod: Json, name: str) -> Json:
    """A container of a pod template; empty where there is none of that name."""
    containers: Sequence[Json] = at(pod, "spec", "containers") or []
    nothing: Json = {}
    return next((c for c in containers if c.get("name") == name), nothing)


def environment(of: Json) -> dict[str, object]:
    """The variables of a container: of several with one name Kubernetes takes the last.

    One without a value of its own, as from a field of the pod, has its source in place of the value.
    """
    entries: Sequence[Json] = of.get("env") or []
    return {str(entry.get("name")): entry.get("value", entry.get("valueFrom")) for entry in entries}


def selects(selector: object, pod: Json) -> bool:
    """Whether a Service's selector, or `matchLabels`, finds a template's pods; an empty one finds none."""
    wanted = as_map(selector) or {}
    return bool(wanted) and wanted.items() <= labels(pod).items()


def no_text(manifests: Sequence[Json]) -> Iterator[tuple[str, str, object]]:
    """Labels and annotations that are no text, which Kubernetes refuses: where, which, and the value."""
    for manifest in manifests:
        name = f"{manifest.get('kind')} {at(manifest, 'metadata', 'name')}"
        for thing in (manifest, template(manifest)):
            for what, entries in (("label", labels(thing)), ("annotation", annotations(thing))):
                for key, value in entries.items():
                    if not isinstance(value, str):
                        yield name, f"{what} {key}", value
