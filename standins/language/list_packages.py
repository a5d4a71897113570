"""Print the packages of this Python environment as JSON: name, version, and what Pulumi says of them.

Run as a script by the Python of a program's environment, so it imports the standard library alone.
Shape: `[{"name": "pulumi-tls", "version": "5.6.2", "plugin": {...} or null}]`, where `plugin` is the
package's `pulumi-plugin.json`.
"""

import importlib.metadata
import json
import re
import sys
from typing import Any


def _plugin(distribution: importlib.metadata.Distribution) -> Any:
    for file in distribution.files or []:
        if file.name == "pulumi-plugin.json" and len(file.parts) == 2:
            return json.loads(file.read_text())
    return None


def main() -> None:
    """Print one line of JSON."""
    packages = {}
    for distribution in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"]).lower()
        # The first one on the path is the one that is imported.
        packages.setdefault(
            name, {"name": name, "version": distribution.version, "plugin": _plugin(distribution)}
        )
    json.dump([packages[name] for name in sorted(packages)], sys.stdout)


if __name__ == "__main__":
    main()
