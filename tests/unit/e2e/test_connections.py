"""What the long connections of the end-to-end tests make of what their clients say."""

import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sandbox.images import on_demand
from tests.e2e.connections import KINDS, Connections, Watch, manifests, parsed
from tests.e2e.kube import Kube

_LOG = """\
{"at":"2026-06-01T12:00:00.123456789Z","connection":"tcp","event":"opened","by":"west","answers":0,"slowest":0}
{"at":"2026-06-01T12:00:01Z","connection":"tcp","event":"alive","by":"west","answers":9,"slowest":0.25}
{"at":"2026-06-01T12:00:02Z","connection":"tcp","event":"broken","by":"west","reason":"EOF","answers":1,"slowest":0}
{"at":"2026-06-01T12:00:03Z","connection":"tcp","event":"opened","by":"west","answers":0,"slowest":0}
"""


def test_a_broken_connection_has_its_time_and_its_reason() -> None:
    """Although it was opened anew."""
    watch = Watch(begin=datetime(2026, 6, 1, tzinfo=UTC), events=parsed("east", "west", _LOG))
    [broken] = watch.broken
    assert str(broken) == "12:00:02.000000 east→west tcp broken: EOF"
    assert str(broken) in str(watch)
    assert str(watch).startswith("1 connections, broken 1 times, slowest answer 0.2 s")


def test_what_is_no_event_is_left_out() -> None:
    """As what a program says that crashes."""
    assert parsed("east", "west", "panic: no\n") == []


def test_a_client_calls_the_server_of_each_other_cluster_and_no_server_runs_twice() -> None:
    """Services of all clusters are everywhere; the pods behind each are in its cluster alone."""
    names = ("east", "west", "south")
    for name in names:
        found = manifests(name, names)
        services = [m["metadata"]["name"] for m in found if m["kind"] == "Service"]
        assert services == [f"server-{other}" for other in names]
        pods = [m["spec"]["template"] for m in found if m["kind"] == "Deployment"]
        said = [pod["spec"]["containers"][0]["args"] for pod in pods]
        assert said == [["serve", name], *(["call", f"server-{other}"] for other in names if other != name)]


def test_ports_have_names_by_which_proxies_know_each_kind() -> None:
    """One for each kind of connection, where the server answers it."""
    [service] = [m for m in manifests("east", ("east",)) if m["kind"] == "Service"]
    ports = {port["name"]: str(port["port"]) for port in service["spec"]["ports"]}
    assert {name.split("-")[0] for name in ports} == {"tcp", "http2", "http"}
    source = Path(on_demand.__file__).with_name("connections").joinpath("main.go").read_text()
    assert dict(zip(KINDS, ports.values(), strict=True)) == dict(re.findall(r'"(\w+)": "(\d+)"', source))


class _Clients:
    """What the clients of two clusters have said, in place of the clusters: all opened a minute ago."""

    def __init__(self) -> None:
        self._said = {(caller, kind): "" for caller in ("east", "west") for kind in KINDS}
        for caller, kind in self._said:
            self.say("opened", caller, kind, seconds=-60)
        kubes = {name: _Cluster(name, self) for name in ("east", "west")}
        self.connections = Connections(kubes)

    def say(self, event: str, caller: str, kind: str, *, seconds: float = 0) -> None:
        """`seconds` are from now."""
        at = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        said = {"at": at, "connection": kind, "event": event, "reason": "EOF", "slowest": 0}
        self._said[caller, kind] += json.dumps(said) + "\n"

    def all_live(self, *, but: Iterable[str] = ()) -> None:
        for caller, kind in self._said:
            if f"{caller} {kind}" not in but:
                self.say("alive", caller, kind)

    def restart(self, caller: str) -> None:
        """With what it has said before."""
        for kind in KINDS:
            self._said[caller, kind] = ""
            self.say("opened", caller, kind)

    def log(self, caller: str) -> str:
        return "".join(said for (name, _), said in self._said.items() if name == caller)


class _Cluster(Kube):
    def __init__(self, name: str, clients: _Clients) -> None:
        super().__init__(context=name, kubeconfig=Path("none"), environment={})
        object.__setattr__(self, "clients", clients)

    clients: _Clients

    def kubectl(self, *arguments: str) -> str:
        assert arguments[0] == "logs"
        return self.clients.log(self.context)


def test_a_watch_has_what_broke_in_its_time_alone() -> None:
    """Although all are open again at its end."""
    clients = _Clients()
    clients.say("broken", "east", "tcp", seconds=-30)
    clients.all_live()
    with clients.connections.watched() as watch:
        clients.say("broken", "west", "http2")
        clients.all_live()
    assert [event.connection for event in watch.broken] == ["west→east http2"]


def test_a_watch_in_which_a_connection_says_nothing_is_an_error() -> None:
    """It would have nothing to break."""
    clients = _Clients()
    with (
        pytest.raises(AssertionError, match=r"nothing was heard of west→east tcp$"),
        clients.connections.watched(),
    ):
        clients.all_live(but=["west tcp"])


def test_a_watch_in_which_a_client_starts_anew_is_an_error() -> None:
    """Nobody knows what has become of its connections."""
    clients = _Clients()

    def restarted() -> None:
        with clients.connections.watched():
            clients.restart("east")
            clients.all_live()

    with pytest.raises(AssertionError, match="a client was restarted"):
        restarted()
