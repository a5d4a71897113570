"""Internal load balancers of clouds, by the annotations of a Service that ask for them. Pure.

Sources, each the cloud's own documentation:
AWS, for the AWS Load Balancer Controller 2.2 and later, which makes a Network Load Balancer of it:
https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/service/annotations/
Google: https://cloud.google.com/kubernetes-engine/docs/concepts/service-load-balancer-parameters
Azure: https://learn.microsoft.com/azure/aks/internal-lb
"""

from collections.abc import Mapping

from mesh.config.types import LoadBalancerPreset

_AWS = "service.beta.kubernetes.io/aws-load-balancer"
_GKE = "networking.gke.io"

PRESETS: Mapping[LoadBalancerPreset, Mapping[str, str]] = {
    LoadBalancerPreset.AWS_INTERNAL: {
        # For the controller: without it, the cloud provider makes a Classic Load Balancer.
        f"{_AWS}-type": "external",
        f"{_AWS}-scheme": "internal",
        f"{_AWS}-nlb-target-type": "ip",
    },
    LoadBalancerPreset.GCP_INTERNAL: {
        f"{_GKE}/load-balancer-type": "Internal",
        # Else clusters in other regions of the VPC cannot connect to it.
        f"{_GKE}/internal-load-balancer-allow-global-access": "true",
    },
    LoadBalancerPreset.AZURE_INTERNAL: {
        "service.beta.kubernetes.io/azure-load-balancer-internal": "true",
    },
}
