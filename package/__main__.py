"""The package's plugin, as Pulumi's engine starts it: with this folder as what Python runs."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from mesh.package.plugin import serve  # noqa: E402 - the path leads to it

serve()
