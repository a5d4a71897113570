"""What the sandbox needs from the distribution: container runtime, CNI plugins, iptables and a few commands.

    from sandbox import packages
    packages.ensure()

A package counts as there when its files are: a containerd from elsewhere is as good as Debian's. Nothing
is upgraded, nothing is removed, and a containerd service that comes with the package is not started: the
sandbox runs one of its own for each cluster.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError

_LOCK_SECONDS = 300
"""How long to wait for another apt or dpkg to finish."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_POLICY = Path("/usr/sbin/policy-rc.d")

CNI_PLUGINS = tuple(f"/usr/lib/cni/{name}" for name in ("bridge", "host-local", "loopback", "portmap"))
"""The programs that give pods their network, where Debian has them."""


@dataclass(frozen=True, kw_only=True)
class Package:
    """A Debian package, told by `files`: commands, or absolute paths."""

    name: str
    files: tuple[str, ...]


PACKAGES = (
    Package(name="containerd", files=("containerd", "containerd-shim-runc-v2", "ctr")),
    Package(name="runc", files=("runc",)),
    Package(
        name="containernetworking-plugins",
        files=CNI_PLUGINS,
    ),
    Package(name="iptables", files=("iptables-legacy", "iptables-nft")),
    Package(name="nftables", files=("nft",)),
    Package(name="conntrack", files=("conntrack",)),
    Package(name="busybox-static", files=("busybox",)),
    Package(name="curl", files=("curl",)),
    Package(name="openssl", files=("openssl",)),
    Package(name="iproute2", files=("ip",)),
    Package(name="util-linux", files=("nsenter", "unshare")),
)


def ensure(*, say: Callable[[str], None] = print) -> None:
    """Install what is missing; a `SandboxError` names the packages where that cannot be done."""
    absent = missing()
    if not absent:
        return
    names = [package.name for package in absent]
    if reason := _obstacle():
        raise SandboxError(
            f"the sandbox needs {', '.join(names)}, and {reason}. Install them (on Debian and Ubuntu: "
            f"apt-get install {' '.join(names)}), or use kind clusters instead: examples/kind/ has the stack "
            "file and the commands."
        )
    say(f"packages {', '.join(names)}: installing with apt-get")
    with services_stay_stopped():
        _apt("update")
        _apt("install", "--yes", "--no-install-recommends", "--no-remove", *names)
    if still := missing():
        lacking = ", ".join(f"{package.name} ({', '.join(package.files)})" for package in still)
        raise SandboxError(f"apt-get installed what was asked for, and files are still missing: {lacking}")


def missing() -> list[Package]:
    """Return the packages of which a file is not there."""
    return [package for package in PACKAGES if not all(_exists(file) for file in package.files)]


def _exists(file: str) -> bool:
    return shutil.which(file, path=_PATH) is not None


def _obstacle() -> str | None:
    """Say why packages cannot be installed here; None if they can."""
    if sys.platform != "linux" or shutil.which("apt-get", path=_PATH) is None:
        return "only Debian's and Ubuntu's apt-get can be used to install them; this system has none"
    if os.geteuid() != 0:
        return "installing takes root"
    return None


def _apt(*args: str) -> None:
    done = subprocess.run(
        ["apt-get", "--quiet", "--quiet", "--option", f"DPkg::Lock::Timeout={_LOCK_SECONDS}", *args],
        env={**os.environ, "PATH": _PATH, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise SandboxError(f"`apt-get {' '.join(args)}` failed with exit code {done.returncode}:\n{tail}")


@contextlib.contextmanager
def services_stay_stopped() -> Iterator[None]:
    """Forbid package scripts to start services, by Debian's policy-rc.d, where nobody else has set it.

    The script forbids only as long as this process lives, and removes itself after that: a killed
    process must not leave a machine on which new services never start.
    """
    script = (
        "#!/bin/sh\n"
        f'[ "$(readlink /proc/{os.getpid()}/exe)" = "{Path("/proc/self/exe").resolve()}" ] && exit 101\n'
        'rm -f "$0"\n'
        "exit 0\n"
    )
    try:
        with _POLICY.open("x") as file:
            file.write(script)
    except FileExistsError:
        yield
        return
    _POLICY.chmod(0o755)
    try:
        yield
    finally:
        _POLICY.unlink(missing_ok=True)
