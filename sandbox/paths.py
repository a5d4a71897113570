"""Where the sandbox keeps things.

State of running clusters is one folder in the checkout, so that two checkouts never share a
cluster. Tools, images and charts depend on nothing but their versions; they are kept once for
each user, so that a fresh clone does not build for half an hour what the last one built.
"""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def state_dir() -> Path:
    """The folder with everything that belongs to this sandbox; `ISTIO_MESH_SANDBOX` overrides it."""
    return Path(os.environ.get("ISTIO_MESH_SANDBOX") or CHECKOUT / ".sandbox").resolve()


def cache_dir() -> Path:
    """The folder of versioned tools, images and charts; `ISTIO_MESH_SANDBOX_CACHE` overrides it."""
    if override := os.environ.get("ISTIO_MESH_SANDBOX_CACHE"):
        return Path(override).resolve()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).resolve() / "istio-mesh-sandbox"
