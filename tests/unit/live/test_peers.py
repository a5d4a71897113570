"""What peers would find at an API server, with real servers in its place."""

import base64
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import certifi
import pytest

from mesh.config.resolved import ApiServer, Connection, PeersKubeconfig, StackConfig, StackOutput
from mesh.config.types import PUBLIC
from mesh.live.facts import AccessFault, PeerAccess, Way
from mesh.live.peers import read_peer_access
from tests.builders.certificates import Authority, authority
from tests.builders.kubeconfigs import kubeconfig
from tests.builders.servers import Proxy, Server, running, server_certificate
from tests.builders.stacks import stack_config

_OWN, _FRONT, _WORLD = authority("own"), authority("front"), authority("world")
_FORBIDDEN = (403, b'{"message": "forbidden: User \\"system:anonymous\\" cannot get path"}')


@pytest.fixture(autouse=True)
def public_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One root that everybody knows."""
    (tmp_path / "world.pem").write_text(_WORLD.pem)
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "world.pem"))


@pytest.fixture
def front(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """What answers at the address for peers; its certificate is by the CA that the test names."""
    signed, names = getattr(request, "param", (_FRONT, ("127.0.0.1",)))
    with running(Server(server_certificate(tmp_path / "front.pem", signed, names=names))) as answering:
        answering.answers["/version"] = _FORBIDDEN
        yield answering


def _stack(front: Server, *, connection: Connection | None = None, **changes: Any) -> StackConfig:
    config = stack_config({"east": {}})
    east = replace(
        config.clusters["east"],
        connection=connection or config.clusters["east"].connection,
        api_server=replace(ApiServer(server=front.url, certificate_authority=_FRONT.pem), **changes),
    )
    return replace(config, clusters={"east": east})


def _found(config: StackConfig) -> PeerAccess:
    return read_peer_access(config, config.clusters)[Way(cluster="east")]


@pytest.mark.parametrize(
    "answer", [(200, b"{}"), (401, b"<html>"), (403, b"<html>"), (401, b"{}"), _FORBIDDEN]
)
def test_who_asks_for_credentials_may_be_the_api_server(front: Server, answer: tuple[int, bytes]) -> None:
    """Peers will have some; none are sent from here."""
    front.answers["/version"] = answer
    assert _found(_stack(front)) == PeerAccess()
    assert "authorization" not in {key.lower() for key in front.asked[0]}


@pytest.mark.parametrize("answer", [(200, b"<html>"), (302, b""), (404, b"<html>"), (200, b"[]")])
def test_a_login_page_is_refused(front: Server, answer: tuple[int, bytes]) -> None:
    """Whatever certificate it has."""
    front.answers["/version"] = answer
    found = _found(_stack(front))
    assert "expected an API server, and not a login page" in str(found.refused)
    assert (found.fault, found.unreachable) == (None, None)


@pytest.mark.parametrize("front", [(_FRONT, ("127.0.0.1",)), (_WORLD, ("127.0.0.1",))], indirect=True)
def test_a_front_with_another_ca_is_found(front: Server, request: pytest.FixtureRequest) -> None:
    """And whether everybody would know its certificate."""
    found = _found(_stack(front, certificate_authority=_OWN.pem))
    public = request.node.callspec.params["front"][0] is _WORLD
    assert (found.fault, found.public) == (AccessFault.AUTHORITY, public)
    assert _found(_stack(front, certificate_authority=PUBLIC)).refused == (None if public else found.refused)


@pytest.mark.parametrize("front", [(_FRONT, ("kubernetes", "10.0.0.1"))], indirect=True)
def test_a_certificate_for_other_names_has_them_named(front: Server) -> None:
    """So that one of them can be expected."""
    found = _found(_stack(front))
    assert (found.fault, found.names) == (AccessFault.NAMES, ("kubernetes", "10.0.0.1"))
    assert _found(_stack(front, tls_server_name="kubernetes")) == PeerAccess()
    with running(Proxy()) as proxy:
        through = _found(_stack(front, proxy_url=proxy.url))
    assert (through.fault, through.names) == (AccessFault.NAMES, ())


def test_the_clusters_own_ca_is_what_counts_where_nothing_else_is_said(front: Server, server: Server) -> None:
    """It is read as the cluster's pods get it; where it cannot be read, nothing is tried."""
    connection = Connection(context="east", path="unused", contents=kubeconfig({"east": server.url}))
    path = "/api/v1/namespaces/kube-system/configmaps/kube-root-ca.crt"
    config = _stack(front, connection=connection, certificate_authority=None)
    for pem, fault in ((_FRONT.pem, None), (_OWN.pem, AccessFault.AUTHORITY)):
        server.answers[path] = (200, json.dumps({"data": {"ca.crt": pem}}).encode())
        assert _found(config).fault is fault
    server.answers[path] = (404, b"{}")
    assert _found(config) == PeerAccess(unreachable="the CA of the cluster cannot be read")


