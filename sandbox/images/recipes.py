"""What is in each image of the sandbox.

Istio's images follow `pilot/docker/Dockerfile.pilot`, `Dockerfile.proxyv2` and
`cni/deployments/kubernetes/Dockerfile.install-cni` of istio/istio. User 1337 is the one whose traffic the
sidecar's iptables rules leave alone, so only Istio's own images have it.
"""

import re
from collections.abc import Callable
from pathlib import Path

from sandbox import cache, paths, tools, versions
from sandbox.errors import SandboxError
from sandbox.images.archive import Image
from sandbox.images.content import Entry, File, Folder, Link, Text, command, libraries, with_links
from sandbox.tools import go

_PROXY_USER = "1337:1337"
PLAIN_USER = "65532:65532"
_ROOT = "0:0"
_HELLOWORLD = Path(__file__).parent / "helloworld"
IPTABLES = [
    f"{family}{variant}{action}"
    for family in ("iptables", "ip6tables")
    for variant in ("", "-legacy", "-nft")
    for action in ("", "-save", "-restore")
]


def references() -> dict[str, tuple[str, ...]]:
    """Return each image's references by its name: Istio's own have one for each chart version."""
    return {
        "pause": ("localhost/pause:1",),
        "coredns": (f"localhost/coredns:{versions.COREDNS}",),
        "client": ("localhost/client:1",),
        "helloworld": ("localhost/helloworld:1",),
        **{name: istio_references(name) for name in ("pilot", "proxyv2", "install-cni")},
    }


def istio_references(name: str) -> tuple[str, ...]:
    """Return the references by which Istio's charts ask for an image, one for each version of them."""
    return tuple(f"localhost/istio/{name}:{version}" for version in (versions.ISTIO, versions.ISTIO_NEXT))


def recipe(name: str) -> Image:
    """Return the image of that name; what goes into it is fetched or built first."""
    return image(name, references()[name], _RECIPES[name]())


def image(name: str, references: tuple[str, ...], recipe: "Recipe") -> Image:
    """Return the image of a recipe under these references."""
    entrypoint, user, entries = recipe
    return Image(
        name=name,
        references=references,
        entrypoint=entrypoint,
        user=user,
        entries=(*entries, Folder(path="/tmp", mode=0o1777)),  # noqa: S108 - a folder of the image
    )


Recipe = tuple[tuple[str, ...], str, list[Entry]]
"""Entrypoint, user as `uid:gid`, and contents of an image."""


def _pause() -> Recipe:
    busybox = command("busybox").resolve()
    return (
        ("/busybox", "sleep", "infinity"),
        PLAIN_USER,
        [File(path="/busybox", source=busybox), *libraries([busybox])],
    )


def _coredns() -> Recipe:
    # Root, because port 53 is a privileged one.
    return ("/coredns",), _ROOT, [File(path="/coredns", source=_tool("coredns"))]


def _client() -> Recipe:
    curl, busybox = command("curl").resolve(), command("busybox").resolve()
    names = ("sh", "sleep", "cat")
    entries: list[Entry] = [
        File(path="/usr/bin/curl", source=curl),
        File(path="/bin/busybox", source=busybox),
        *(Link(path=f"/bin/{name}", target="busybox") for name in names),
        *_merged([*libraries([curl, busybox]), *_name_service()]),
        Text(path="/etc/nsswitch.conf", text="hosts: files dns\n"),
        *_authorities(),
        *accounts("client", PLAIN_USER),
    ]
    return ("/bin/sleep", "infinity"), PLAIN_USER, entries


def _helloworld() -> Recipe:
    return ("/helloworld",), PLAIN_USER, [File(path="/helloworld", source=program(_HELLOWORLD))]


def program(folder: Path) -> Path:
    """Return a program of ours, built from a folder beside this file where it is missing."""
    sources = sorted(path for path in folder.iterdir() if not path.name.endswith("_test.go"))
    home = paths.cache_dir() / "images" / f"{folder.name}-server"
    entry = home / cache.key([path.read_bytes() for path in sources])
    with cache.locked(home):
        if not entry.exists():
            cache.publish(entry, lambda stage: go.build_program(folder, stage / folder.name))
    return entry / folder.name


def _pilot() -> Recipe:
    return pilot(_tool("pilot-discovery"))


def pilot(program: Path) -> Recipe:
    """Return what is in the image of an istiod."""
    path = "/usr/local/bin/pilot-discovery"
    return (path,), _PROXY_USER, [File(path=path, source=program), *accounts("istio-proxy", _PROXY_USER)]


def _proxyv2() -> Recipe:
    return proxyv2(_tool("pilot-agent"), tools.module_dir("istio", "istio.io/istio"))


