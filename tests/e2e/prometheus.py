"""Prometheus in the tests' sandbox: one that scrapes in each cluster, and one that has it all.

Those in the clusters send to the one on this machine, which evaluates the rules, as many users have it.
"""

import json
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from sandbox import tools
from sandbox.cluster import Cluster, namespaces

_SECONDS = "2s"


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """The Prometheus that has the series of all clusters; `url` is that of its API."""

    url: str

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now, each with its labels (`metric`) and its `value`."""
        return self._ask("query", query=expression)["result"]

    def history(self, expression: str, seconds: float, step: float = 2) -> list[dict[str, Any]]:
        """What an expression has given over the last seconds, as series with `values`."""
        now = time.time()
        return self._ask("query_range", query=expression, start=now - seconds, end=now, step=step)["result"]

    def firing(self) -> dict[str, list[Mapping[str, str]]]:
        """The alerts that fire, by their names, with their labels."""
        found: dict[str, list[Mapping[str, str]]] = {}
        for alert in self._ask("alerts")["alerts"]:
            if alert["state"] == "firing":
                found.setdefault(alert["labels"]["alertname"], []).append(alert["labels"])
        return found

    def fires(self, name: str, **labels: str) -> bool:
        """Whether an alert fires with these labels."""
        return any(labels.items() <= found.items() for found in self.firing().get(name, []))

    def _ask(self, what: str, **parameters: object) -> Any:
        with urlopen(f"{self.url}/api/v1/{what}?{urlencode(parameters)}", timeout=30) as answer:  # noqa: S310 - ours
            return json.load(answer)["data"]


@contextmanager
def running(
    clusters: Iterable[Cluster], files: Path, folder: Path, rules: Mapping[str, Any]
) -> Iterator[Prometheus]:
    """Run them; `files` has what `python -m mesh observability` has written."""
    binary = tools.ensure(["prometheus"])["prometheus"]
    with ExitStack() as ends:
        members = list(clusters)
        address = members[0].layout.instance.host_address
        url = f"http://{address}:{_free_port(address)}"
        (folder / "rules.yaml").write_text(yaml.safe_dump(dict(rules)))
        central = {
            "global": {"scrape_interval": _SECONDS, "evaluation_interval": _SECONDS},
            "rule_files": ["rules.yaml"],
        }
        ends.enter_context(
            _process(
                [
                    *_command(binary, folder / "all", central, url.removeprefix("http://")),
                    f"--storage.tsdb.path={folder / 'all/data'}",
                    "--web.enable-remote-write-receiver",
                ],
                folder / "all.log",
            )
        )
        _await_ready(url, folder / "all.log")
        for member in members:
            configuration = _scraping(files / f"scrape-{member.name}.yaml", member)
            configuration["remote_write"] = [{"url": f"{url}/api/v1/write"}]
            configuration["global"] = {"scrape_interval": _SECONDS, "scrape_timeout": _SECONDS}
            command = [
                *_command(binary, folder / member.name, configuration, "127.0.0.1:9090"),
                "--agent",
                f"--storage.agent.path={folder / member.name / 'data'}",
            ]
            inside = namespaces.argv_inside(member.layout, command, network_only=True)
            ends.enter_context(_process(inside, folder / f"{member.name}.log"))
        yield Prometheus(url=url)


def _scraping(file: Path, member: Cluster) -> dict[str, Any]:
    """The scrape configuration as it was written; out of a pod, Prometheus needs a kubeconfig."""
    configuration: dict[str, Any] = yaml.safe_load(file.read_text())
    for job in configuration["scrape_configs"]:
        for discovery in job["kubernetes_sd_configs"]:
            discovery["kubeconfig_file"] = str(member.layout.kubeconfig)
    return configuration


def _command(binary: Path, folder: Path, configuration: Mapping[str, Any], listen: str) -> list[str]:
    folder.mkdir(parents=True)
    file = folder.parent / f"{folder.name}.yaml"
    file.write_text(yaml.safe_dump(dict(configuration)))
    return [str(binary), f"--config.file={file}", f"--web.listen-address={listen}", "--log.level=warn"]


@contextmanager
def _process(command: list[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)


def _free_port(address: str) -> int:
    with socket.create_server((address, 0)) as taken:
        return int(taken.getsockname()[1])


def _await_ready(url: str, log: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            with urlopen(f"{url}/-/ready", timeout=5):  # noqa: S310 - ours
                return
        except OSError:
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.5)
