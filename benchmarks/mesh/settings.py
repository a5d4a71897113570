"""The mesh that every way builds: that of `Pulumi.dev.yaml`, for other clusters."""

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from sandbox.stack import with_ambient_values

_PROJECT = "istio-mesh:"
CLUSTERS = f"{_PROJECT}clusters"


def stack_config(source: Path, names: Iterable[str], *, kubeconfig: Path, repository: str) -> dict[str, Any]:
    """The configuration of the stack file `source` for other clusters, by key as in a stack file.

    Args:
        source: a stack file, such as Pulumi.dev.yaml.
        names: of the clusters; each is also its context, and its network is `net-<name>`.
        kubeconfig: has these contexts.
        repository: Helm repository with Istio's charts.
    """
    config = copy.deepcopy(yaml.safe_load(source.read_text(encoding="utf-8"))["config"])
    config[f"{_PROJECT}istio"]["chartRepository"] = repository
    config[CLUSTERS] = {
        name: {"kubeconfig": str(kubeconfig), "context": name, "network": f"net-{name}"} for name in names
    }
    return config


def ambient(config: dict[str, Any], gateway_api: Path) -> dict[str, Any]:
    """The same with ambient clusters; `gateway_api` is a manifest."""
    istio = f"{_PROJECT}istio"
    return {
        **config,
        f"{_PROJECT}dataPlane": "ambient",
        f"{_PROJECT}gatewayApi": {"manifest": str(gateway_api)},
        istio: with_ambient_values(config[istio]),
    }


def with_changed_value(config: dict[str, Any], name: str) -> dict[str, Any]:
    """The same with one Helm value changed in one cluster: an annotation of the gateway's Service.

    That is an upgrade of one release that replaces no pod, so its time is the tools' own.
    """
    changed = copy.deepcopy(config)
    changed[CLUSTERS][name]["istio"] = {
        "values": {"gateway": {"service": {"annotations": {"benchmark": "changed"}}}}
    }
    return changed


def sections(config: dict[str, Any]) -> dict[str, Any]:
    """The program's own settings, by section."""
    return {k.removeprefix(_PROJECT): v for k, v in config.items() if k.startswith(_PROJECT)}
