"""The webhooks of the tag `default`, as the chart `istiod` renders them for `revisionTags`. Pure.

Source: `manifests/charts/istio-control/istio-discovery/templates/revision-tags-mwc.yaml` in istio/istio.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mesh.config.resolved import ClusterConfig
from mesh.istio.names import DEFAULT_TAG, ISTIOD, NAMESPACE, REVISION_LABEL, revisioned
from mesh.istio.revisions import serving
from mesh.mappings import at

_INJECT = "sidecar.istio.io/inject"
_INJECTION = "istio-injection"


def tag_webhooks(cluster: ClusterConfig) -> Sequence[Any]:
    """The webhooks that inject pods which name the tag, or no revision, for the revision that serves them.

    They lack istiod's CA, which istiod adds (`pkg/webhooks/webhookpatch.go`).
    """
    user = cluster.istio.values.istiod
    selectors = {
        "rev.namespace": (
            [_one(REVISION_LABEL, "In", DEFAULT_TAG), _one(_INJECTION, "DoesNotExist")],
            [_one(_INJECT, "NotIn", "false")],
        ),
        "rev.object": (
            [_one(REVISION_LABEL, "DoesNotExist"), _one(_INJECTION, "DoesNotExist")],
            [_one(_INJECT, "NotIn", "false"), _one(REVISION_LABEL, "In", DEFAULT_TAG)],
        ),
        "namespace": ([_one(_INJECTION, "In", "enabled")], [_one(_INJECT, "NotIn", "false")]),
        "object": (
            [_one(_INJECTION, "DoesNotExist"), _one(REVISION_LABEL, "DoesNotExist")],
            [_one(_INJECT, "In", "true"), _one(REVISION_LABEL, "DoesNotExist")],
        ),
    }
    if at(user, "sidecarInjectorWebhook", "enableNamespacesByDefault"):
        kept = ("kube-system", "kube-public", "kube-node-lease", "local-path-storage")
        selectors["auto"] = (
            [
                _one(_INJECTION, "DoesNotExist"),
                _one(REVISION_LABEL, "DoesNotExist"),
                _one("kubernetes.io/metadata.name", "NotIn", *kept),
            ],
            [_one(_INJECT, "DoesNotExist"), _one(REVISION_LABEL, "DoesNotExist")],
        )
    policy = at(user, "sidecarInjectorWebhook", "reinvocationPolicy") or "Never"
    return [
        {
            # istiod recognizes its own webhooks by this ending.
            "name": f"{prefix}.sidecar-injector.istio.io",
            "clientConfig": {
                "service": {
                    "name": revisioned(ISTIOD, serving(cluster).name),
                    "namespace": NAMESPACE,
                    "path": "/inject",
                    "port": 443,
                }
            },
            "sideEffects": "None",
            "rules": [
                {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}
            ],
            "failurePolicy": "Fail",
            "reinvocationPolicy": policy,
            "admissionReviewVersions": ["v1"],
            "namespaceSelector": {"matchExpressions": namespaces},
            "objectSelector": {"matchExpressions": pods},
        }
        for prefix, (namespaces, pods) in selectors.items()
    ]


def _one(key: str, operator: str, *values: str) -> Mapping[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}
