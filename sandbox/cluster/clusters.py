"""All clusters of the sandbox: start several at once, stop them, and what a user or a test does with one."""

import signal
import subprocess
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.cluster import (
    cgroups,
    chart_server,
    instance,
    kubeconfig,
    lifecycle,
    namespaces,
    network,
    processes,
    supplies,
)
from sandbox.cluster.layout import ClusterLayout, check_name
from sandbox.cluster.system import check_machine
from sandbox.errors import SandboxError
from sandbox.paths import state_dir


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster of the sandbox."""

    name: str
    context: str
    kubeconfig: Path
    server: str
    node_address: str
    load_balancer_addresses: tuple[str, ...]
    layout: ClusterLayout = field(repr=False)

    def processes(self) -> dict[str, int]:
        """Return the process IDs of all parts that run, by name."""
        recorded = processes.recorded(namespaces.place(self.layout))
        return {name: pid for name, pid in recorded.items() if pid is not None}

    def missing_processes(self) -> list[str]:
        """Return the names of the parts that were started and do not run any more."""
        recorded = processes.recorded(namespaces.place(self.layout))
        return [name for name, pid in recorded.items() if pid is None]

    def stop_process(self, name: str) -> None:
        """Kill a part of the cluster; the next start brings it back.

        Raises:
            SandboxError: no such part runs.
        """
        running = self.processes()
        if name not in running:
            raise SandboxError(
                f"cluster {self.name}: no process {name!r} runs; there are {', '.join(running)}"
            )
        processes.end([running[name]])

    def pause(self) -> None:
        """Make the whole cluster, pods included, stand still: to others it hangs, like a dead machine."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused cluster go on."""
        self._signal_all(signal.SIGCONT)

    def run(self, argv: Sequence[str], timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Run a command of this machine in the cluster's network, and return what it said.

        Raises:
            SandboxError: the cluster does not run.
        """
        inside = namespaces.argv_inside(self.layout, argv, network_only=True)
        return subprocess.run(inside, capture_output=True, text=True, timeout=timeout, check=False)

    def _signal_all(self, number: signal.Signals) -> None:
        for pid in cgroups.members(self.layout.cgroup):
            processes.send(pid, number)


def start(names: Iterable[str]) -> dict[str, Cluster]:
    """Start clusters, several at once, or repair them; return them when pods run in all.

    Raises:
        SandboxError: one or more did not come up; each has its line.
    """
    wanted = [check_name(name) for name in dict.fromkeys(names)]
    check_machine()
    supply = supplies.ensure()
    sandbox = instance.claim()
    layouts = [instance.allot(sandbox, name) for name in wanted]
    chart_server.ensure(sandbox, supply.charts)
    with ThreadPoolExecutor(max_workers=4) as pool:
        started = [pool.submit(lifecycle.start, layout, supply) for layout in layouts]
    problems = [error for future in started if (error := future.exception())]
    _write_merged_kubeconfig()
    for problem in problems:
        if not isinstance(problem, SandboxError):
            raise problem
    if problems:
        raise SandboxError("\n".join(str(problem) for problem in problems))
    return {layout.name: _cluster(layout) for layout in layouts}


def stop(names: Iterable[str] | None = None) -> list[str]:
    """Stop clusters and remove what they left; without names all, and the sandbox's network with them.

    Returns the names of the clusters that were removed.

    Raises:
        SandboxError: there is no cluster of that name.
    """
    check_machine()
    layouts = instance.layouts()
    wanted = list(layouts) if names is None else [check_name(name) for name in names]
    if unknown := [name for name in wanted if name not in layouts]:
        there = ", ".join(layouts) or "none"
        raise SandboxError(f"no cluster {', '.join(unknown)} in this sandbox; there are: {there}")
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda name: lifecycle.stop(layouts[name]), wanted))
    for name in wanted:
        instance.forget(name)
    _write_merged_kubeconfig()
    if not instance.layouts():
        _stop_sandbox()
    return wanted


def _stop_sandbox() -> None:
    """Take back what the clusters shared; also of a sandbox that has lost its memory."""
    sandbox = instance.current()
    if sandbox is None:
        return
    processes.end_all(sandbox.cgroup)
    chart_server.stop(sandbox)
    network.remove_bridge(sandbox)
    cgroups.remove(sandbox.cgroup)


def find() -> dict[str, Cluster]:
    """Return the sandbox's clusters by name, in whatever state they are."""
    return {name: _cluster(layout) for name, layout in instance.layouts().items()}


def named(name: str) -> Cluster:
    """Return the cluster of that name.

    Raises:
        SandboxError: there is none in this sandbox.
    """
    found = find()
    if name not in found:
        there = ", ".join(found) or "none"
        raise SandboxError(f"no cluster {name!r} in this sandbox; there are: {there}")
    return found[name]


def chart_repository() -> str:
    """Return the URL of the Helm repository that the sandbox serves.

    Raises:
        SandboxError: it is not served now.
    """
    sandbox = instance.current()
    if sandbox is None or chart_server.running(sandbox) is None:
        raise SandboxError("charts are not served; start a cluster: python -m sandbox start east west")
    return chart_server.url(sandbox)


def merged_kubeconfig() -> Path:
    """Return the path of the kubeconfig with a context for each cluster."""
    return state_dir() / "kubeconfig"


def _write_merged_kubeconfig() -> None:
    with instance.locked():
        kubeconfig.write_merged(merged_kubeconfig(), list(instance.layouts().values()))


def _cluster(layout: ClusterLayout) -> Cluster:
    return Cluster(
        name=layout.name,
        context=layout.name,
        kubeconfig=merged_kubeconfig(),
        server=layout.server,
        node_address=layout.node_address,
        load_balancer_addresses=layout.load_balancer_addresses,
        layout=layout,
    )
