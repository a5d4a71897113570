"""How one Kiali sees all clusters: an account in each of them, and one Secret where Kiali runs.

The Secret's name, label and keys: `kiali.io/docs/configuration/multi-cluster`; Kiali's chart and operator
mount a Secret of that name where there is one.
"""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, RoleRefArgs, SubjectArgs

from mesh.config.resolved import ClusterConfig
from mesh.discovery.reader import token_kubeconfig
from mesh.observability.names import KIALI_ACCOUNT, KIALI_SECRET, KIALI_TOKEN

# By it, Kiali's operator starts Kiali again after a change.
_SECRET_LABELS = {"kiali.io/kiali-multi-cluster-secret": "true"}

_READ = ["get", "list", "watch"]
_READABLE: Sequence[tuple[Sequence[str], Sequence[str]]] = (
    (
        ("",),
        (
            "configmaps",
            "endpoints",
            "namespaces",
            "nodes",
            "pods",
            "pods/log",
            "replicationcontrollers",
            "services",
        ),
    ),
    (("apps",), ("daemonsets", "deployments", "replicasets", "statefulsets")),
    (("autoscaling",), ("horizontalpodautoscalers",)),
    (("batch",), ("cronjobs", "jobs")),
    (("admissionregistration.k8s.io",), ("mutatingwebhookconfigurations",)),
    (
        (
            "extensions.istio.io",
            "gateway.networking.k8s.io",
            "inference.networking.k8s.io",
            "networking.istio.io",
            "security.istio.io",
            "telemetry.istio.io",
        ),
        ("*",),
    ),
)


class KialiReader(pulumi.ComponentResource):
    """The account by which Kiali reads a cluster, its token, and a kubeconfig with it.

    Its rights are those of Kiali's own role without whatever changes something (`kiali-server` in
    kiali/helm-charts, `templates/role-viewer.yaml`), and with ports forwarded in Istio's namespace alone: by
    them Kiali asks istiod.
    """

    kubeconfig: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        cluster: ClusterConfig,
        *,
        namespace: pulumi.Input[str],
        home: str,
        awaited: pulumi.Output[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it in `cluster`, for a Kiali that runs in the cluster `home`.

        `awaited` is as for `mesh.discovery.reader.Reader`.
        """
        super().__init__("mesh:index:KialiReader", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        account = kubernetes.core.v1.ServiceAccount(
            f"{name}-account", metadata={"name": KIALI_ACCOUNT, "namespace": namespace}, opts=child
        )
        subjects = [SubjectArgs(kind="ServiceAccount", name=KIALI_ACCOUNT, namespace=namespace)]
        view = kubernetes.rbac.v1.ClusterRole(
            f"{name}-cluster-role",
            metadata={"name": KIALI_ACCOUNT},
            rules=[
                *(
                    PolicyRuleArgs(api_groups=list(groups), resources=list(names), verbs=_READ)
                    for groups, names in _READABLE
                ),
                PolicyRuleArgs(
                    api_groups=["authentication.k8s.io"], resources=["tokenreviews"], verbs=["create"]
                ),
            ],
            opts=child,
        )
        kubernetes.rbac.v1.ClusterRoleBinding(
            f"{name}-cluster-role-binding",
            metadata={"name": KIALI_ACCOUNT},
            role_ref=_role_ref("ClusterRole", view.metadata.name),
            subjects=subjects,
            opts=child,
        )
        forward = kubernetes.rbac.v1.Role(
            f"{name}-role",
            metadata={"name": KIALI_ACCOUNT, "namespace": namespace},
            rules=[PolicyRuleArgs(api_groups=[""], resources=["pods/portforward"], verbs=["create"])],
            opts=child,
        )
        kubernetes.rbac.v1.RoleBinding(
            f"{name}-role-binding",
            metadata={"name": KIALI_ACCOUNT, "namespace": namespace},
            role_ref=_role_ref("Role", forward.metadata.name),
            subjects=subjects,
            opts=child,
        )
        token = kubernetes.core.v1.Secret(
            f"{name}-token",
            type="kubernetes.io/service-account-token",
            metadata={
                "name": KIALI_TOKEN,
                "namespace": namespace,
                "annotations": {"kubernetes.io/service-account.name": account.metadata.name},
            },
            opts=child,
        )
        self.kubeconfig = token_kubeconfig(cluster.name, cluster.api_server_for(home), token.data, awaited)


def kiali_secret(
    name: str,
    namespace: pulumi.Input[str],
    kubeconfigs: Mapping[str, pulumi.Input[str]],
    opts: pulumi.ResourceOptions,
) -> kubernetes.core.v1.Secret:
    """Declare the Secret with the kubeconfigs of all other clusters, by their names.

    Args:
        name: its logical name.
        namespace: where Kiali runs.
        kubeconfigs: of the other clusters.
        opts: with the provider of the cluster in which Kiali runs.
    """
    return kubernetes.core.v1.Secret(
        name,
        metadata={"name": KIALI_SECRET, "namespace": namespace, "labels": _SECRET_LABELS},
        string_data=kubeconfigs,
        opts=opts,
    )


def _role_ref(kind: str, name: pulumi.Input[str]) -> RoleRefArgs:
    return RoleRefArgs(api_group="rbac.authorization.k8s.io", kind=kind, name=name)
