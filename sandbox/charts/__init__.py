"""Istio's charts as an ordinary Helm repository, made from the Go module `istio.io/istio`.

    from sandbox import charts
    folder = charts.ensure()        # index.yaml and <chart>-<version>.tgz

    python -m sandbox.charts --directory <folder> --address 127.0.0.1 --port 8879

The same charts are there under two versions, `versions.ISTIO` and `versions.ISTIO_NEXT`: an upgrade from
one to the other runs like a real one and changes the version and the images' tags, nothing else. Those of
`versions.ISTIO_EARLIER` are of another Istio, whose images `sandbox.images.on_demand` has. `istiod` of the
first two has one more template, for the proxies of an ambient mesh: see `upstream_envoy`.
"""

from sandbox.charts.repository import ensure

__all__ = ["ensure"]
