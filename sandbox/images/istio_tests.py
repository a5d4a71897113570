"""The images that Istio's own integration tests deploy; only those who run these tests need them.

They follow `pkg/test/echo/docker/Dockerfile.app` and `samples/{extauthz,jwt-server}` of istio/istio.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from sandbox import versions
from sandbox.images import supply
from sandbox.images.archive import Image
from sandbox.images.content import File, Folder
from sandbox.images.recipes import accounts
from sandbox.tools import istio_tests

HUB = "localhost/istio"
TAG = versions.ISTIO
_ROOT = "0:0"
_ECHO_USER = "1338:1338"
"""As in Istio's image. Not that of the proxies: the sidecar must see the traffic."""


def ensure(names: Iterable[str], *, say: Callable[[str], None] = print) -> list[Path]:
    """Return a tar for each of these images (`app`, `ext-authz`, `jwt-server`), made where it is missing.

    Raises:
        SandboxError: a program that goes into one cannot be built.
    """
    images = {"app": _echo, "ext-authz": _ext_authz, "jwt-server": _jwt_server}
    return [supply.put_together(images[name](), say=say) for name in names]


def _echo() -> Image:
    certificates = istio_tests.source() / "tests" / "testdata" / "certs" / "dns"
    return Image(
        name="istio-tests-app",
        references=(f"{HUB}/app:{TAG}",),
        entrypoint=("/usr/local/bin/server",),
        user=_ECHO_USER,
        entries=(
            File(path="/usr/local/bin/client", source=istio_tests.program("client")),
            File(path="/usr/local/bin/server", source=istio_tests.program("server")),
            File(path="/cert.crt", source=certificates / "cert-chain.pem", mode=0o644),
            File(path="/cert.key", source=certificates / "key.pem", mode=0o644),
            Folder(path="/tmp", mode=0o1777),  # noqa: S108 - a folder of the image
            *accounts("application", _ECHO_USER),
        ),
    )


def _ext_authz() -> Image:
    path = "/usr/local/bin/extauthz"
    return Image(
        name="istio-tests-ext-authz",
        references=(f"{HUB}/ext-authz:{TAG}",),
        entrypoint=(path,),
        user=_ROOT,
        entries=(File(path=path, source=istio_tests.program("extauthz")),),
    )


def _jwt_server() -> Image:
    path = "/bin/jwt-server"
    return Image(
        name="istio-tests-jwt-server",
        # The tests deploy `samples/jwt-server/jwt-server.yaml` as it is, whatever their hub is.
        references=("registry.istio.io/testing/jwt-server:0.8",),
        entrypoint=(path,),
        user=_ROOT,  # its key is mounted for root only
        entries=(File(path=path, source=istio_tests.program("jwt-server")),),
    )
