"""The kubeconfig in a remote secret, which whoever may write Secrets there has written. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import yaml

from mesh.mappings import as_map

# What istiod accepts, but for providers of tokens (pkg/kube/multicluster/secretcontroller.go in istio/istio).
_ACCEPTED = {"token", "client-certificate-data", "client-key-data"}
_ACCEPTED_OF_SERVER = {"server", "certificate-authority-data", "tls-server-name", "proxy-url", "extensions"}


def harmless(text: str) -> Mapping[str, Any]:
    """The kubeconfig, if it runs no command and reads no file when it is used.

    Raises:
        ValueError: it does, or it is no kubeconfig; the message never repeats what is in it but for keys.
    """
    try:
        document = as_map(cast(object, yaml.safe_load(text)))
    except yaml.YAMLError as broken:
        raise ValueError("it is not valid YAML") from broken
    if document is None:
        raise ValueError("it is no kubeconfig")
    for listed, inner, accepted in (
        ("users", "user", _ACCEPTED),
        ("clusters", "cluster", _ACCEPTED_OF_SERVER),
    ):
        entries: object = document.get(listed)
        if not isinstance(entries, list):
            raise ValueError(f"it is no kubeconfig: it has no {listed}")
        for entry in cast(Sequence[object], entries):
            settings = as_map((as_map(entry) or {}).get(inner)) or {}
            if others := sorted(set(settings) - accepted):
                raise ValueError(f"its {listed} have keys that istiod does not accept: {', '.join(others)}")
    return document
