"""Records a preview: `pulumi preview --json --show-sames | python -m tests.recordings.record_previews NAME`.

Of what does not change, only components, providers and certificates are kept, and of these what they are and
where they belong; of nothing a certificate's text.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("previews")
_KEPT_OF_THE_SAME = ("mesh:", "pulumi:providers:kubernetes", "tls:")
_KEPT = ("urn", "type", "custom", "parent", "provider", "retainOnDelete")
_CACERTS = "-cacerts"


def main() -> None:
    """Write the preview on the standard input, by the name that is the argument."""
    (name,) = sys.argv[1:]
    steps = compact(json.load(sys.stdin))["steps"]
    lines = ",\n".join(json.dumps(step, separators=(",", ":")) for step in steps)
    (FOLDER / f"{name}.json").write_text(f'{{"steps": [\n{lines}\n]}}\n', encoding="utf-8")


def compact(preview: Mapping[str, Any]) -> dict[str, Any]:
    """The steps in short, in the order of their names."""
    steps = (step for step in preview["steps"] if step["op"] != "read" and _is_kept(step))
    return {"steps": [_step(step) for step in sorted(steps, key=lambda step: step["urn"])]}


def _is_kept(step: Mapping[str, Any]) -> bool:
    return step["op"] != "same" or step["newState"]["type"].startswith(_KEPT_OF_THE_SAME)


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    full = step["op"] != "same"
    states = {
        which: _state(step[which], full=full)
        for which in ("oldState", "newState")
        if step.get(which) is not None
    }
    if not full:
        states.pop("oldState", None)
    diff = {"detailedDiff": step["detailedDiff"]} if step.get("detailedDiff") else {}
    return {"op": step["op"], "urn": step["urn"], **states, **diff}


def _state(state: Mapping[str, Any], *, full: bool) -> dict[str, Any]:
    kept = {key: state[key] for key in _KEPT if key in state}
    if full and state["urn"].endswith(_CACERTS):
        kept["dependencies"] = state["dependencies"]
    issuers = state.get("propertyDependencies", {}).get("caCertPem")
    if issuers:
        kept["propertyDependencies"] = {"caCertPem": issuers}
    if full:
        kept["inputs"] = _short(state.get("inputs", {}))
    return kept


def _short(value: Any) -> Any:
    """Inputs without those that are empty, as most of a Helm release's are, and without PEM."""
    if isinstance(value, dict):
        inner = {key: _short(item) for key, item in value.items()}
        return {key: item for key, item in inner.items() if item not in ("", False, None, {})}
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, str) and value.startswith("http://127.0.0.1:"):
        return "https://charts.example.com"
    return "PEM" if isinstance(value, str) and value.startswith("-----BEGIN") else value


if __name__ == "__main__":
    main()
