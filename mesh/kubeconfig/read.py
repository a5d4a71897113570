"""What the program needs of a user's kubeconfig: where the API server of a context is. Pure."""

import base64
import binascii
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import yaml

from mesh.mappings import as_map

DEFAULT_FILE = "~/.kube/config"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An API server as a kubeconfig has it: URL, the name and CA of its certificate, and the proxy to it.

    The CA is PEM, or the path of a file with it; neither, where the system's own roots are what to trust.
    `insecure` is whether the certificate does not count.
    """

    server: str
    tls_server_name: str | None = None
    authority: str | None = None
    authority_file: str | None = None
    insecure: bool = False
    proxy_url: str | None = None


def endpoint(text: str, context: str) -> Endpoint:
    """The API server of `context`.

    Raises:
        ValueError: the text is not a kubeconfig, or lacks the context, its cluster or the cluster's server.
            The message says which, and repeats nothing else of the file.
    """
    contexts = by_name(parse(text), "contexts")
    if context not in contexts:
        there = ", ".join(sorted(contexts)) or "none"
        raise ValueError(
            f"the kubeconfig has no context {context!r}; expected one of: {there}. If the cluster is away or "
            "gone: docs/offline.md"
        )
    cluster = str((as_map(contexts[context].get("context")) or {}).get("cluster", ""))
    settings = as_map(by_name(parse(text), "clusters").get(cluster, {}).get("cluster")) or {}
    server = settings.get("server")
    if not isinstance(server, str) or not server:
        raise ValueError(
            f"context {context!r} has the cluster {cluster!r}, which has no server in the kubeconfig; "
            "expected one, for example https://203.0.113.10:6443"
        )
    return Endpoint(
        server=server,
        tls_server_name=_text(settings, "tls-server-name"),
        authority=_authority(settings),
        authority_file=_text(settings, "certificate-authority"),
        insecure=bool(settings.get("insecure-skip-tls-verify")),
        proxy_url=_text(settings, "proxy-url"),
    )


def relative_paths(text: str, context: str) -> tuple[str, ...]:
    """What `context` takes from files by a relative path, such as `client-key: client.pem`.

    kubectl takes them relative to the kubeconfig, Pulumi's provider relative to the project's folder, and
    Helm in it relative to a temporary folder.

    Raises:
        ValueError: as for `endpoint`.
    """
    document = narrowed(text, context)
    cluster = next((as_map(entry.get("cluster")) or {} for entry in entries(document, "clusters")), None)
    user = next((as_map(entry.get("user")) or {} for entry in entries(document, "users")), None)
    command = str((as_map((user or {}).get("exec")) or {}).get("command") or "")
    found = {f"exec.command: {command}": command} if "/" in command else {}
    for settings, keys in (
        (cluster, ("certificate-authority",)),
        (user, ("client-certificate", "client-key", "tokenFile")),
    ):
        for key in keys:
            # Data that is there, too, wins over the file.
            if (path := _text(settings or {}, key)) and not (settings or {}).get(f"{key}-data"):
                found[f"{key}: {path}"] = path
    return tuple(shown for shown, path in found.items() if not path.startswith("/"))


def _text(settings: Mapping[str, Any], key: str) -> str | None:
    value = settings.get(key)
    return str(value) if value else None


def _authority(settings: Mapping[str, Any]) -> str | None:
    data = "".join(str(settings.get("certificate-authority-data") or "").split())
    try:
        return base64.b64decode(data, validate=True).decode() or None
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("its certificate-authority-data is not base64 of a PEM text") from error


def narrowed(text: str, context: str) -> dict[str, Any]:
    """The kubeconfig with `context` alone, its cluster and its user.

    Raises:
        ValueError: as for `endpoint`.
    """
    _ = endpoint(text, context)
    document = parse(text)
    chosen = as_map(by_name(document, "contexts")[context].get("context")) or {}
    names = {"contexts": context, "clusters": chosen.get("cluster"), "users": chosen.get("user")}
    kept = {key: by_name(document, key).get(str(name)) for key, name in names.items()}
    return {**document, **{key: [dict(entry)] if entry else [] for key, entry in kept.items()}}


def minified(text: str, context: str) -> str:
    """The kubeconfig with only `context`, as kubectl's `--minify` writes it.

    Raises:
        ValueError: as for `endpoint`.
    """
    return yaml.safe_dump({**narrowed(text, context), "current-context": context}, sort_keys=False)


def current_context(text: str) -> str | None:
    """The name of the current context; None if there is none."""
    try:
        return _text(parse(text), "current-context")
    except ValueError:
        return None


def default_files(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The kubeconfigs that kubectl uses where none is named: those in `KUBECONFIG`, else the user's own."""
    named = [path for path in environment.get("KUBECONFIG", "").split(os.pathsep) if path]
    return tuple(dict.fromkeys(named)) or (DEFAULT_FILE,)


