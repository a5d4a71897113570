"""The network of a cluster's pods, as its CNI sees it: plugins, and the file that says which are called.

Both folders are the cluster's own, for an ambient mesh writes to them: Istio's agent (chart `cni`) chains its
plugin to the pods' network, and takes it out when it goes.
"""

import contextlib
import filecmp
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox import packages
from sandbox.cluster import api, settings
from sandbox.cluster.files import write_private
from sandbox.cluster.layout import ClusterLayout

_ISTIO = "istio-cni"
_AGENTS = f"/apis/apps/v1/daemonsets?labelSelector=k8s-app%3D{_ISTIO}-node"
"""The chart's DaemonSet, in whichever namespace it is."""


def prepare(cluster: ClusterLayout) -> None:
    """Put the plugins and the pods' network in place; what is chained to that stays.

    A pod that is enrolled in a mesh must not start without Istio's plugin, not after a crash either.
    """
    for plugin in map(Path, packages.CNI_PLUGINS):
        _put(plugin.resolve(), cluster.bindings[settings.CNI_PROGRAMS] / plugin.name)
    _write(cluster, _chained(cluster))


def unchain_without_agent(cluster: ClusterLayout) -> None:
    """Take Istio's plugin out where its agent will not come back: no pod could start.

    So it is when the agent was deleted while the node was down.
    """
    if _chained(cluster):
        agents = api.get(cluster, _AGENTS)
        if agents is not None and not json.loads(agents)["items"]:
            _write(cluster, [])


def _put(source: Path, target: Path) -> None:
    """Link or copy a plugin, unless it is there: one that runs must not be written to."""
    if target.exists() and filecmp.cmp(source, target):
        return
    stage = target.with_name(f".{target.name}")
    stage.unlink(missing_ok=True)
    try:
        os.link(source, stage)
    except OSError:  # another file system
        shutil.copy2(source, stage)
    stage.rename(target)


def _write(cluster: ClusterLayout, chained: Sequence[Any]) -> None:
    """Write the pods' network, unless it is there in whatever form: each change is a reload."""
    network = settings.cni(cluster)
    wanted = {**network, "plugins": [*network["plugins"], *chained]}
    if _read(cluster) != wanted:
        write_private(_file(cluster), json.dumps(wanted))


def _chained(cluster: ClusterLayout) -> list[Any]:
    return [plugin for plugin in _read(cluster).get("plugins", []) if plugin["type"] == _ISTIO]


def _read(cluster: ClusterLayout) -> dict[str, Any]:
    with contextlib.suppress(FileNotFoundError, ValueError):  # ValueError: cut short by a crash
        return json.loads(_file(cluster).read_text())
    return {}


def _file(cluster: ClusterLayout) -> Path:
    return cluster.bindings[settings.CNI_SETTINGS] / "10-pods.conflist"
