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
    inline CA data, a token, and inline data of a client certificate; no files, no commands. Token and
    certificate go together: the certificate is for whoever ends TLS, and the API server asks for the token
    if it does not know the certificate's CA.

    Args:
        cluster: the remote's name, which is istiod's cluster ID there.
        api_server: where peers reach it.
        token: the reader's bearer token.
        certificate_authority: PEM of the CA of that server's certificate. Without one, client-go trusts the
            roots in istiod's image (`TLSConfigFor` in `transport/transport.go` in kubernetes/client-go).
    """
    server: dict[str, str] = {"server": api_server.server}
    if certificate_authority is not None:
        server["certificate-authority-data"] = _encoded(certificate_authority)
    if api_server.tls_server_name:
        server["tls-server-name"] = api_server.tls_server_name
    if api_server.proxy_url:
        server["proxy-url"] = api_server.proxy_url
    user = {"token": token}
    if api_server.client_certificate and api_server.client_key:
        user["client-certificate-data"] = _encoded(api_server.client_certificate)
        user["client-key-data"] = _encoded(api_server.client_key)
    return yaml.safe_dump(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": cluster, "cluster": server}],
            "users": [{"name": cluster, "user": user}],
            "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": cluster}}],
            "current-context": cluster,
        },
        sort_keys=False,
    )


def _encoded(pem: str) -> str:
    return base64.b64encode(pem.encode()).decode()
