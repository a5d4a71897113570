"""Long connections between the clusters of a mesh, opened before a change, which must outlive it.

    with Connections({"east": kube("east"), "west": kube("west")}).deployed() as connections:
        with connections.watched() as watch:
            ...                                     # whatever must not break them
        assert not watch.broken, watch

In each cluster runs a server, and for each other cluster a client that calls the server there and nowhere
else, over plain TCP, over a stream of HTTP/2 in both directions and over a WebSocket. A client sends a
message ten times a second; a connection that ends, or gives no answer for ten seconds, is broken, and opened
anew. `sandbox/images/connections` is the program. The measure is that of Cilium's upgrade tests
(`cilium connectivity test --include-conn-disrupt-test`).
"""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Self

from sandbox import cluster
from sandbox.images import on_demand
from tests.e2e.faults import feed
from tests.e2e.kube import Kube, eventually

NAMESPACE = "connections"
_PORTS = {"tcp": 9000, "http2": 9001, "http-websocket": 9002}
"""By the names in a Service, of which the first part tells proxies the protocol, the last the kind."""
KINDS = [name.rpartition("-")[2] for name in _PORTS]
_SILENCE = timedelta(seconds=15)
"""A client says something every second, and gives an answer up after ten."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """What a client says of one of its connections: `opened`, `alive`, `broken` or `refused`.

    `slowest` is the longest that an answer took since the event before, in seconds.
    """

    at: datetime
    connection: str
    event: str
    by: str = ""
    reason: str = ""
    slowest: float = 0

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S.%f} {self.connection} {self.event}: {self.reason}"


def parsed(caller: str, called: str, lines: str) -> list[Event]:
    """The events in the log of a client in one cluster that calls another. Pure."""
    events = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    return [
        Event(
            at=datetime.fromisoformat(event["at"]),
            connection=f"{caller}→{called} {event['connection']}",
            event=event["event"],
            by=event.get("by", ""),
            reason=event.get("reason", ""),
            slowest=event["slowest"],
        )
        for event in events
    ]


@dataclass(kw_only=True)
class Watch:
    """What became of all connections in a time that has ended."""

    begin: datetime
    end: datetime | None = None
    events: list[Event] = field(default_factory=list)

    @property
    def broken(self) -> list[Event]:
        """The connections that broke, each time with its reason."""
        return [event for event in self.events if event.event == "broken"]

    @property
    def slowest(self) -> float:
        """The longest that an answer took, in seconds."""
        return max((event.slowest for event in self.events), default=0)

    def __str__(self) -> str:
        names = {event.connection for event in self.events}
        heading = (
            f"{len(names)} connections, broken {len(self.broken)} times, slowest answer {self.slowest:.1f} s"
        )
        return "\n".join([heading, *(f"  {event}" for event in self.events if event.event != "alive")])


class Connections:
    """A connection of each kind from every cluster to every other one."""

    def __init__(self, kubes: Mapping[str, Kube]) -> None:
        """`kubes` are by the names of the clusters, which are those of their sandbox's clusters too."""
        self._kubes = kubes
        self._watches: list[Watch] = []
        self._begin = datetime.now(UTC)

    @contextlib.contextmanager
    def deployed(self) -> Iterator[Self]:
        """Have servers and clients, all of whose connections are open; remove them after the block.

        A connection that breaks when nobody watches is an error.
        """
        cluster.add_images(on_demand.connections(), [kube.context for kube in self._kubes.values()])
        for name, kube in self._kubes.items():
            items = manifests(name, self._kubes)
            feed(kube, "apply", {"apiVersion": "v1", "kind": "List", "items": items})
        self._wait_until_open()
        self._begin = datetime.now(UTC)
        try:
            yield self
            self._assert_none_broke_unwatched()
        finally:
            for kube in self._kubes.values():
                kube.kubectl("delete", "namespace", NAMESPACE, "--wait=false")

    def restart(self) -> None:
        """Make all servers and clients anew, and wait until all connections are open again."""
        self._assert_none_broke_unwatched()
        here = f"--namespace={NAMESPACE}"
        for kube in self._kubes.values():
            before = kube.kubectl("get", "pods", here, "--output=name").split()
            kube.kubectl("rollout", "restart", "deployment", here)
            kube.kubectl("wait", *before, here, "--for=delete", "--timeout=110s")
        self._wait_until_open()
        self._begin = datetime.now(UTC)

    @contextlib.contextmanager
    def watched(self) -> Iterator[Watch]:
        """Watch all connections, which must be open, for the time of the block."""
        self._wait_until_open()
        watch = Watch(begin=datetime.now(UTC))
        try:
            yield watch
        finally:  # what breaks in a block that fails is not the error
            watch.end = datetime.now(UTC)
            self._watches.append(watch)
        events = self.events()
        watch.events = [event for event in events if watch.begin < event.at <= watch.end]
        silent = sorted(self._names() - _heard(events, since=watch.end - _SILENCE))
        assert not silent, f"nothing was heard of {', '.join(silent)}"
        restarted = sorted(self._names() - _heard(events, until=watch.begin))
        assert not restarted, f"a client was restarted: {', '.join(restarted)}"

    def events(self) -> list[Event]:
        """All that the clients have said, in the order of time."""
        found: list[Event] = []
        for caller, called in self._pairs():
            where = (f"--namespace={NAMESPACE}", f"deployment/client-{called}", "--container=client")
            found += parsed(caller, called, self._kubes[caller].kubectl("logs", *where))
        return sorted(found, key=lambda event: event.at)

    def _assert_none_broke_unwatched(self) -> None:
        unwatched = [
            str(event)
            for event in self.events()
            if event.event == "broken"
            and event.at > self._begin
            and not any(watch.begin < event.at <= watch.end for watch in self._watches if watch.end)
        ]
        assert not unwatched, "\n".join(["broken when no test watched:", *unwatched])

    def _wait_until_open(self) -> None:
        seen: list[str] = []

        def all_open() -> bool:
            try:
                latest = {event.connection: event for event in self.events()}
            except AssertionError as error:  # the pods are just coming
                seen[:] = [str(error)]
                return False
            seen[:] = [str(event) for event in latest.values()]
            good = {n for n, e in latest.items() if e.event in ("opened", "alive")}
            return good == self._names()

        eventually(all_open, lambda: "\n".join(seen), seconds=90)

    def _pairs(self) -> list[tuple[str, str]]:
        return [(caller, called) for caller in self._kubes for called in self._kubes if caller != called]

    def _names(self) -> set[str]:
        return {f"{caller}→{called} {kind}" for caller, called in self._pairs() for kind in KINDS}


