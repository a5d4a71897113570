"""Serve the policies; the engine starts this folder with the Python of the pack's own environment."""

import sys
from pathlib import Path

# Python put this folder first, whose neighbours are the program's.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from policy.pack import serve  # noqa: E402 - found by now

serve()