def proxyv2(agent: Path, istio: Path) -> Recipe:
    """Return what is in the image of a proxy; `istio` is the source of the Istio that its agent is of."""
    template = (istio / "tools/packaging/common/envoy_bootstrap.json").read_text(encoding="utf-8")
    iptables, binaries = _iptables()
    envoy, busybox = _tool("envoy"), command("busybox").resolve()
    # Istio's own image has these, if it is not the distroless one.
    tools_of_debian = [command(name).resolve() for name in ("curl", "openssl")]
    entries: list[Entry] = [
        File(path="/usr/local/bin/pilot-agent", source=agent),
        File(path="/usr/local/bin/envoy", source=envoy),
        *(File(path=f"/usr/bin/{path.name}", source=path) for path in tools_of_debian),
        File(path="/bin/busybox", source=busybox),
        *(Link(path=f"/bin/{name}", target="busybox") for name in ("sh", "timeout")),
        *iptables,
        *_merged([*libraries([envoy, busybox, *tools_of_debian, *binaries]), *_name_service()]),
        Text(path="/var/lib/istio/envoy/envoy_bootstrap_tmpl.json", text=for_upstream_envoy(template)),
        *_authorities(),
        *accounts("istio-proxy", _PROXY_USER),
    ]
    return ("/usr/local/bin/pilot-agent",), _PROXY_USER, entries


def for_upstream_envoy(template: str) -> str:
    """Return Istio's template of an Envoy bootstrap without the extension that Istio's own Envoy has only.

    It is there for waypoints, east-west gateways and sidecars of an ambient mesh, and an Envoy that lacks it
    ends at once.

    Raises:
        SandboxError: the extension is not where it was.
    """
    block = r'\n *\{\{- if \.metadata_discovery \}\}\s*\{\s*"name": "metadata_discovery".*?\{\{- end \}\}'
    rest, found = re.subn(block, "", template, flags=re.DOTALL)
    if not found or "istio.workload" in rest:
        raise SandboxError(
            "istio.workload.BootstrapExtension is elsewhere in this Istio's envoy_bootstrap.json"
        )
    return rest


def _install_cni() -> Recipe:
    iptables, binaries = _iptables()
    nft = command("nft").resolve()
    return (
        ("/usr/local/bin/install-cni",),
        _ROOT,
        [
            File(path="/opt/cni/bin/istio-cni", source=_tool("istio-cni")),
            File(path="/usr/local/bin/install-cni", source=_tool("install-cni")),
            *iptables,
            File(path="/usr/sbin/nft", source=nft),
            *libraries([nft, *binaries]),
        ],
    )


def ztunnel(program: Path) -> Image:
    """Return the image of a ztunnel, which is a Rust program that no registry of packages has.

    It follows `Dockerfile.ztunnel` of istio/istio; the libraries are those of this machine.
    """
    path = "/usr/local/bin/ztunnel"
    return Image(
        name="ztunnel",
        references=istio_references("ztunnel"),
        entrypoint=(path,),
        user=_ROOT,
        entries=(File(path=path, source=program), *_merged([*libraries([program]), *_name_service()])),
    )


_RECIPES: dict[str, Callable[[], Recipe]] = {
    "pause": _pause,
    "coredns": _coredns,
    "client": _client,
    "helloworld": _helloworld,
    "pilot": _pilot,
    "proxyv2": _proxyv2,
    "install-cni": _install_cni,
}


def _tool(name: str) -> Path:
    return tools.ensure([name])[name]


def accounts(name: str, user: str) -> list[Entry]:
    """Return the files that give root and one more user (`uid:gid`) their names."""
    uid, gid = user.split(":")
    return [
        Text(path="/etc/passwd", text=f"root:x:0:0:root:/:/bin/sh\n{name}:x:{uid}:{gid}:{name}:/:/bin/sh\n"),
        Text(path="/etc/group", text=f"root:x:0:\n{name}:x:{gid}:\n"),
    ]


def _authorities() -> list[File]:
    """Return the machine's bundle of public CAs, where Debian has it."""
    bundle = Path("/etc/ssl/certs/ca-certificates.crt")
    return [File(path=str(bundle), source=bundle.resolve(), mode=0o644)] if bundle.exists() else []


def _name_service() -> list[File]:
    """Return what a glibc before 2.34 loads to look names up, from beside this machine's libc."""
    libc = next(file for file in libraries([command("curl").resolve()]) if "/libc.so" in file.path)
    names = ("libnss_dns.so.2", "libnss_files.so.2", "libresolv.so.2")
    beside = [Path(libc.path).with_name(name) for name in names]
    return [File(path=str(path), source=path.resolve()) for path in beside if path.exists()]


def _merged(files: list[File]) -> list[File]:
    return list({file.path: file for file in files}.values())


def _iptables() -> tuple[list[Entry], list[Path]]:
    """Return this machine's iptables as entries, and which of its files need libraries."""
    commands, binaries = with_links(IPTABLES, "/usr/sbin")
    extensions = _iptables_extensions()
    entries = [*commands, *(File(path=str(path), source=path, mode=0o644) for path in extensions)]
    return entries, [*binaries, *extensions]


def _iptables_extensions() -> list[Path]:
    found = sorted(Path("/usr/lib").glob("*/xtables/*.so")) or sorted(Path("/usr/lib/xtables").glob("*.so"))
    if not found:
        raise SandboxError(
            "iptables' extensions are not where Debian has them: /usr/lib/<machine>/xtables/*.so"
        )
    return found
