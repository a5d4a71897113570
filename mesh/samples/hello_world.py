"""A service that says which cluster it runs in, and a client to call it from."""

from collections.abc import Mapping, Sequence, Set

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apps.v1 import DeploymentSpecArgs
from pulumi_kubernetes.core.v1 import (
    ContainerArgs,
    ContainerPortArgs,
    EnvVarArgs,
    HTTPGetActionArgs,
    LifecycleArgs,
    LifecycleHandlerArgs,
    PodSpecArgs,
    PodTemplateSpecArgs,
    ProbeArgs,
    ResourceRequirementsArgs,
    ServicePortArgs,
    ServiceSpecArgs,
    SleepActionArgs,
)
from pulumi_kubernetes.meta.v1 import LabelSelectorArgs, ObjectMetaArgs

from mesh.config.resolved import ClusterConfig
from mesh.istio.hosts import cluster_domain
from mesh.istio.names import DATA_PLANE_LABEL, GLOBAL_LABEL, REVISION_ANNOTATION
from mesh.istio.namespace import namespace as istio_namespace
from mesh.istio.revisions import serving
from mesh.plan import ClusterPlan
from mesh.samples.names import CLIENT, NAMESPACE, PORT, SERVICE

_PROBE_SECONDS = 2
_DRAIN_SECONDS = 5
"""As long as its proxy goes on after the pod was told to end (`terminationDrainDuration`)."""


# Of the pods, not of the namespace: so a cluster that changes sides moves them one by one.
_AMBIENT = {DATA_PLANE_LABEL: "ambient", "sidecar.istio.io/inject": "false"}


class HelloWorld(pulumi.ComponentResource):
    """The same service in every cluster, told apart by its version label, which is the cluster's name.

    Modelled on `samples/helloworld` in istio/istio; mutual TLS is required in its namespace. Its pods are
    ambient where the cluster has no workloads with sidecars.
    """

    def __init__(
        self,
        name: str,
        cluster: ClusterConfig,
        *,
        ready: Sequence[pulumi.Resource],
        plan: ClusterPlan,
        kept: Set[str] = frozenset(),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare the sample; `ready` is what its pods need to be in the mesh."""
        super().__init__("mesh:index:HelloWorld", name, None, opts)
        revision = serving(cluster).name
        ambient = not cluster.data_plane.has_sidecars
        child = pulumi.ResourceOptions(parent=self)
        after = pulumi.ResourceOptions(parent=self, depends_on=ready)
        namespace = istio_namespace(
            f"{name}-namespace",
            NAMESPACE,
            # In ambient clusters too, whose pods refuse it: an update would drop what users annotated with
            # kubectl (`fixCSAFieldManagers` in pulumi/pulumi-kubernetes), such as what keeps calls inside.
            {"istio-injection": "enabled"},
            kept=f"{name}-namespace" in kept,
            opts=child,
        )
        if cluster.control_plane is None:  # that of a primary holds for its remotes too
            CustomResource(
                f"{name}-strict-mtls",
                api_version="security.istio.io/v1",
                kind="PeerAuthentication",
                metadata={"name": "default", "namespace": namespace},
                spec={"mtls": {"mode": "STRICT"}},
                opts=after,
            )
        if plan.shared_ways and cluster.control_plane is None:
            # A gateway passes connections on, not calls: all on one that is kept end in one cluster.
            CustomResource(
                f"{name}-connections",
                api_version="networking.istio.io/v1",
                kind="DestinationRule",
                metadata={"name": SERVICE, "namespace": namespace},
                spec={
                    "host": f"{SERVICE}.{NAMESPACE}.svc.{cluster_domain(cluster)}",
                    "trafficPolicy": {"connectionPool": {"http": {"maxRequestsPerConnection": 1}}},
                },
                opts=after,
            )
        kubernetes.core.v1.Service(
            f"{name}-service",
            metadata={
                "name": SERVICE,
                "namespace": namespace,
                "labels": {"app": SERVICE, **_scope(plan)},
                # Else the provider waits 10 s from the endpoints' last change on (its pkg/await/service.go);
                # that the pods are ready, the Deployment says.
                "annotations": {"pulumi.com/skipAwait": "true"},
            },
            spec=ServiceSpecArgs(
                selector={"app": SERVICE}, ports=[ServicePortArgs(name="http", port=PORT, target_port=PORT)]
            ),
            opts=child,
        )
        resources = ResourceRequirementsArgs(requests={"cpu": "10m", "memory": "32Mi"})
        server = ContainerArgs(
            name=SERVICE,
            image=cluster.hello_world.image,
            env=[EnvVarArgs(name="SERVICE_VERSION", value=cluster.name)],
            ports=[ContainerPortArgs(container_port=PORT)],
            # The first try comes too early on a busy node, and Kubernetes' next one 10 s after it.
            readiness_probe=ProbeArgs(
                http_get=HTTPGetActionArgs(path="/health", port=PORT), period_seconds=_PROBE_SECONDS
            ),
            # Callers in all clusters hear a moment later that the pod goes; until then it answers.
            lifecycle=LifecycleArgs(
                pre_stop=LifecycleHandlerArgs(sleep=SleepActionArgs(seconds=_DRAIN_SECONDS))
            ),
            resources=resources,
        )
        client = ContainerArgs(
            name=CLIENT,
            image=cluster.hello_world.client_image,
            command=["sleep", "infinity"],
            resources=resources,
        )
        for role, deployment, app, container in (
            ("server", f"{SERVICE}-{cluster.name}", SERVICE, server),
            ("client", CLIENT, CLIENT, client),
        ):
            _workload(
                f"{name}-{role}",
                name=deployment,
                labels={"app": app, "version": cluster.name},
                mesh_labels=_AMBIENT if ambient else {},
                annotations={REVISION_ANNOTATION: revision} if revision and not ambient else {},
                namespace=namespace,
                container=container,
                ready=ready,
                opts=child,
            )


def _scope(plan: ClusterPlan) -> dict[str, str]:
    """The Service's label that says whether it is called over networks."""
    return {} if plan.sample_scope is None else {GLOBAL_LABEL: str(plan.sample_scope).lower()}


def _workload(
    logical_name: str,
    *,
    name: str,
    labels: dict[str, str],
    mesh_labels: Mapping[str, str],
    annotations: Mapping[str, str],
    namespace: pulumi.Input[str],
    container: ContainerArgs,
    ready: Sequence[pulumi.Resource],
    opts: pulumi.ResourceOptions,
) -> None:
    """One pod with one container and an account of its own, so that its mesh identity tells it apart.

    Pods made before istiod's injector is ready would have no proxy, and ambient ones do not start without
    ztunnel: `ready` is what they wait for.
    """
    account = kubernetes.core.v1.ServiceAccount(
        f"{logical_name}-account", metadata={"name": labels["app"], "namespace": namespace}, opts=opts
    )
    pod = PodSpecArgs(
        service_account_name=account.metadata.name,
        termination_grace_period_seconds=_DRAIN_SECONDS + 1,
        containers=[container],
    )
    kubernetes.apps.v1.Deployment(
        f"{logical_name}-deployment",
        metadata={"name": name, "namespace": namespace, "labels": labels},
        spec=DeploymentSpecArgs(
            replicas=1,
            selector=LabelSelectorArgs(match_labels=labels),
            template=PodTemplateSpecArgs(
                metadata=ObjectMetaArgs(labels={**labels, **mesh_labels}, annotations=annotations or None),
                spec=pod,
            ),
        ),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=ready)),
    )
