"""The first process of a cluster: it makes the namespaces, holds them, and reaps what is left to it.

A cluster has a PID, mount, network, UTS and IPC namespace of its own. When this process ends, the kernel
ends every process in the cluster and takes back its mounts and links: whatever happens, nothing
stays behind. It runs as a script, on the standard library alone, so that it stays small.
"""

import contextlib
import ctypes
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

# From sched.h and mount.h.
_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
_CLONE_NEWPID, _CLONE_NEWNET = 0x20000000, 0x40000000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC = 2, 4, 8, 4096, 16384
_MS_SLAVE, _MS_SHARED = 1 << 19, 1 << 20

_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
    "net/bridge/bridge-nf-call-ip6tables": "1",
}
"""Pods reach each other's Services through the node's iptables rules, on one bridge too."""

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function: str, *arguments: object) -> None:
    if getattr(_libc, function)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def _mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    try:
        _call("mount", source.encode(), target.encode(), kind.encode(), flags, data.encode())
    except OSError as error:
        raise OSError(error.errno, f"mount of {source} on {target}: {error.strerror}") from error


def _make_mounts(bindings: dict[str, str]) -> None:
    """Let nothing of this namespace out; give it folders of its own where programs insist on a path.

    Inside, mounts are shared, as the kubelet expects of a node.
    """
    _mount("none", "/", flags=_MS_REC | _MS_SLAVE)
    _mount("none", "/", flags=_MS_REC | _MS_SHARED)
    _mount("proc", "/proc", "proc", _MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    _mount("tmpfs", "/run", "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=755")
    for target, source in bindings.items():
        _mount(source, target, flags=_MS_BIND)


def _set_sysctls() -> None:
    for name, value in _SYSCTLS.items():
        file = Path("/proc/sys") / name
        if file.exists():
            file.write_text(value)


def _reap_forever() -> NoReturn:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        signal.sigwait({signal.SIGCHLD})


def _serve(specification: dict, ready: int) -> NoReturn:
    """Become the first process inside; report through `ready`: nothing when all is well, or what failed."""
    try:
        os.setsid()
        socket.sethostname(specification["hostname"])
        _make_mounts(specification["bindings"])
        _set_sysctls()
        os.chdir("/")
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
    except OSError as error:
        os.write(ready, str(error).encode())
        os._exit(1)
    os.close(ready)
    _reap_forever()


def main() -> int:
    """Make the namespaces that the JSON on standard input describes; print the first process's ID.

    The specification has `hostname`, `bindings` (target to source) and `cgroup` (the files to enter by).
    """
    specification = json.load(sys.stdin)
    for entrance in specification["cgroup"]:
        Path(entrance).write_text("0")
    outcome, ready = os.pipe()
    _call("unshare", _CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC | _CLONE_NEWPID | _CLONE_NEWNET)
    child = os.fork()
    if child == 0:
        os.close(outcome)
        _serve(specification, ready)
    os.close(ready)
    with os.fdopen(outcome) as report:
        if problem := report.read():
            print(problem, file=sys.stderr)
            return 1
    print(child)
    return 0


if __name__ == "__main__":
    sys.exit(main())
