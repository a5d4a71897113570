"""When credentials end by which clusters read each other. Pure.

These are warnings, which stop nothing: nobody renews these credentials but a person.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from mesh.config.problems import Problem
from mesh.config.resolved import ClusterConfig, StackConfig
from mesh.kubeconfig.credentials import client_certificate as certificate_in
from mesh.kubeconfig.credentials import has_token, token_end
from mesh.pki.client_certificate import client_certificate

SOON = timedelta(days=30)
_FORMAT = "%Y-%m-%d %H:%M UTC"


def warnings(config: StackConfig, now: datetime) -> Iterator[Problem]:
    """A warning for each credential that is a person's, or that ends within a month, or has a token's end."""
    for cluster in config.online.values():
        if cluster.kubeconfig is not None:
            yield from _kubeconfig(cluster, cluster.kubeconfig.text or "", now)
            continue
        for reader in (None, *cluster.api_servers_from):
            server = cluster.api_server if reader is None else cluster.api_servers_from[reader]
            shown = client_certificate(server.client_certificate or "")
            if shown is not None and now < shown.expires <= now + SOON:
                yield Problem(
                    path=f"{cluster.access_setting(reader)}.clientCertificate",
                    message=f"{shown.subject!r} ends at {shown.expires:{_FORMAT}}, and from then on no peer "
                    f"gets in; set a new one, with its key, before",
                )


def _kubeconfig(cluster: ClusterConfig, text: str, now: datetime) -> Iterator[Problem]:
    path = cluster.access_setting(None)
    shown = client_certificate(certificate_in(text), alone=not has_token(text))
    if shown is not None and shown.expires > now and (shown.alone or shown.expires <= now + SOON):
        who = (
            f"peers read {cluster.name} as {shown.subject!r} by a client certificate, as a person does: they "
            "have that one's rights, and nobody can withdraw it; the token of a service account is better. It"
            if shown.alone
            else f"its client certificate {shown.subject!r}"
        )
        yield Problem(
            path=path,
            message=f"{who} ends at {shown.expires:{_FORMAT}}, and from then on no peer gets in; set a new "
            "kubeconfig before",
        )
    end = token_end(text)
    if end is not None and end > now:
        yield Problem(
            path=path,
            message=f"its token ends at {end:{_FORMAT}}, and from then on no peer gets in; set a new one "
            "before",
        )
