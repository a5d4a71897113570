"""How far a proxy's version may be from its control plane's. Pure.

Istio supports proxies that are at most one minor version behind their control plane, and none that are ahead
of it (https://istio.io/latest/docs/releases/supported-releases/).
"""

import re

_BEHIND = 1
_MINOR = re.compile(r"1\.(\d+)(?:\D.*)?")


def image_tag(image: str) -> str:
    """The version in an image's reference, which may have a digest behind it."""
    return image.partition("@")[0].rpartition(":")[2]


def skew(control_plane: str, proxy: str) -> str | None:
    """Why a proxy's version is against Istio's policy; None if it is not, or is unknown.

    Args:
        control_plane: a version such as `1.31.0`, or a tag of an image.
        proxy: the same.
    """
    own, served = _MINOR.fullmatch(control_plane), _MINOR.fullmatch(proxy)
    if own is None or served is None:
        return None
    behind = int(own[1]) - int(served[1])
    if behind < 0:
        return "is newer than that"
    return f"is {behind} minor versions behind that" if behind > _BEHIND else None
