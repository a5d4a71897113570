"""Reads what is in `istio-system`: the control plane, its CA, remote secrets and reader tokens."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import pairwise
from typing import Any

import yaml

from mesh.config.resolved import Connection, SecretEntry, StackConfig
from mesh.istio.addresses import told
from mesh.istio.names import (
    CACERTS,
    CONTROL_PLANE_ANNOTATION,
    INJECTOR,
    ISTIOD,
    ISTIOD_CONTAINER,
    ISTIOD_PODS,
    MESH_CONFIG,
    NAMESPACE,
    NETWORK_LABEL,
    NO_REVISION,
    REMOTE_SECRET_LABEL,
    REVISION_LABEL,
    REVOCATION_LISTS,
    ROOT_CERTIFICATE,
    is_remote_secret_name,
    revisioned,
    token_generation,
)
from mesh.istio.skew import image_tag
from mesh.kubeconfig.credentials import claims, cluster_id, has_token
from mesh.kubeconfig.credentials import client_certificate as certificate_in
from mesh.live.answers import AccessError, ApiError, RefusedError, UnreachableError
from mesh.live.concurrent import for_each
from mesh.live.facts import (
    Cacerts,
    Istiod,
    ObservedCluster,
    ObservedControlPlane,
    ObservedTrust,
    RemoteSecret,
    TokenCheck,
)
from mesh.live.kubernetes_api import ExecError, KubernetesApi, secret_texts
from mesh.live.pods import containers, runs, workload
from mesh.mappings import Json, as_map, at
from mesh.pki.client_certificate import ClientCertificate, client_certificate

SYSTEM = f"/api/v1/namespaces/{NAMESPACE}"
_DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
_INJECTOR = f"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/{INJECTOR}"
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_EXEC_SECONDS = 10.0
_INTERMEDIATE_EXPIRY = re.compile(
    r"^citadel_server_cert_chain_expiry_timestamp(?:\{[^}]*\})? (\S+)$", re.MULTILINE
)
OFFLINE = "it is offline in the stack file"
AWAITED = "its kubeconfig is not known yet"
# What istiod's informers list in a remote cluster (pilot/pkg/serviceregistry/kube in istio/istio).
_LISTED_BY_ISTIOD = (
    ("", "services"),
    ("", "pods"),
    ("", "nodes"),
    ("", "namespaces"),
    ("discovery.k8s.io", "endpointslices"),
)
# And what it lists beside them for ambient workloads (pilot/pkg/serviceregistry/ambient/multicluster.go).
_LISTED_FOR_AMBIENT = (("gateway.networking.k8s.io", "gateways"),)


def read_clusters(config: StackConfig) -> dict[str, ObservedCluster]:
    """Every cluster of the stack by name, as an update will find it; all are read at once.

    Clusters that are offline in the stack file, or whose kubeconfig is not known yet, are not read.
    """
    asked = [name for name in config.online if name not in config.awaited]
    found = for_each(asked, lambda name: read_cluster(config.clusters[name].connection))
    return {
        name: found.get(name) or ObservedCluster(unreachable=AWAITED if name in config.awaited else OFFLINE)
        for name in config.clusters
    }


def read_cluster(connection: Connection) -> ObservedCluster:
    """One cluster as an update will find it."""
    try:
        api = KubernetesApi.connect(connection)
        api.get("/version")  # what answers "not found" to everything is not an empty cluster
        identity = read_identity(api)
        namespace = api.find(SYSTEM)
        if namespace is None:
            return ObservedCluster(identity=identity)
        primary = at(namespace, "metadata", "annotations", CONTROL_PLANE_ANNOTATION)
        return ObservedCluster(
            identity=identity,
            primary=primary,
            injected_network=_network_of_webhook(api) if primary else None,
            namespace_uid=at(namespace, "metadata", "uid"),
            network=network_label(namespace),
            trust=read_trust(api, private_key=True),
            control_planes=tuple(
                read_control_plane(api, deployment)
                for deployment in api.list(_DEPLOYMENTS, labelSelector=ISTIOD_PODS)
            ),
            token_secrets=token_secrets(read_remote_secrets(api)),
        )
    except UnreachableError as error:
        return ObservedCluster(unreachable=str(error))
    except RefusedError as error:
        return ObservedCluster(refused=str(error))


def read_identity(api: KubernetesApi) -> str | None:
    """The UID of kube-system, which is unique to the cluster; None if it may not be read."""
    try:
        return at(api.find("/api/v1/namespaces/kube-system"), "metadata", "uid")
    except ApiError as error:
        if error.status == HTTPStatus.FORBIDDEN:  # a user who may read the namespaces of the mesh only
            return None
        raise


def _network_of_webhook(api: KubernetesApi) -> str | None:
    """The network that pods of a remote get, from the path by which its primary's injector is asked."""
    webhooks: Sequence[Json] = at(api.find(_INJECTOR), "webhooks") or []
    paths = (str(at(webhook, "clientConfig", "service", "path")) for webhook in webhooks)
    return next((path.partition("/net/")[2] for path in paths if "/net/" in path), None)


