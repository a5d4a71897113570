"""The Helm repository with Istio's charts, as a process of the sandbox on this machine's own address."""

import os
import socket
import sys
import urllib.request
from pathlib import Path

from sandbox.cluster import cgroups, processes
from sandbox.cluster.files import lock, write_private
from sandbox.cluster.layout import Sandbox
from sandbox.paths import CHECKOUT

_ADDRESS = "127.0.0.1"
_NAME = "charts"
_READY_SECONDS = 20


def ensure(sandbox: Sandbox, charts: Path) -> str:
    """Serve the charts in a folder, if that is not done already; return the repository's URL.

    Raises:
        SandboxError: it does not answer; with the last words of the server.
    """
    place = _place(sandbox)
    # If two starts ran at once, one would remember another port than the server's.
    with lock(sandbox.state / "locks" / _NAME):
        cgroups.create(place.cgroup)
        if processes.running(_NAME, place) is None:
            _remember_port(sandbox, _free_port(_port(sandbox)))
        repository = url(sandbox)
        argv = [sys.executable, "-m", "sandbox.charts", f"--directory={charts}"]
        argv += [f"--address={_ADDRESS}", f"--port={_port(sandbox)}"]
        environment = {"PATH": os.defpath, "PYTHONPATH": str(CHECKOUT)}
        processes.ensure(processes.Command(name=_NAME, argv=argv, environment=environment), place)
    complaint = f"charts: {repository} does not answer{processes.last_words(place.logs / f'{_NAME}.log')}"
    processes.wait(lambda: _answers(repository), _READY_SECONDS, complaint)
    return repository


def running(sandbox: Sandbox) -> int | None:
    """Return the server's process ID, or None."""
    return processes.running(_NAME, _place(sandbox))


def url(sandbox: Sandbox) -> str:
    """Return the repository's URL; its port stays the same from start to start where it can."""
    return f"http://{_ADDRESS}:{_port(sandbox)}"


def _place(sandbox: Sandbox) -> processes.Place:
    state = sandbox.state
    # No cluster can be called so: a cluster's name has no underscore.
    return processes.Place(cgroup=f"{sandbox.cgroup}/_sandbox", logs=state / "logs", records=state / "run")


def _port(sandbox: Sandbox) -> int:
    file = _port_file(sandbox)
    return int(file.read_text()) if file.exists() else 0


def _port_file(sandbox: Sandbox) -> Path:
    return sandbox.state / "charts-port"


def _remember_port(sandbox: Sandbox, port: int) -> None:
    write_private(_port_file(sandbox), str(port))


def _free_port(preferred: int) -> int:
    """Return the preferred port if it is free, else one that is."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_ADDRESS, port))
            except OSError:
                continue
            return probe.getsockname()[1]
    raise AssertionError("the kernel gave no port")


def _answers(repository: str) -> bool:
    try:
        with urllib.request.urlopen(f"{repository}/index.yaml", timeout=2) as answer:  # noqa: S310
            return answer.status == 200
    except OSError:
        return False
