"""Which versions of Kubernetes each minor version of Istio supports. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mesh.config.types import version_tuple

_MINOR = re.compile(r"v?1\.(\d+)(?:\D.*)?")


@dataclass(frozen=True, kw_only=True)
class SupportedKubernetes:
    """Minor versions of Kubernetes 1: supported from `oldest` to `newest`, and tested from `tested` on."""

    tested: int
    oldest: int
    newest: int


SUPPORTED: Mapping[int, SupportedKubernetes] = {
    27: SupportedKubernetes(tested=24, oldest=29, newest=33),
    28: SupportedKubernetes(tested=25, oldest=30, newest=34),
    29: SupportedKubernetes(tested=26, oldest=31, newest=35),
    30: SupportedKubernetes(tested=27, oldest=32, newest=36),
    31: SupportedKubernetes(tested=27, oldest=32, newest=37),
}
"""By the minor version of Istio 1, from Istio's table of supported releases
(`data/compatibility/supportStatus.yml` in istio/istio.io, shown at
https://istio.io/latest/docs/releases/supported-releases/)."""


def kubernetes_warning(istio: str, kubernetes: str) -> str | None:
    """Why Istio does not support this version of Kubernetes; None where it does, or where nothing is known.

    Args:
        istio: a full version, such as `1.31.0`.
        kubernetes: the `gitVersion` of an API server, such as `v1.33.4-gke.1000`.

    Raises:
        ValueError: `kubernetes` is no version of Kubernetes 1.
    """
    found = _MINOR.fullmatch(kubernetes)
    if found is None:
        raise ValueError(f"{kubernetes!r} is no version of Kubernetes; expected one such as v1.33.4")
    minor = int(found[1])
    _, line, _ = version_tuple(istio)
    supported = SUPPORTED.get(line)
    if supported is None or supported.oldest <= minor <= supported.newest:
        return None
    message = (
        f"Istio 1.{line} supports Kubernetes 1.{supported.oldest} to 1.{supported.newest}, and this is "
        f"1.{minor}"
    )
    if minor > supported.newest:
        able = [other for other, range_ in SUPPORTED.items() if range_.oldest <= minor <= range_.newest]
        instead = f"upgrade Istio to 1.{min(able)} or later" if able else "no Istio known here supports it"
        return f"{message}; {instead}"
    if minor >= supported.tested:
        message += ", which Istio only tests"
    return f"{message}; upgrade Kubernetes to 1.{supported.oldest} or later"
