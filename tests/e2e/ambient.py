"""A mesh of ambient clusters; without a ztunnel, all of it but what needs one.

ztunnel is in no registry of packages. `ISTIO_MESH_ZTUNNEL_IMAGE` names one: see `sandbox/cluster/ztunnel.py`.
"""

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import cluster
from sandbox.stack import with_ambient_values
from tests.e2e.faults import SYSTEM
from tests.e2e.kube import Kube
from tests.e2e.load import Load
from tests.e2e.stack import mesh_config

GATEWAY = "istio-eastwestgateway-ambient"
NAMES = ("east", "west")
NOWHERE = {"tests.example.com/ztunnel": "none"}
"""Labels that no node has."""
_AFTERWARDS_SECONDS = 3.0
"""As long as a change may take to come through to the other cluster."""


def ambient_config(names: tuple[str, ...], kubeconfig: Path) -> dict[str, Any]:
    """The configuration of a mesh of ambient clusters.

    Without a ztunnel, the chart's DaemonSet has no node to run on, and there is no HelloWorld: a pod of the
    mesh does not start without a ztunnel on its node.
    """
    config = mesh_config(names, kubeconfig)
    config |= {"dataPlane": "ambient", **for_ambient(config)}
    if not cluster.has_ztunnel():
        config["istio"]["values"]["ztunnel"] = {
            **config["istio"]["values"]["ztunnel"],
            "nodeSelector": NOWHERE,
        }
        config["helloWorld"] = {**config["helloWorld"], "enabled": False}
    return config


def for_ambient(config: Mapping[str, Any]) -> dict[str, Any]:
    """The sections that ambient clusters of the sandbox need, from a configuration without."""
    return {
        "gatewayApi": {"manifest": str(cluster.gateway_api_manifest())},
        "istio": with_ambient_values(config["istio"]),
    }


@dataclass(frozen=True, kw_only=True)
class Loads:
    """Calls with a connection each, and calls on connections that are kept."""

    short: Load
    kept: Load

    def assert_none_failed(self) -> None:
        """No call failed, from whichever cluster, and both clusters answered."""
        assert not self.short.report.failed, str(self.short.report)
        assert not self.kept.report.failed, str(self.kept.report)

    def __str__(self) -> str:
        short, kept = self.short.report, self.kept.report
        return (
            f"{len(short.calls)} short calls, {len(short.failed)} failed; {len(kept.calls)} on kept "
            f"connections, {len(kept.failed)} failed, {len(kept.reconnected)} reconnected"
        )


@contextlib.contextmanager
def both_loads(names: tuple[str, ...] = NAMES) -> Iterator[Loads]:
    """Make calls of both kinds while the block runs, and a moment longer."""
    kubeconfig = cluster.merged_kubeconfig()
    with Load(kubeconfig, names) as short, Load(kubeconfig, names, kept=True) as kept:
        loads = Loads(short=short, kept=kept)
        yield loads
        time.sleep(_AFTERWARDS_SECONDS)
    sys.stdout.write(f"{loads}\n")


def ambient_view(kube: Kube) -> dict[str, Any]:
    """The `workloads`, `services` and `policies` that istiod tells ztunnels of."""
    request = ("pilot-discovery", "request", "GET", "/debug/ambientz")
    return json.loads(kube.kubectl("exec", f"--namespace={SYSTEM}", "deployment/istiod", "--", *request))


def restart(kube: Kube, workload: str) -> None:
    """Restart what is in istio-system, and wait for it."""
    kube.kubectl("rollout", "restart", f"--namespace={SYSTEM}", workload)
    kube.kubectl("rollout", "status", f"--namespace={SYSTEM}", workload, "--timeout=110s")