def _heard(
    events: Iterable[Event], *, since: datetime | None = None, until: datetime | None = None
) -> set[str]:
    return {
        event.connection
        for event in events
        if (since is None or event.at >= since) and (until is None or event.at <= until)
    }


def manifests(name: str, clusters: Iterable[str]) -> list[dict[str, Any]]:
    """The objects in a cluster: its server, clients for the others', and the Services of all."""
    others = [other for other in clusters if other != name]
    namespace = {"name": NAMESPACE, "labels": {"istio-injection": "enabled"}}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": namespace},
        *(_service(server) for server in clusters),
        _deployment(f"server-{name}", "server", ["serve", name]),
        *(_deployment(f"client-{other}", "client", ["call", f"server-{other}"]) for other in others),
    ]


def _service(cluster_name: str) -> dict[str, Any]:
    ports = [{"name": name, "port": port} for name, port in _PORTS.items()]
    spec = {"selector": {"app": f"server-{cluster_name}"}, "ports": ports}
    return _object("v1", "Service", f"server-{cluster_name}", spec)


def _deployment(name: str, container: str, arguments: list[str]) -> dict[str, Any]:
    labels = {"app": name}
    resources = {"requests": {"cpu": "10m", "memory": "16Mi"}}
    pod = {
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": container,
                "image": on_demand.CONNECTIONS,
                "imagePullPolicy": "Never",
                "args": arguments,
                "resources": resources,
            }
        ],
    }
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": pod},
    }
    return _object("apps/v1", "Deployment", name, spec)


def _object(api_version: str, kind: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}
