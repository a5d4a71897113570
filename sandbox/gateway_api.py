"""The definitions of the Gateway API, from the Go module `sigs.k8s.io/gateway-api` that Istio's module needs.

    from sandbox import gateway_api
    gateway_api.ensure()            # <cache>/gateway-api/<key of its inputs>/standard-install.yaml

The project's own releases have the same file.
"""

from collections.abc import Callable
from pathlib import Path

from sandbox import cache, paths, tools


def ensure(*, say: Callable[[str], None] = print) -> Path:
    """Return a manifest with the definitions of the standard channel, made where it is missing.

    Raises `SandboxError` if the module cannot be had.
    """
    folder = tools.module_dir("istio", "sigs.k8s.io/gateway-api") / "config" / "crd" / "standard"
    content = "---\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.yaml")))
    name = "standard-install.yaml"
    home = paths.cache_dir() / "gateway-api"
    entry = home / cache.key([content])

    def write(stage: Path) -> None:
        (stage / name).write_text(content, encoding="utf-8")

    with cache.locked(home):
        if not entry.exists():
            cache.publish(entry, write)
            say(f"definitions of the Gateway API: {entry / name}")
    return entry / name
