"""A kubeconfig that peers are given: what istiod takes of it. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from mesh.kubeconfig.read import endpoint, user
from mesh.mappings import as_map
from mesh.rules.clusters import is_loopback

# `pkg/kube/multicluster/secretcontroller.go` and `pkg/kube/util.go` in istio/istio.
_REFUSED = {
    "exec": "a command, which istiod does not run",
    "tokenFile": "a token's file, which istiod does not have",
    "client-certificate": "a certificate's file, which istiod does not have",
    "client-key": "a key's file, which istiod does not have",
}


def refusals(text: str) -> Iterator[str]:
    """One sentence for each reason why istiod, or a peer, cannot use the kubeconfig; none of its contents."""
    try:
        context = _current_context(text)
        server, credentials = endpoint(text, context).server, user(text, context)
    except ValueError as wrong:
        yield str(wrong)
        return
    if is_loopback(server):
        yield f"its {server} means another machine in each cluster; expected an address that peers can reach"
    yield from _user_refusals(credentials)


def _current_context(text: str) -> str:
    try:
        document = as_map(yaml.safe_load(text)) or {}
    except yaml.YAMLError as broken:
        raise ValueError("the kubeconfig is not valid YAML") from broken
    if not (current := document.get("current-context")):
        raise ValueError("the kubeconfig names no current-context; expected the context that peers use")
    return str(current)


def _user_refusals(credentials: Mapping[str, Any]) -> Iterator[str]:
    for key, what in _REFUSED.items():
        if credentials.get(key):
            yield f"its user has {key}: {what}; expected a token, or client-certificate-data"
    provider = (as_map(credentials.get("auth-provider")) or {}).get("name")
    if provider and provider != "oidc":
        yield f"its user has the auth-provider {provider!r}; istiod takes oidc only; expected a token"
    if not any(
        credentials.get(key) for key in ("token", "client-certificate-data", "auth-provider", *_REFUSED)
    ):
        yield "its user has no credentials; expected a token, or client-certificate-data"