def network_label(namespace: Json | None) -> str | None:
    """The network that istio-system is labelled with."""
    return at(namespace, "metadata", "labels", NETWORK_LABEL)


def read_trust(api: KubernetesApi, *, private_key: bool = False) -> ObservedTrust:
    """The Secret `cacerts`, its private key only on request, and the roots that istiod has loaded.

    istiod itself writes the ConfigMap `istio-ca-root-cert`, which changes only once it has loaded `cacerts`.
    It also writes `istio-ca-crl`, which is empty if istiod has seen no CRL since it started.
    """
    secret = api.find(f"{SYSTEM}/secrets/{CACERTS}")
    published = at(api.find(f"{SYSTEM}/configmaps/{ROOT_CERTIFICATE}"), "data", "root-cert.pem") or ""
    lists = at(api.find(f"{SYSTEM}/configmaps/{REVOCATION_LISTS}"), "data", "ca-crl.pem") or ""
    if secret is None:
        return ObservedTrust(published_roots=published, published_lists=lists)
    texts = secret_texts(secret)
    return ObservedTrust(
        cacerts=_cacerts(texts, private_key=private_key),
        published_roots=published,
        published_lists=lists,
    )


def _cacerts(texts: Mapping[str, str], *, private_key: bool) -> Cacerts:
    """The parts as istiod finds them: where there is a `tls.crt`, it looks at no key of its own format.

    Source: `detectSigningCABundleAndCRL` in `pilot/pkg/bootstrap/istio_ca.go` in istio/istio.
    """
    tls = "tls.crt" in texts
    certificate, roots, key = (
        texts.get(name, "")
        for name in (
            ("tls.crt", "ca.crt", "tls.key") if tls else ("ca-cert.pem", "root-cert.pem", "ca-key.pem")
        )
    )
    return Cacerts(
        certificate=certificate,
        chain=certificate + roots if tls else texts.get("cert-chain.pem", ""),
        roots=roots,
        private_key=key if private_key else "",
        tls=tls,
        revocation_lists="" if tls else texts.get("ca-crl.pem", ""),
    )


def read_istiod_pods(api: KubernetesApi) -> Sequence[Json]:
    """The pods of istiod, of all revisions."""
    return api.list(f"{SYSTEM}/pods", labelSelector=ISTIOD_PODS)


def revision_of(part: Json) -> str:
    """The revision of a part of a control plane, such as a pod. Pure."""
    return str(at(part, "metadata", "labels", REVISION_LABEL) or NO_REVISION)


def read_istiods(api: KubernetesApi, pods: Sequence[Json], expected: Iterable[str]) -> dict[str, Istiod]:
    """The control planes, by revision.

    Args:
        api: of the cluster.
        pods: those of istiod.
        expected: the revisions of the stack, which may have no pods.
    """
    revisions = dict.fromkeys((*expected, *map(revision_of, pods)))
    return for_each(
        revisions, lambda name: _istiod(api, [pod for pod in pods if revision_of(pod) == name], name)
    )


def read_signing(api: KubernetesApi) -> dict[str, dict[str, datetime]]:
    """When the intermediate of each pod of istiod expires, by revision and pod.

    Read from its metric (`RecordCertsExpiry` in `security/pkg/server/ca/server.go` in istio/istio). A pod
    that cannot be asked is left out.
    """
    command = ["pilot-discovery", "request", "GET", "/metrics"]
    found: dict[str, dict[str, datetime]] = {}
    for pod in filter(runs, read_istiod_pods(api)):
        name = str(pod["metadata"]["name"])
        try:
            output = api.execute(NAMESPACE, name, ISTIOD_CONTAINER, command, timeout=_EXEC_SECONDS).stdout
        except ExecError:
            continue
        if seconds := _INTERMEDIATE_EXPIRY.search(output):
            found.setdefault(revision_of(pod), {})[name] = datetime.fromtimestamp(float(seconds[1]), UTC)
    return found


