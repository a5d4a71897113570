"""Whether Istio supports the version of Kubernetes of a cluster. Pure."""

from mesh.health.finding import Finding, Reason, Severity
from mesh.istio.kubernetes_versions import kubernetes_warning


def kubernetes(cluster: str, istio: str, version: str) -> Finding | None:
    """A cluster whose version of Kubernetes Istio's does not support."""
    warning = kubernetes_warning(istio, version)
    if warning is None:
        return None
    return Finding(
        reason=Reason.KUBERNETES_NOT_SUPPORTED,
        severity=Severity.WARNING,
        cluster=cluster,
        message=f"{cluster}: {warning}",
        hint="see https://istio.io/latest/docs/releases/supported-releases/",
    )
