"""The `helm` CLI: run without a kubeconfig file and without values in its arguments."""

import dataclasses
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from sandbox.plugins.kubernetes.kubeconfig import Access, memory_file
from sandbox.plugins.kubernetes.waiting import StoppedError, Waiter
from sandbox.plugins.protocol import ProviderError

_LOOK_SECONDS = 0.5
# Helm writes the release's failure to the cluster after it was told to stop.
_STOP_SECONDS = 30


class HelmError(ProviderError):
    """Helm's own error message."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chart:
    """What a release says of its chart: a name, path or address, and where and how to look for it."""

    name: str
    version: str = ""
    repo: str = ""
    devel: bool = False
    verify: bool = False
    keyring: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def arguments(self) -> list[str]:
        """Give the arguments that locate the chart."""
        is_address = "://" in self.repo
        flags = {
            "--repo": self.repo if is_address else "",
            "--version": self.version,
            "--keyring": self.keyring if self.verify else "",
            "--ca-file": self.ca_file,
            "--cert-file": self.cert_file,
            "--key-file": self.key_file,
        }
        named = f"{self.repo}/{self.name}" if self.repo and not is_address else self.name
        switches = [flag for flag, on in (("--devel", self.devel), ("--verify", self.verify)) if on]
        return [named, *switches, *(f"{flag}={value}" for flag, value in flags.items() if value)]


class Helm:
    """Runs Helm for one cluster; safe to use from several threads."""

    def __init__(self, access: Access | None, waiter: Waiter) -> None:
        self._access = access
        self._waiter = waiter
        self._charts: dict[Chart, dict[str, Any]] = {}
        self._lock = threading.Lock()

    def chart_metadata(self, chart: Chart) -> dict[str, Any]:
        """Give a chart's Chart.yaml; asked once for each chart in the life of the process.

        Raises HelmError where there is no such chart.
        """
        with self._lock:
            known = self._charts.get(chart)
        if known is None:
            known = yaml.safe_load(self._run(["show", "chart", *chart.arguments()]))
            with self._lock:
                self._charts[chart] = known
        return known

    def install(
        self, name: str, namespace: str, chart: Chart, values: Mapping[str, Any], flags: Sequence[str]
    ) -> None:
        """Install a release; raises HelmError."""
        self._change("install", name, namespace, chart, values, flags)

    def upgrade(
        self, name: str, namespace: str, chart: Chart, values: Mapping[str, Any], flags: Sequence[str]
    ) -> None:
        """Upgrade a release; raises HelmError."""
        self._change("upgrade", name, namespace, chart, values, flags)

    def uninstall(self, name: str, namespace: str, flags: Sequence[str]) -> str:
        """Uninstall a release and give what Helm has to say; raises HelmError."""
        return self._run(["uninstall", name, f"--namespace={namespace}", *flags]).strip()

    def _change(
        self,
        verb: str,
        name: str,
        namespace: str,
        chart: Chart,
        values: Mapping[str, Any],
        flags: Sequence[str],
    ) -> None:
        arguments = [verb, name, *chart.arguments(), f"--namespace={namespace}", "--values=-", *flags]
        self._run(arguments, json.dumps(values).encode())

    def _run(self, arguments: Sequence[str], stdin: bytes = b"") -> str:
        program = shutil.which("helm")
        if program is None:
            raise HelmError("the program `helm` (version 3) is not on the path")
        descriptors = []
        command = [program, *arguments]
        if self._access is not None:
            contents = json.dumps(self._access.as_kubeconfig()).encode()
            descriptors.append(memory_file(contents))
            command.append(f"--kubeconfig=/proc/self/fd/{descriptors[0]}")
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=descriptors,
                env=_environment(),
            )
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        output, errors = self._finish(process, stdin)
        if self._waiter.is_stopped and process.returncode != 0:
            raise StoppedError
        if process.returncode != 0:
            raise HelmError(_message(errors.decode(errors="replace"), process.returncode))
        return output.decode(errors="replace")

    def _finish(self, process: subprocess.Popen[bytes], stdin: bytes) -> tuple[bytes, bytes]:
        """Wait for Helm's end; a stop is passed on to it once, and it is given time to clean up."""
        left = _STOP_SECONDS
        pending: bytes | None = stdin
        while True:
            try:
                return process.communicate(pending, timeout=_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                pending = None
            if self._waiter.is_stopped:
                if left == _STOP_SECONDS:
                    process.terminate()
                left -= _LOOK_SECONDS
                if left <= 0:
                    process.kill()


def _environment() -> dict[str, str]:
    """Give the environment without what would lead Helm to another cluster or another store."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("HELM_KUBE", "KUBECONFIG"))
    }
    return {**kept, "HELM_DRIVER": "secret"}


def _message(errors: str, code: int) -> str:
    """Take Helm's error out of what it wrote, which also has warnings and hints."""
    lines = errors.strip().splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("Error: ")]
    if not starts:
        return lines[-1] if lines else f"helm ended with exit code {code}"
    return "\n".join(lines[starts[-1] :]).removeprefix("Error: ")
