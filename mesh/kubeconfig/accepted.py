"""The one rule for which kubeconfigs istiod accepts in a remote secret. Pure.

It holds for a kubeconfig that a user gives for peers, and for one that is in a remote secret already and that
whoever may write Secrets there has written: what is accepted runs no command and reads no file.

istiod's own rule is `NewUntrustedRestConfig` in `pkg/kube/util.go` in istio/istio: it loads the kubeconfig,
checks all of it with client-go (`tools/clientcmd/validation.go`), and refuses users whose credentials are
files or commands (`sanitizeKubeConfig`). This rule refuses three more, because nothing could be read with
them: a server without https, to which client-go sends no credentials, a user without credentials, and OIDC
without an ID token.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from mesh.config.types import is_dns_label
from mesh.kubeconfig.read import by_name, entries, parse
from mesh.mappings import as_map

_CREDENTIAL = "expected a token, or client-certificate-data and client-key-data"
_REFUSED_OF_USERS = {
    "exec": "istiod does not run commands",
    "tokenFile": "istiod does not have the file",
    "client-certificate": "istiod does not have the file",
    "client-key": "istiod does not have the file",
}
_CREDENTIALS = ("token", "client-certificate-data", "username", "password", "auth-provider")
_CA_FILE = "istiod does not have the file; expected certificate-authority-data"
_PROXY_SCHEMES = ("http", "https", "socks5")
# What is left after the refusals, and all that is ever used of a kubeconfig in a remote secret. Impersonation
# and extensions are left out: the Kubernetes client of this program has no use for them.
_USED_OF_USERS = ("token", "client-certificate-data", "client-key-data", "username", "password")
_USED_OF_CLUSTERS = (
    "server",
    "certificate-authority-data",
    "insecure-skip-tls-verify",
    "tls-server-name",
    "proxy-url",
)


def refusals(text: str) -> Iterator[str]:
    """One sentence for each reason why istiod cannot use a kubeconfig; nothing of it but names and keys.

    All contexts, clusters and users count, as for istiod, not only those of the current context.
    """
    try:
        document = parse(text)
        contexts, clusters, users = (entries(document, key) for key in ("contexts", "clusters", "users"))
    except ValueError as error:
        yield str(error)
        return
    yield from _duplicates(contexts=contexts, clusters=clusters, users=users)
    current = str(document.get("current-context") or "")
    if not current:
        yield "the kubeconfig has no current-context; expected the context that peers use"
    elif current not in by_name(document, "contexts"):
        there = ", ".join(sorted(by_name(document, "contexts"))) or "none"
        yield f"the kubeconfig has no context {current!r}, its current-context; expected one of: {there}"
    for entry in contexts:
        yield from _context_refusals(entry, document)
    for entry in clusters:
        yield from _cluster_refusals(f"its cluster {entry.get('name')!r}", _inner(entry, "cluster"))
    for entry in users:
        yield from _user_refusals(f"its user {entry.get('name')!r}", _inner(entry, "user"))


def accepted(text: str) -> Mapping[str, Any]:
    """A kubeconfig that can be used without a risk: the current context, and of it what istiod uses.

    Raises:
        ValueError: istiod refuses it; the message has every reason, and repeats nothing but names and keys.
    """
    if reasons := list(refusals(text)):
        raise ValueError("; ".join(reasons))
    document = parse(text)
    context = _inner(by_name(document, "contexts")[str(document["current-context"])], "context")
    cluster = _inner(by_name(document, "clusters")[str(context["cluster"])], "cluster")
    user = _inner(by_name(document, "users")[str(context["user"])], "user")
    server = {key: cluster[key] for key in _USED_OF_CLUSTERS if cluster.get(key)}
    used = {key: user[key] for key in _USED_OF_USERS if user.get(key)}
    if provider := as_map(user.get("auth-provider")):
        # A login with the provider would reach out to wherever the kubeconfig says.
        used["token"] = _inner(provider, "config").get("id-token", "")
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "remote", "cluster": server}],
        "users": [{"name": "remote", "user": used}],
        "contexts": [{"name": "remote", "context": {"cluster": "remote", "user": "remote"}}],
        "current-context": "remote",
    }


def servers(text: str) -> tuple[str, ...]:
    """The URLs of the API servers in a kubeconfig; none where it is not one."""
    try:
        found = [_inner(entry, "cluster").get("server") for entry in entries(parse(text), "clusters")]
    except ValueError:
        return ()
    return tuple(str(server) for server in found if server)


def _duplicates(**listed: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for key, items in listed.items():
        names = [str(item.get("name")) for item in items]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield f"its {key} have {name!r} twice; expected each name once"


def _context_refusals(entry: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    name, context = entry.get("name"), _inner(entry, "context")
    for kind, key in (("cluster", "clusters"), ("user", "users")):
        if not context.get(kind):
            yield f"its context {name!r} has no {kind}; expected the name of one of its {key}"
        elif str(context[kind]) not in by_name(document, key):
            yield f"its context {name!r} has the {kind} {context[kind]!r}, which is not one of its {key}"
    if (namespace := context.get("namespace")) and not is_dns_label(str(namespace)):
        yield f"its context {name!r} has a namespace that is not a DNS label; peers need none"


def _cluster_refusals(what: str, cluster: Mapping[str, Any]) -> Iterator[str]:
    server, proxy = cluster.get("server"), cluster.get("proxy-url")
    if not server:
        yield f"{what} has no server; expected one, for example https://203.0.113.10:6443"
    elif urlsplit(str(server)).scheme != "https":
        yield f"{what} has a server without https://, to which istiod sends no credentials; expected https://"
    if cluster.get("certificate-authority"):
        yield f"{what} has certificate-authority, a file: {_CA_FILE}"
    if cluster.get("insecure-skip-tls-verify") and cluster.get("certificate-authority-data"):
        yield (
            f"{what} has certificate-authority-data and insecure-skip-tls-verify; expected the first alone, "
            "which is what peers verify the server with"
        )
    if proxy and urlsplit(str(proxy)).scheme not in _PROXY_SCHEMES:
        yield f"{what} has a proxy-url that does not begin with {', '.join(_PROXY_SCHEMES)}"
    yield from _data_refusals(what, cluster, "certificate-authority-data")


def _user_refusals(what: str, user: Mapping[str, Any]) -> Iterator[str]:
    for key, why in _REFUSED_OF_USERS.items():
        if user.get(key):
            yield f"{what} has {key}: {why}; {_CREDENTIAL}"
    if provider := as_map(user.get("auth-provider")):
        yield from _provider_refusals(what, provider)
    if user.get("token") and (user.get("username") or user.get("password")):
        yield f"{what} has a token, and username or password; expected one of the two"
    keys = (user.get("client-key-data"), user.get("client-key"))
    if user.get("client-certificate-data") and not any(keys):
        yield f"{what} has client-certificate-data without client-key-data; expected both"
    if (user.get("as-groups") or user.get("as-user-extra") or user.get("as-uid")) and not user.get("as"):
        yield f"{what} impersonates groups, a UID or extras without a user; expected `as` too"
    if not any(user.get(key) for key in (*_CREDENTIALS, *_REFUSED_OF_USERS)):
        yield f"{what} has no credentials; {_CREDENTIAL}"
    yield from _data_refusals(what, user, "client-certificate-data", "client-key-data")


def _provider_refusals(what: str, provider: Mapping[str, Any]) -> Iterator[str]:
    name, config = provider.get("name"), _inner(provider, "config")
    if name != "oidc":
        yield f"{what} has the auth-provider {name!r}; istiod accepts oidc alone; {_CREDENTIAL}"
        return
    # `plugin/pkg/client/auth/oidc/oidc.go` in kubernetes/client-go.
    if missing := [key for key in ("idp-issuer-url", "client-id", "id-token") if not config.get(key)]:
        yield f"{what} has the auth-provider oidc without {', '.join(missing)}; expected all of them"
    if config.get("idp-certificate-authority"):
        yield (
            f"{what} has idp-certificate-authority, a file: istiod does not have the file; expected "
            "idp-certificate-authority-data"
        )


def _data_refusals(what: str, settings: Mapping[str, Any], *keys: str) -> Iterator[str]:
    for key in keys:
        try:
            data = base64.b64decode(str(settings.get(key) or ""), validate=True)
        except (binascii.Error, ValueError):
            yield f"{what} has {key} that is not base64; expected base64 of a PEM text"
            continue
        if data and b"-----BEGIN " not in data:
            yield f"{what} has {key} that is not PEM; expected base64 of a PEM text"


def _inner(entry: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return as_map(entry.get(key)) or {}