def _relay(folder: Path, clients: Authority, own: Authority = _FRONT) -> Server:
    certificate = server_certificate(folder / "relay.pem", own)
    (folder / "clients.pem").write_text(clients.pem)
    relay = Server(certificate, clients=folder / "clients.pem")
    relay.answers["/version"] = (401, b"{}")
    return relay


def test_a_client_certificate_is_shown_to_what_wants_one(tmp_path: Path) -> None:
    """What does not take it, or gets none, is named as that."""
    users = authority("users of the relay")
    peer = authority("peer", issuer=users, ca=False)
    stranger = authority("stranger", issuer=authority("another CA"), ca=False)
    with running(_relay(tmp_path, users)) as relay:
        shown = _stack(relay, client_certificate=peer.pem, client_key=peer.key_pem)
        assert _found(shown) == PeerAccess()
        assert relay.shown == [((("commonName", "peer"),),)]
        for config in (
            _stack(relay),
            _stack(relay, client_certificate=stranger.pem, client_key=stranger.key_pem),
        ):
            found = _found(config)
            assert found.fault is AccessFault.CLIENT, found
            assert "does not take the client certificate, or wants one" in str(found.refused)
            assert "PRIVATE KEY" not in str(found)


def test_no_client_key_is_written_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Kubernetes client would write one, for as long as the program runs."""
    users = authority("users of the relay")
    peer = authority("peer", issuer=users, ca=False)
    (folder := tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    own = authority("a CA whose file no other test has")
    with running(_relay(tmp_path, users, own)) as relay:
        config = _stack(
            relay, certificate_authority=own.pem, client_certificate=peer.pem, client_key=peer.key_pem
        )
        assert _found(config) == PeerAccess()
    written = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert written, "the CA's file is expected: this test looks in the wrong folder"
    assert not any("PRIVATE KEY" in text for text in written)


def test_ways_of_single_readers_are_tried_too(front: Server) -> None:
    """And what is for all only where one cluster at least uses it."""
    config = stack_config({"east": {}, "west": {}, "north": {}})
    good = ApiServer(server=front.url, certificate_authority=_FRONT.pem)
    bad = replace(good, certificate_authority=_OWN.pem)
    west = replace(config.clusters["west"], api_server=good, api_servers_from={"east": bad})
    found = read_peer_access(replace(config, clusters={**config.clusters, "west": west}), ["west"])
    assert {way.reader: access.fault for way, access in found.items()} == {
        None: None,
        "east": AccessFault.AUTHORITY,
    }
    west = replace(west, api_servers_from={"east": good, "north": good})
    found = read_peer_access(replace(config, clusters={**config.clusters, "west": west}), ["west"])
    assert [way.reader for way in found] == ["east", "north"]


def test_a_proxy_that_refuses_is_named_as_that(front: Server) -> None:
    """It is its rules that have to change, or the proxy."""
    with running(Proxy(refuses=403)) as proxy:
        found = _found(_stack(front, proxy_url=proxy.url))
    assert (found.fault, "refuses to connect" in str(found.refused)) == (AccessFault.PROXY, True)


def test_a_kubeconfig_that_is_elsewhere_is_not_tried() -> None:
    """An output of another stack, or a Secret of the reading clusters."""
    config = stack_config({"east": {}})
    given = PeersKubeconfig(output=StackOutput(stack="o/p/s", output="kubeconfig"))
    east = replace(config.clusters["east"], kubeconfig=given)
    assert "not known here" in str(_found(replace(config, clusters={"east": east})).unreachable)


def test_an_address_that_only_peers_reach_is_not_refused(front: Server) -> None:
    """There may be no way from this machine."""
    for setting, url in (("server", "https://127.0.0.1:1"), ("proxy_url", "http://127.0.0.1:1")):
        changes: dict[str, Any] = {setting: url}
        found = _found(_stack(front, **changes))
        assert found.refused is None
        assert "no answer from" in str(found.unreachable)


def test_a_kubeconfig_for_peers_is_tried_with_its_token(front: Server) -> None:
    """It is there before anything is registered."""
    authority_data = {"certificate-authority-data": base64.b64encode(_FRONT.pem.encode()).decode()}
    for url, cluster, status, refused in (
        (front.url, authority_data, 201, None),
        (front.url, authority_data, 401, "refuses its credentials"),
        (front.url, {}, 201, "is not signed by the CA"),
    ):
        review = b'{"status": {"allowed": true}}'
        front.answers["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] = (status, review)
        text = kubeconfig({"peer": url}, current="peer", cluster=cluster)
        config = stack_config({"east": {}})
        east = replace(config.clusters["east"], kubeconfig=PeersKubeconfig(text=text))
        found = _found(replace(config, clusters={"east": east}))
        assert (refused or "None") in str(found.refused)
    assert any("Bearer" in value for asked in front.asked for value in asked.values())
