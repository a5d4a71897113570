"""Records what Istio's charts come to: `python -m tests.recordings.record_charts`.

The values are the program's own, for one cluster, and of the chart `istiod` also for a remote and for an
ambient cluster; with a revision, what that changes, and the tag `default`. It needs what `make setup` gets.
"""

import json
import sys
from pathlib import Path
from typing import Any

from mesh.helm.plugin import Plugin
from mesh.istio import ambient_values, values
from mesh.istio.names import BASE, CNI, GATEWAY, ISTIOD, NAMESPACE, TAG_WEBHOOK, ZTUNNEL
from mesh.mappings import Json
from sandbox import charts, versions
from sandbox.cluster import supplies
from tests.builders.stacks import stack_config

FILE = Path(__file__).with_name("charts.json")
_UNREAD = ("rules", "resources", "securityContext", "namespaceSelector", "objectSelector", "readinessProbe")
# Templates of proxies, and values that no object is made from.
_LONG = ("config", "original-values", "merged-values")


def main() -> None:
    """Render the charts for one cluster, and write what no test reads about in short."""
    config = stack_config({"east": {}})
    east = config.clusters["east"]
    remote = stack_config({"east": {"controlPlane": "west"}, "west": {}}).clusters["east"]
    ambient = stack_config({"east": {}}, dataPlane="ambient").clusters["east"]
    revised = stack_config(
        {"east": {}}, dataPlane="both", istio={"revision": "1-31-0", "version": versions.ISTIO}
    ).clusters["east"]
    left = stack_config({"east": {}}, istio={"next": {"version": versions.ISTIO}}).clusters["east"]
    of_revised = values.istiod(revised, config.mesh)
    of_tag = {"revisionTags": ["default"], "sidecarInjectorWebhook": {"enableNamespacesByDefault": True}}
    releases = {
        "base": ("base", BASE, values.base(east)),
        "istiod": ("istiod", ISTIOD, values.istiod(east, config.mesh)),
        "istiod-remote": ("istiod", ISTIOD, values.istiod(remote, config.mesh)),
        "istiod-ambient": ("istiod", ISTIOD, values.istiod(ambient, config.mesh)),
        "gateway": ("gateway", GATEWAY, values.gateway(east)),
        "cni": ("cni", CNI, ambient_values.cni(ambient)),
        "ztunnel": ("ztunnel", ZTUNNEL, ambient_values.ztunnel(ambient, config.mesh.trust_domain)),
        "base-revision": ("base", BASE, values.base(revised)),
        "istiod-revision": ("istiod", f"{ISTIOD}-1-31-0", of_revised),
        "istiod-left": ("istiod", ISTIOD, values.istiod(left, config.mesh)),
        "gateway-revision": ("gateway", GATEWAY, values.gateway(revised)),
        "ztunnel-revision": ("ztunnel", ZTUNNEL, ambient_values.ztunnel(revised, config.mesh.trust_domain)),
        "tag": ("istiod", f"{ISTIOD}-1-31-0", {**of_revised, **of_tag}),
    }
    supplies.ensure()
    plugin = Plugin(supplies.bin_dir() / "pulumi-resource-kubernetes")
    try:
        folder = str(charts.ensure())
        whole = {
            name: plugin.render(
                {
                    "path": folder,
                    "chart": f"{chart}-{versions.ISTIO}.tgz",
                    "release_name": release,
                    "namespace": NAMESPACE,
                    "values": given,
                }
            )
            for name, (chart, release, given) in releases.items()
        }
    finally:
        plugin.stop()
    recorded = {name: [_short(manifest) for manifest in found] for name, found in whole.items()}
    recorded["tag"] = [dict(m) for m in whole["tag"] if m["metadata"]["name"] == TAG_WEBHOOK]
    FILE.write_text(json.dumps(recorded, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    sys.stdout.write(f"{FILE}: {FILE.stat().st_size} bytes\n")


def _short(manifest: Json) -> dict[str, Any]:
    if manifest["kind"] == "CustomResourceDefinition":
        return {"kind": manifest["kind"], "metadata": {"name": manifest["metadata"]["name"]}}
    short = _without(manifest)
    if manifest["kind"] == "ClusterRole" and "reader" in manifest["metadata"]["name"]:
        short["rules"] = manifest["rules"]
    if manifest["kind"] == "ConfigMap":
        short["data"] = {key: text for key, text in manifest["data"].items() if key not in _LONG}
    return short


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if key not in _UNREAD}
    return [_without(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main()
