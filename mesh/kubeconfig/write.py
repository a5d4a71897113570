"""The kubeconfigs that the program writes: that in a remote secret, and one that leads nowhere."""

import base64

import yaml

from mesh.config.resolved import ApiServer

NOWHERE = "{apiVersion: v1, kind: Config}"
"""Whoever is given it has no API server to ask."""


def remote_kubeconfig(
    cluster: str, api_server: ApiServer, *, token: str, certificate_authority: str | None
) -> str:
    """A kubeconfig by which a control plane reads `cluster`.

    It has only what istiod accepts (`pkg/kube/multicluster/secretcontroller.go` in istio/istio): a server,
    inline CA data and a token; no files, no commands.

    Args:
        cluster: the remote's name, which is istiod's cluster ID there.
        api_server: where peers reach it.
        token: the reader's bearer token.
        certificate_authority: PEM of the CA of that server's certificate. Without one, client-go trusts the
            roots in istiod's image (`TLSConfigFor` in `transport/transport.go` in kubernetes/client-go).
    """
    server: dict[str, str] = {"server": api_server.server}
    if certificate_authority is not None:
        server["certificate-authority-data"] = base64.b64encode(certificate_authority.encode()).decode()
    if api_server.tls_server_name:
        server["tls-server-name"] = api_server.tls_server_name
    if api_server.proxy_url:
        server["proxy-url"] = api_server.proxy_url
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": cluster, "cluster": server}],
            "users": [{"name": cluster, "user": {"token": token}}],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
            "current-context": cluster,
        },
        sort_keys=False,
    )