def _istiod(api: KubernetesApi, pods: Sequence[Json], revision: str) -> Istiod:
    name = revisioned(MESH_CONFIG, revision)
    config_map = api.find(f"{SYSTEM}/configmaps/{name}")
    images = (at(containers(pod).get(ISTIOD_CONTAINER), "image") for pod in pods)
    return Istiod(
        workload=workload(pods),
        versions=tuple(dict.fromkeys(image_tag(str(image)) for image in images if image)),
        remotes=_sync_statuses(api, pods),
        mesh_configs=_mesh_configs(api, pods, config_map, name),
        told=told(config_map),
    )


def _sync_statuses(api: KubernetesApi, istiod: Iterable[Json]) -> dict[str, Mapping[str, str]]:
    """The sync status of every cluster that a pod of istiod knows, by the pod.

    A pod that cannot be asked is left out.
    """
    command = ["pilot-discovery", "request", "GET", "/debug/clusterz"]
    found: dict[str, Mapping[str, str]] = {}
    for pod in filter(runs, istiod):
        name = str(pod["metadata"]["name"])
        try:
            output = api.execute(NAMESPACE, name, ISTIOD_CONTAINER, command, timeout=_EXEC_SECONDS)
            found[name] = {str(entry["id"]): str(entry["syncStatus"]) for entry in json.loads(output.stdout)}
        except (ExecError, ValueError, KeyError, TypeError):
            continue
    return found


def _mesh_configs(
    api: KubernetesApi, istiod: Iterable[Json], config_map: Json | None, name: str
) -> dict[str, Mapping[str, Any]]:
    """The mesh configuration in the ConfigMap, and that which each pod of istiod has loaded, by where it is.

    A pod that cannot be asked is left out. What cannot be parsed is empty.
    """
    command = ["pilot-discovery", "request", "GET", "/debug/mesh"]
    found: dict[str, Mapping[str, Any]] = {f"the ConfigMap {name}": _parsed(config_map) or {}}
    for pod in filter(runs, istiod):
        name = str(pod["metadata"]["name"])
        try:
            output = api.execute(NAMESPACE, name, ISTIOD_CONTAINER, command, timeout=_EXEC_SECONDS)
            found[name] = as_map(json.loads(output.stdout)) or {}
        except (ExecError, ValueError):
            continue
    return found


def read_remote_secrets(api: KubernetesApi) -> tuple[RemoteSecret, ...]:
    """The Secrets with istiod's label, and those that are named like remote secrets but lack the label."""
    found: list[RemoteSecret] = []
    for secret in api.list(f"{SYSTEM}/secrets", fieldSelector="type=Opaque"):
        name = str(secret["metadata"]["name"])
        labelled = at(secret, "metadata", "labels", REMOTE_SECRET_LABEL) == "true"
        if labelled or is_remote_secret_name(name):
            found.append(RemoteSecret(name=name, labelled=labelled, kubeconfigs=secret_texts(secret)))
    return tuple(found)


def read_written_secrets(api: KubernetesApi, entries: Mapping[str, SecretEntry]) -> dict[str, RemoteSecret]:
    """The Secrets that something else writes in place of remote secrets, by remote cluster."""
    found: dict[str, RemoteSecret] = {}
    for remote, entry in entries.items():
        secret = api.find(f"{SYSTEM}/secrets/{entry.name}")
        if secret is not None:
            text = secret_texts(secret).get(entry.key)
            kubeconfigs = {cluster_id(text) or "": text} if text else {}
            found[remote] = RemoteSecret(name=entry.name, labelled=True, kubeconfigs=kubeconfigs)
    return found


def read_client_certificate(kubeconfig: str) -> ClientCertificate | None:
    """The client certificate in a kubeconfig for peers. Pure."""
    return client_certificate(certificate_in(kubeconfig), alone=not has_token(kubeconfig))


def token_secrets(secrets: Iterable[RemoteSecret]) -> dict[str, str]:
    """For each remote cluster the Secret that the token in its remote secret comes from. Pure.

    A token that was not made from a Secret is left out.
    """
    kubeconfigs = {key: text for s in secrets if s.labelled for key, text in s.kubeconfigs.items()}
    named = {cluster: _token_secret(text) for cluster, text in kubeconfigs.items()}
    return {cluster: name for cluster, name in named.items() if name}


def read_reader_tokens(api: KubernetesApi) -> dict[int, datetime]:
    """The creation time of each generation of the reader's token."""
    secrets = api.list(f"{SYSTEM}/secrets", fieldSelector="type=kubernetes.io/service-account-token")
    created = {
        token_generation(str(secret["metadata"]["name"])): str(secret["metadata"]["creationTimestamp"])
        for secret in secrets
    }
    return {g: datetime.fromisoformat(time) for g, time in created.items() if g is not None}


