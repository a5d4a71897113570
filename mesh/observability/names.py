"""Names of what is made for observability: what looks for it needs them without Pulumi's classes."""

RULES = "istio-mesh"
"""Name of the PrometheusRule."""
DASHBOARD = "istio-mesh-dashboard"
"""Name of the ConfigMap with the Grafana dashboard."""
KIALI_ACCOUNT = "istio-mesh-kiali"
"""Name of the account by which Kiali reads a cluster, and of its roles and bindings."""
KIALI_TOKEN = "istio-mesh-kiali-token"  # noqa: S105 - a name
KIALI_READER = "kiali-reader"
"""End of the logical name of a cluster's `KialiReader`, after the cluster's name."""
KIALI_SECRET = "kiali-multi-cluster-secret"  # noqa: S105 - a name
