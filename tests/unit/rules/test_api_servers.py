"""The addresses for peers: those of the kubeconfig, of the stack file, and of a kubeconfig for peers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mesh.config.problems import ConfigurationError
from mesh.config.resolved import StackConfig
from mesh.load import load
from mesh.rules.api_servers import problems
from tests.builders.kubeconfigs import kubeconfig

_SERVER = "https://east.example.com:6443"


def _stack(server: str = _SERVER, *, cluster: dict[str, Any] | None = None, **entry: Any) -> StackConfig:
    text = kubeconfig({"east": server}, cluster=cluster)
    return load(
        {"mesh": {"id": "dev"}, "clusters": {"east": {"context": "east", **entry}}},
        read=lambda _: text,
        secret={"clusters"},
    ).valid()


def _refused(*arguments: Any, **settings: Any) -> str:
    with pytest.raises(ConfigurationError) as refused:
        _stack(*arguments, **settings)
    [problem] = refused.value.problems
    return str(problem)


def test_what_leads_to_the_cluster_is_accepted() -> None:
    """By the kubeconfig's address, or by another one."""
    assert list(problems(_stack(), datetime.now(UTC))) == []
    other = _stack("https://127.0.0.1:16443", apiServer={"server": _SERVER})
    assert list(problems(other, datetime.now(UTC))) == []


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (
            "https://kubernetes.docker.internal:6443",
            "the kubeconfig's https://kubernetes.docker.internal:6443 leads",
        ),
        ("https://127.1:6443", "the kubeconfig's https://127.1:6443 leads each peer to itself"),
        ("https://kubernetes.default.svc", "is each peer's own API server"),
        ("https://east.vclusters.svc:443", "is a Service inside one cluster"),
        ("http://203.0.113.10:8080", "does not begin with https://"),
        ("203.0.113.10:6443", "does not begin with https://"),
        ("https://user:secret-word@203.0.113.10:6443", "has credentials in its URL"),
    ],
)
def test_the_kubeconfigs_address_is_checked_for_peers(server: str, said: str) -> None:
    """Where the stack file has no other; what leads to a cluster from here may lead to none from there."""
    refusal = _refused(server)
    assert refusal.startswith("clusters.east.apiServer.server: ")
    assert said in refusal
    assert "secret-word" not in refusal
    assert list(_stack(server, apiServer={"server": _SERVER}).clusters) == ["east"]


def test_a_service_is_accepted_where_the_stack_file_has_it() -> None:
    """Each peer may have one of this name, the entrance of a relay."""
    server = "https://east.relays.svc:6443"
    assert _stack(apiServer={"server": server}).clusters["east"].api_server.server == server
    assert "is each peer's own API server" in _refused(apiServer={"server": "https://kubernetes.default.svc"})


@pytest.mark.parametrize(
    "proxy", ["http://proxy.example.com:3128", "socks5://localhost:1080", "http://u:secret-word@proxy:3128"]
)
def test_a_proxy_in_the_kubeconfig_wants_a_word_on_peers(proxy: str) -> None:
    """They may need it, too, or reach the server without one; nobody can know."""
    refusal = _refused(cluster={"proxy-url": proxy})
    assert refusal.startswith("clusters.east.apiServer.proxyUrl: the kubeconfig has the proxy-url ")
    assert "secret-word" not in refusal
    for entry in ({"server": _SERVER}, {"proxyUrl": "http://proxy.example.com:3128"}):
        given = _stack(cluster={"proxy-url": proxy}, apiServer=entry).clusters["east"].api_server
        assert (given.server, given.proxy_url) == (_SERVER, entry.get("proxyUrl"))


def test_a_kubeconfig_for_peers_is_what_counts_where_there_is_one() -> None:
    """Its own address is checked in the place of the other."""
    good, bad = (kubeconfig({"p": server}, current="p") for server in (_SERVER, "https://127.1"))
    entry = {"tokenGenerations": [1]}
    assert _stack(
        "https://127.0.0.1:6443", cluster={"proxy-url": "http://p:1"}, reader={**entry, "kubeconfig": good}
    )
    assert "reader.kubeconfig: its server https://127.1 leads each peer to itself" in _refused(
        reader={**entry, "kubeconfig": bad}
    )
