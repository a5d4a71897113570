"""What the programs of the Kubernetes tests are made of."""

from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from tests.plugins.kubernetes.control_plane import ControlPlane


def provider(plane: ControlPlane, **settings: Any) -> k8s.Provider:
    """Make a provider as the project's program does; `settings` are set on top."""
    chosen = {
        "kubeconfig": str(plane.kubeconfig),
        "context": plane.name,
        "cluster_identifier": plane.name,
        "enable_secret_mutable": True,
        "enable_config_map_mutable": True,
        **settings,
    }
    return k8s.Provider(plane.name, **chosen)


def options(plane: ControlPlane, **settings: Any) -> pulumi.ResourceOptions:
    """Make a provider for a control plane, and the options that use it."""
    return pulumi.ResourceOptions(provider=provider(plane, **settings))
