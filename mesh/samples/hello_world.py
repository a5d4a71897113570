"""A service that says which cluster it runs in, and a client to call it from."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource

from mesh.config.model import ClusterConfig
from mesh.istio.control_plane import ControlPlane

NAMESPACE = "sample"
SERVICE = "helloworld"
PORT = 5000
CLIENT = "client"

_REQUESTS = {"cpu": "10m", "memory": "32Mi"}


class HelloWorld(pulumi.ComponentResource):
    """The same service in every cluster, told apart by its version label, which is the cluster's name.

    Modelled on `samples/helloworld` in istio/istio; mutual TLS is required in its namespace.
    """

    def __init__(
        self,
        name: str,
        *,
        cluster: ClusterConfig,
        control_plane: ControlPlane,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("mesh:index:HelloWorld", name, None, opts)
        # Pods made before istiod's injector is ready would have no proxy.
        child = pulumi.ResourceOptions(parent=self, depends_on=[control_plane.istiod])
        namespace = kubernetes.core.v1.Namespace(
            f"{name}-namespace",
            metadata={"name": NAMESPACE, "labels": {"istio-injection": "enabled"}},
            opts=child,
        ).metadata.name
        CustomResource(
            f"{name}-strict-mtls",
            api_version="security.istio.io/v1",
            kind="PeerAuthentication",
            metadata={"name": "default", "namespace": namespace},
            spec={"mtls": {"mode": "STRICT"}},
            opts=child,
        )
        kubernetes.core.v1.Service(
            f"{name}-service",
            metadata={"name": SERVICE, "namespace": namespace, "labels": {"app": SERVICE}},
            spec={
                "selector": {"app": SERVICE},
                "ports": [{"name": "http", "port": PORT, "targetPort": PORT}],
            },
            opts=child,
        )
        server = {
            "name": SERVICE,
            "image": cluster.hello_world.image,
            "env": [{"name": "SERVICE_VERSION", "value": cluster.name}],
            "ports": [{"containerPort": PORT}],
            "readinessProbe": {"httpGet": {"path": "/health", "port": PORT}},
        }
        client = {
            "name": CLIENT,
            "image": cluster.hello_world.client_image,
            "command": ["sleep", "infinity"],
        }
        _deployment(
            f"{name}-server", f"{SERVICE}-{cluster.name}", SERVICE, cluster.name, namespace, server, child
        )
        _deployment(f"{name}-client", CLIENT, CLIENT, cluster.name, namespace, client, child)
        self.register_outputs({})


def _deployment(
    logical_name: str,
    name: str,
    app: str,
    version: str,
    namespace: pulumi.Input[str],
    container: dict[str, Any],
    opts: pulumi.ResourceOptions,
) -> None:
    """One pod with one container and an account of its own, so that its mesh identity tells it apart."""
    account = kubernetes.core.v1.ServiceAccount(
        f"{logical_name}-account", metadata={"name": app, "namespace": namespace}, opts=opts
    )
    labels = {"app": app, "version": version}
    kubernetes.apps.v1.Deployment(
        f"{logical_name}-deployment",
        metadata={"name": name, "namespace": namespace, "labels": labels},
        spec={
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": account.metadata.name,
                    "terminationGracePeriodSeconds": 5,
                    "containers": [{**container, "resources": {"requests": _REQUESTS}}],
                },
            },
        },
        opts=opts,
    )
