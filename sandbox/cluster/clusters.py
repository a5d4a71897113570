"""All clusters of the sandbox: start several at once, stop them, and what a user or a test does with one."""

import datetime
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from sandbox.cluster import (
    cgroups,
    chart_server,
    image_store,
    kubeconfig,
    lifecycle,
    memory,
    namespaces,
    nat,
    network,
    processes,
    supplies,
)
from sandbox.cluster.files import lock
from sandbox.cluster.layout import ClusterLayout, check_name
from sandbox.cluster.surroundings import Surroundings
from sandbox.cluster.system import check_machine, raise_inotify_limit
from sandbox.errors import SandboxError
from sandbox.paths import state_dir

_AT_ONCE = 4
"""Starts wait for things as much as they compute; more would only slow each other down on two cores."""

_IPV6 = Path("/proc/sys/net/ipv6")


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

    def cut_route(self, other: "Cluster") -> None:
        """Take away the way to the pods of another cluster of the network; the next start puts it back.

        Raises:
            SandboxError: the cluster does not run, or there is no such way.
        """
        network.cut_route(self.layout, other.layout)

    def close_nat(self) -> None:
        """Close the port of the cluster's NAT; the next start opens it."""
        nat.remove(self.layout)

    def issue_for_relay(self, file: Literal["server", "client"], lifetime: datetime.timedelta) -> None:
        """Give the relay, or its users, a certificate that ends so much later, or ended so much earlier.

        The next start renews one that has less than 30 days left.
        """
        lifecycle.issue_for_relay(self.layout, supplies.ensure(), file, lifetime)

    def _signal_all(self, number: signal.Signals) -> None:
        told: set[int] = set()
        while new := cgroups.members(self.layout.cgroup) - told:  # some were born meanwhile
            for pid in new:
                processes.send(pid, number)
            told |= new


def start(
    names: Iterable[str], around: Mapping[str, Surroundings] = MappingProxyType({})
) -> dict[str, Cluster]:
    """Start clusters, several at once, or repair them; return them when pods run in all.

    `around` has what is between a cluster and its peers, by name. Without that, a cluster keeps what it has.

    Raises:
        SandboxError: one or more did not come up; each has its line.
    """
    wanted = {check_name(name): around.get(name) for name in names}
    check_machine()
    if any(one and one.dual_stack for one in wanted.values()) and not _IPV6.exists():
        raise SandboxError("this machine has no IPv6 (the kernel's module ipv6): leave --dual-stack away")
    supply = supplies.ensure()
    raise_inotify_limit()
    with _in_use(shared=True):
        instance = memory.claim()
        layouts = memory.allot(instance, wanted)
        chart_server.ensure(instance, supply.charts)
        try:
            _each(lambda layout: lifecycle.start(layout, supply), layouts)
        finally:
            _write_merged_kubeconfig()
    return {layout.name: _cluster(layout) for layout in layouts}


def stop(names: Iterable[str] | None = None) -> list[str]:
    """Stop clusters and remove what they left; the last one takes the sandbox's network with it.

    Without names, everything that is the sandbox's goes, even what it does not remember. Returns
    the names of the clusters that were removed.

    Raises:
        SandboxError: there is no cluster of that name, or something of it cannot be removed.
    """
    check_machine()
    with _in_use(shared=False):
        layouts = memory.layouts()
        wanted = list(layouts) if names is None else [check_name(name) for name in names]
        if unknown := [name for name in wanted if name not in layouts]:
            raise SandboxError(_no_such(unknown, layouts))
        _each(lifecycle.stop, [layouts[name] for name in wanted])
        for name in wanted:
            memory.forget(name)
        _write_merged_kubeconfig()
        if names is None or not memory.layouts():
            _stop_sandbox()
    return wanted


def add_images(images: Sequence[Path], names: Iterable[str] | None = None) -> list[str]:
    """Import further images into running clusters: the named ones, or all.

    Returns the clusters' names.

    Raises:
        SandboxError: there is no cluster of that name, or an image cannot be imported.
    """
    wanted = list(find() if names is None else names)
    with _in_use(shared=True):
        for name in wanted:
            image_store.ensure_imported(named(name).layout, images)
    return wanted


def _in_use(*, shared: bool) -> AbstractContextManager[None]:
    """Let starts run side by side, and a stop alone."""
    return lock(state_dir() / "locks" / "in-use", shared=shared)


def _each(work: Callable[[ClusterLayout], None], layouts: Sequence[ClusterLayout]) -> None:
    """Work on several clusters at once; all get their turn before the first failure is told.

    An interruption is not kept waiting: whatever a cluster's start was at, the next one repairs it.

    Raises:
        SandboxError: with a line for each cluster where the work failed.
    """
    pool = ThreadPoolExecutor(max_workers=_AT_ONCE)
    try:
        futures = [pool.submit(work, layout) for layout in layouts]
        problems = [error for future in futures if (error := future.exception())]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    for problem in problems:
        if not isinstance(problem, SandboxError):
            raise problem
    if problems:
        raise SandboxError("\n".join(str(problem) for problem in problems))


def _stop_sandbox() -> None:
    """Take back what the clusters shared, by the names that follow from the state folder alone."""
    sandbox = memory.sandbox()
    processes.end_all(sandbox.cgroup)
    network.remove_bridge(sandbox)
    cgroups.remove(sandbox.cgroup)
    for folder in (sandbox.clusters, sandbox.state / "run"):
        if folder.exists():
            shutil.rmtree(folder)


def _no_such(names: Sequence[str], there: Iterable[str]) -> str:
    return f"no cluster {', '.join(names)} in this sandbox; there are: {', '.join(there) or 'none'}"


def find() -> dict[str, Cluster]:
    """Return the sandbox's clusters by name, in whatever state they are."""
    return {name: _cluster(layout) for name, layout in memory.layouts().items()}


def named(name: str) -> Cluster:
    """Return the cluster of that name.

    Raises:
        SandboxError: there is none in this sandbox.
    """
    found = find()
    if name not in found:
        raise SandboxError(_no_such([name], found))
    return found[name]


def chart_repository() -> str:
    """Return the URL of the Helm repository that the sandbox serves.

    Raises:
        SandboxError: it is not served now.
    """
    sandbox = memory.sandbox()
    if chart_server.running(sandbox) is None:
        raise SandboxError("charts are not served; start a cluster: python -m sandbox start east west")
    return chart_server.url(sandbox)


def gateway_api_manifest() -> Path:
    """Return the path of a manifest with the definitions of the Gateway API, which clusters do not have.

    Raises:
        SandboxError: it cannot be had.
    """
    return supplies.ensure().gateway_api


def merged_kubeconfig() -> Path:
    """Return the path of the kubeconfig with a context for each cluster."""
    return state_dir() / "kubeconfig"


def _write_merged_kubeconfig() -> None:
    with memory.locked():
        kubeconfig.write_merged(merged_kubeconfig(), list(memory.layouts().values()))


def _cluster(layout: ClusterLayout) -> Cluster:
    return Cluster(
        name=layout.name,
        context=layout.name,
        kubeconfig=merged_kubeconfig(),
        server=layout.server,
        node_address=layout.node_address,
        load_balancer_addresses=layout.service_addresses,
        layout=layout,
    )