def check_token(kubeconfig: str, *, ambient: bool = False) -> TokenCheck:
    """Ask the API server in a remote secret's kubeconfig what its token may do.

    With `ambient`, also what is needed to find the gateways of ambient workloads.
    """
    try:
        api = KubernetesApi.from_kubeconfig(kubeconfig)
        wanted = (*_LISTED_BY_ISTIOD, *(_LISTED_FOR_AMBIENT if ambient else ()))
        return TokenCheck(denied=tuple(_denied(api, wanted)))
    except ApiError as error:
        return TokenCheck(refused=True) if error.status == 401 else TokenCheck(problem=str(error))
    except AccessError as error:
        return TokenCheck(wrong_server=str(error), fault=error.fault)
    except RefusedError as error:
        return TokenCheck(wrong_server=str(error))
    except (ValueError, UnreachableError) as error:
        return TokenCheck(problem=str(error))


def read_control_plane(api: KubernetesApi, deployment: Json) -> ObservedControlPlane:
    """The settings of an istiod, by its Deployment."""
    revision = revision_of(deployment)
    environment = istiod_environment(deployment)
    mesh_config = _mesh_config(api.find(f"{SYSTEM}/configmaps/{revisioned(MESH_CONFIG, revision)}"), revision)
    defaults = as_map(mesh_config.get("defaultConfig")) or {}
    metadata = as_map(defaults.get("proxyMetadata")) or {}
    return ObservedControlPlane(
        cluster_id=environment.get("CLUSTER_ID") or None,
        mesh_id=str(defaults["meshId"]) if defaults.get("meshId") else None,
        network=_injected_network(api.find(f"{SYSTEM}/configmaps/{revisioned(INJECTOR, revision)}")),
        cluster_domain=_argument(deployment, "--domain"),
        mesh_config=mesh_config,
        multi_root=environment.get("ISTIO_MULTIROOT_MESH", "").lower() == "true",
        xds_agent=str(metadata.get("PROXY_CONFIG_XDS_AGENT", "")).lower() == "true",
    )


def istiod_environment(deployment: Json) -> dict[str, str]:
    """The variables of a Deployment's containers, empty if the value comes from elsewhere. Pure."""
    own: Sequence[Json] = at(deployment, "spec", "template", "spec", "containers") or []
    variables = [variable for container in own for variable in container.get("env") or ()]
    return {str(variable["name"]): str(variable.get("value", "")) for variable in variables}


def _injected_network(config_map: Json | None) -> str | None:
    try:
        return at(as_map(json.loads(at(config_map, "data", "values") or "{}")), "global", "network") or None
    except ValueError:
        return None


def _argument(deployment: Json, option: str) -> str | None:
    """What follows an option on istiod's command line."""
    own: Sequence[Json] = at(deployment, "spec", "template", "spec", "containers") or []
    arguments = [str(argument) for container in own for argument in container.get("args") or ()]
    return next((value for name, value in pairwise(arguments) if name == option), None)


def _parsed(config_map: Json | None) -> Mapping[str, Any] | None:
    """The mesh configuration in a ConfigMap; None where it is not valid YAML."""
    try:
        return as_map(yaml.safe_load(at(config_map, "data", "mesh") or "")) or {}
    except yaml.YAMLError:
        return None


def _mesh_config(config_map: Json | None, revision: str) -> Mapping[str, Any]:
    if (document := _parsed(config_map)) is None:
        release = revisioned(ISTIOD, revision)
        raise ApiError(
            HTTPStatus.OK,
            f"the ConfigMap {NAMESPACE}/{revisioned(MESH_CONFIG, revision)} has a mesh configuration that is "
            f"not valid YAML; expected what the chart istiod made: run `helm -n {NAMESPACE} get manifest "
            f"{release}` to see it",
        )
    return document


def _token_secret(kubeconfig: str) -> str | None:
    name = claims(kubeconfig).get("kubernetes.io/serviceaccount/secret.name")
    return str(name) if name else None


def _denied(api: KubernetesApi, wanted: Iterable[tuple[str, str]]) -> Iterable[str]:
    for group, resource in wanted:
        review = api.post(
            _REVIEWS,
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {"verb": "list", "group": group, "resource": resource}},
            },
        )
        if not at(review, "status", "allowed"):
            yield f"list {resource}"
