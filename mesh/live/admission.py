"""Has istiod's webhooks asked by the API server, as for new objects; nothing is made."""

from collections.abc import Mapping

from mesh.istio.names import INJECT_LABEL, NAMESPACE, NO_REVISION, PROXY_CONTAINER, REVISION_LABEL
from mesh.live.answers import ApiError
from mesh.live.inspected import Injection
from mesh.live.istio_system import SYSTEM
from mesh.live.kubernetes_api import KubernetesApi
from mesh.live.pods import containers, environment
from mesh.live.revisions import serving_revision
from mesh.mappings import Json

_OPTS_IN: Mapping[str, str] = {INJECT_LABEL: "true"}
# istiod refuses a Gateway without a server, and so has been asked.
_GATEWAY: Json = {
    "apiVersion": "networking.istio.io/v1",
    "kind": "Gateway",
    "metadata": {"generateName": "mesh-check-"},
    "spec": {"selector": {"app": "mesh-check"}, "servers": []},
}
_GATEWAYS = f"/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/gateways"
_NO_WEBHOOK = "failed calling webhook"


def read_injection(api: KubernetesApi, revision: str | None = None) -> Injection:
    """What a new pod would get from the injector: a pod that names `revision`, or none."""
    labels = _OPTS_IN if revision is None else {REVISION_LABEL: revision}
    wanted: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": "mesh-check-", "labels": labels},
        "spec": {"containers": [{"name": "check", "image": "none"}]},
    }
    try:
        pod = api.try_to_create(f"{SYSTEM}/pods", wanted)
    except ApiError as error:
        asked = _NO_WEBHOOK in str(error)
        return Injection(problem=str(error)) if asked else Injection(unknown=str(error))
    proxy = containers(pod).get(PROXY_CONTAINER)
    if proxy is None:
        return Injection(problem="the API server makes pods without asking istiod for a proxy")
    variables = environment(pod, PROXY_CONTAINER)
    return Injection(
        image=str(proxy.get("image")),
        revision=serving_revision(pod) or NO_REVISION,
        network=variables.get("ISTIO_META_NETWORK"),
        cluster_id=variables.get("ISTIO_META_CLUSTER_ID"),
    )


def read_validation(api: KubernetesApi) -> str | None:
    """Why the API server does not have Istio's objects checked; None where it has, or that is not known."""
    try:
        api.try_to_create(_GATEWAYS, _GATEWAY)
    except ApiError as error:
        return str(error) if _NO_WEBHOOK in str(error) else None
    return "the API server takes an Istio Gateway without a server, which istiod refuses"
