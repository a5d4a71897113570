"""What the long connections of the end-to-end tests make of what their clients say."""

from datetime import UTC, datetime

from tests.e2e.connections import KINDS, Watch, manifests, parsed

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
        found = manifests(name, names, {"istio-injection": "enabled"})
        services = [m["metadata"]["name"] for m in found if m["kind"] == "Service"]
        assert services == [f"server-{other}" for other in names]
        pods = [m["spec"]["template"] for m in found if m["kind"] == "Deployment"]
        said = [pod["spec"]["containers"][0]["args"] for pod in pods]
        assert said == [["serve", name], *(["call", f"server-{other}"] for other in names if other != name)]


def test_ports_have_names_by_which_proxies_know_each_kind() -> None:
    """One for each kind of connection."""
    [service] = [m for m in manifests("east", ("east",), {}) if m["kind"] == "Service"]
    protocols = {port["name"].split("-")[0] for port in service["spec"]["ports"]}
    assert protocols == {"tcp", "http2", "http"}
    assert len(KINDS) == 3
