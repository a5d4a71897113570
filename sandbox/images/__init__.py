"""The sandbox's container images, put together without Docker from this machine's tools and packages.

    from sandbox import images
    tars = images.ensure()                    # all, as list[Path]
    first = images.ensure(["pause", "coredns"])
    images.references()["pilot"]              # ("localhost/istio/pilot:1.31.0", ...)

Each tar is for `ctr --namespace k8s.io images import`. The Debian packages of `sandbox.packages` have to be
there: busybox, curl and iptables go into the images.
"""

from sandbox.images.recipes import references
from sandbox.images.supply import ensure

__all__ = ["ensure", "references"]
