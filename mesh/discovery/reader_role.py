"""Rights of the reader without those that istiod can do without: no Secrets, nothing written."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from mesh.istio.names import READER_ROLE

_READ = ("get", "list", "watch")
_READABLE: Sequence[tuple[Sequence[str], Sequence[str]]] = (
    (("",), ("endpoints", "namespaces", "nodes", "pods", "replicationcontrollers", "services")),
    (("apps",), ("replicasets",)),
    (("discovery.k8s.io",), ("endpointslices",)),
    (("apiextensions.k8s.io",), ("customresourcedefinitions",)),
    (("gateway.networking.k8s.io",), ("gateways",)),
    (("multicluster.x-k8s.io",), ("serviceexports", "serviceimports")),
    (("networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"), ("*",)),
)
_REVIEWS = (("authentication.k8s.io", "tokenreviews"), ("authorization.k8s.io", "subjectaccessreviews"))


# What the istiod that serves a cluster from elsewhere writes there: roots, locks, and its webhooks' CA.
_SERVED: Sequence[tuple[str, str, Sequence[str]]] = (
    ("", "configmaps", (*_READ, "create", "update")),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", (*_READ, "update", "patch")),
)


def minimal_role(
    name: str, *, account: str, namespace: pulumi.Input[str], serves: bool, opts: pulumi.ResourceOptions
) -> kubernetes.rbac.v1.ClusterRoleBinding:
    """A ClusterRole of our own, bound to the reader's account.

    With `serves`, a control plane elsewhere serves the cluster by the account.
    The chart's role, for comparison: `templates/reader-clusterrole.yaml` of the chart `istiod`.
    """
    rules = [
        *(
            PolicyRuleArgs(api_groups=list(groups), resources=list(names), verbs=list(_READ))
            for groups, names in _READABLE
        ),
        *(PolicyRuleArgs(api_groups=[group], resources=[name], verbs=["create"]) for group, name in _REVIEWS),
    ]
    # istiod compares its mesh configuration with that of the cluster it reads.
    rules.append(
        PolicyRuleArgs(api_groups=[""], resources=["configmaps"], resource_names=["istio"], verbs=list(_READ))
    )
    if serves:
        rules += [PolicyRuleArgs(api_groups=[g], resources=[n], verbs=list(v)) for g, n, v in _SERVED]
    role = kubernetes.rbac.v1.ClusterRole(
        f"{name}-minimal-role",
        metadata={"name": READER_ROLE},
        rules=rules,
        opts=opts,
    )
    return kubernetes.rbac.v1.ClusterRoleBinding(
        f"{name}-minimal-role-binding",
        metadata={"name": READER_ROLE},
        role_ref={
            "api_group": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": role.metadata.name,
        },
        subjects=[{"kind": "ServiceAccount", "name": account, "namespace": namespace}],
        opts=opts,
    )
