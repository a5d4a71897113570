"""The namespaces of a cluster: make them, find the way in, end all that is in them."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sandbox.cluster import cgroups, processes
from sandbox.cluster.files import write_private
from sandbox.cluster.layout import ClusterLayout
from sandbox.errors import SandboxError

INIT = "init"


def system_cgroup(cluster: ClusterLayout) -> str:
    """Return the cgroup of the cluster's own processes; its pods have another beside it."""
    return f"{cluster.cgroup}/system"


def place(cluster: ClusterLayout) -> processes.Place:
    """Return where the cluster's processes run, namespaces included when they exist."""
    outside = _outside(cluster)
    pid = processes.running(INIT, outside)
    entry = tuple(entry_argv(pid)) if pid else ()
    return processes.Place(cgroup=outside.cgroup, logs=outside.logs, records=outside.records, entry=entry)


def _outside(cluster: ClusterLayout) -> processes.Place:
    return processes.Place(cgroup=system_cgroup(cluster), logs=cluster.logs, records=cluster.records)


def first_process(cluster: ClusterLayout) -> int | None:
    """Return the ID of the process that holds the cluster's namespaces, or None."""
    return processes.running(INIT, _outside(cluster))


def entry_argv(pid: int, *, network_only: bool = False) -> list[str]:
    """Return the start of a command that runs the rest in the namespaces of the process `pid`."""
    kinds = ["--net"] if network_only else ["--mount", "--net", "--uts", "--ipc", "--pid"]
    return ["nsenter", f"--target={pid}", *kinds, "--"]


def view(cluster: ClusterLayout, path: str) -> Path:
    """Return where a path of the cluster's own mounts is found from outside."""
    return Path(f"/proc/{_require(cluster)}/root") / path.lstrip("/")


def _require(cluster: ClusterLayout) -> int:
    pid = first_process(cluster)
    if pid is None:
        raise SandboxError(
            f"cluster {cluster.name} does not run; start it: python -m sandbox start {cluster.name}"
        )
    return pid


def argv_inside(cluster: ClusterLayout, argv: Sequence[str], *, network_only: bool = False) -> list[str]:
    """Return the command that runs `argv` inside the cluster.

    Raises:
        SandboxError: the cluster does not run.
    """
    return [*entry_argv(_require(cluster), network_only=network_only), *argv]


def ensure(cluster: ClusterLayout) -> bool:
    """Make the cluster's namespaces unless they exist; return whether they were made.

    Those with other mounts, which an older sandbox made, are made anew.

    Raises:
        SandboxError: the kernel refuses, with its reason.
    """
    bindings = {target: str(source) for target, source in cluster.bindings.items()}
    if first_process(cluster) and _bindings(cluster) == bindings:
        return False
    end(cluster)
    # With those that a crash has left of containers, the kubelet takes three seconds each.
    cgroups.remove(cluster.cgroup)
    cgroups.create(system_cgroup(cluster))
    for target, source in cluster.bindings.items():
        source.mkdir(parents=True, exist_ok=True)
        Path(target).mkdir(parents=True, exist_ok=True)
    specification = {
        "hostname": cluster.node,
        "bindings": bindings,
        "cgroup": cgroups.entrances(system_cgroup(cluster)),
    }
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("init.py"))],
        input=json.dumps(specification),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SandboxError(f"cluster {cluster.name}: no namespaces: {done.stderr.strip().splitlines()[-1]}")
    pid = int(done.stdout)
    cluster.records.mkdir(parents=True, exist_ok=True)
    record = {"pid": pid, "started": processes.start_time(pid), "bindings": bindings}
    write_private(_record(cluster), json.dumps(record))
    return True


def _record(cluster: ClusterLayout) -> Path:
    return cluster.records / f"{INIT}.json"


def _bindings(cluster: ClusterLayout) -> dict[str, str] | None:
    """Return what the namespaces that exist were made with."""
    return json.loads(_record(cluster).read_text()).get("bindings")


def end(cluster: ClusterLayout) -> None:
    """End every process of the cluster, and with them its namespaces, mounts and links."""
    if pid := first_process(cluster):
        processes.end([pid])
    processes.end_all(cluster.cgroup)
    for record in cluster.records.glob("*.json"):
        record.unlink()