def choose_file(texts: Mapping[str, str], context: str) -> str:
    """The file with `context`, among those of `KUBECONFIG`.

    kubectl merges the files: the first one that has a context, cluster or user of a name wins
    (https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/). Pulumi's provider
    is given one file, so context, cluster and user must come from one.

    Args:
        texts: the kubeconfigs by path, in the order of `KUBECONFIG`.
        context: a context's name.

    Raises:
        ValueError: no file has the context, kubectl would put it together from several, or one is not a
            kubeconfig. The message repeats names and paths only.
    """
    if not texts:
        raise ValueError("none of the files in KUBECONFIG exists; expected a kubeconfig's path")
    first: dict[str, dict[str, str]] = {"contexts": {}, "clusters": {}, "users": {}}
    for path, text in texts.items():
        for key, files in first.items():
            for name in by_name(_parse_file(path, text), key):
                files.setdefault(name, path)
    if context not in first["contexts"]:
        there = ", ".join(sorted(first["contexts"])) or "none"
        raise ValueError(f"no file in KUBECONFIG has the context {context!r}; expected one of: {there}")
    chosen = first["contexts"][context]
    settings = as_map(by_name(parse(texts[chosen]), "contexts")[context].get("context")) or {}
    for key, kind in (("clusters", "cluster"), ("users", "user")):
        other = first[key].get(str(settings.get(kind)), chosen)
        if other != chosen:
            raise ValueError(
                f"kubectl merges the files in KUBECONFIG: context {context!r} is in {chosen}, and its {kind} "
                f"{settings.get(kind)!r} in {other}; expected both in one file: set kubeconfig to one that "
                "has both, for example written with `kubectl config view --flatten`"
            )
    return chosen


def _parse_file(path: str, text: str) -> Mapping[str, Any]:
    if not text.strip():
        return {}  # for kubectl, an empty file is an empty kubeconfig
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{path} in KUBECONFIG: {error}") from error


@cache  # a hundred clusters in one file would be parsed a hundred times, each time all of them
def parse(text: str) -> Mapping[str, Any]:
    """The kubeconfig as a map.

    Raises:
        ValueError: the text is not YAML, or not a map. The message repeats nothing of it.
    """
    try:
        loaded: object = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError("the kubeconfig is not valid YAML") from error
    if (document := as_map(loaded)) is None:
        raise ValueError("expected a kubeconfig: a map with the keys clusters, contexts and users")
    return document


def entries(document: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    """The entries of `contexts`, `clusters` or `users`, each with its name.

    Raises:
        ValueError: the key does not have a list.
    """
    listed: object = document.get(key) or []
    if not isinstance(listed, list):
        raise ValueError(f"expected a kubeconfig with a list of {key}")
    return [entry for item in cast(list[object], listed) if (entry := as_map(item)) is not None]


def by_name(document: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    """The entries of `contexts`, `clusters` or `users` by name.

    Raises:
        ValueError: as for `entries`.
    """
    return {str(entry.get("name")): entry for entry in entries(document, key)}
