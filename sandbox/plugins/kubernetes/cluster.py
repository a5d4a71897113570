"""One cluster's API server, through the official client: plain JSON objects in and out."""

import dataclasses
import json
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import urllib3
from kubernetes.client.api_client import ApiClient
from kubernetes.client.configuration import Configuration
from kubernetes.config.config_exception import ConfigException
from kubernetes.config.kube_config import load_kube_config_from_dict

from sandbox.plugins.kubernetes.kubeconfig import Access, KubeconfigError, with_memory_files
from sandbox.plugins.kubernetes.readiness import Look
from sandbox.plugins.protocol import ProviderError

_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 60
_BUSY_ATTEMPTS = 5
_MAX_CONNECTIONS = 64

APPLY = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
_JSON = "application/json"


class ApiError(ProviderError):
    """An answer of the API server that is an error; the message is the server's own."""

    def __init__(self, *, code: int, reason: str, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.kind = kind

    @property
    def is_missing(self) -> bool:
        """Whether the object, or what it is in, does not exist."""
        return self.code == 404

    @property
    def is_missing_namespace(self) -> bool:
        """Whether it is the namespace that does not exist."""
        return self.code == 404 and self.kind == "namespaces"

    @property
    def is_existing(self) -> bool:
        """Whether an object of that name exists already."""
        return self.reason == "AlreadyExists"


class UnreachableError(ProviderError):
    """The API server does not answer."""


class NoKindError(ProviderError):
    """The API server does not serve the kind."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where objects of a kind are: the collection's path and whether it is inside of namespaces."""

    base: str
    plural: str
    namespaced: bool

    def path(self, namespace: str, name: str = "") -> str:
        """Give the path of an object, or of the collection without a name."""
        middle = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{self.base}{middle}/{self.plural}" + (f"/{name}" if name else "")


class Cluster:
    """A client for one cluster; safe to use from several threads."""

    def __init__(self, access: Access) -> None:
        self.access = access
        configuration = Configuration()
        configuration.connection_pool_maxsize = _MAX_CONNECTIONS
        # An unreachable server is reported after one attempt; an answer that broke off is asked again.
        configuration.retries = urllib3.Retry(total=1, connect=0, read=1, status=0, redirect=0)
        try:
            load_kube_config_from_dict(
                with_memory_files(access.as_kubeconfig()), client_configuration=configuration
            )
        except (ConfigException, ValueError, KeyError) as error:
            raise KubeconfigError(f"the kubeconfig cannot be used: {error}") from error
        self._client = ApiClient(configuration)
        self._client.user_agent = "istio-mesh-sandbox"
        self._known: dict[str, dict[str, Endpoint]] = {}
        self._lock = threading.Lock()

    def ping(self) -> None:
        """Ask for the API groups: fails where the server is away or refuses the credentials."""
        self.request("GET", "/apis")

    def endpoint(self, api_version: str, kind: str) -> Endpoint:
        """Find where a kind is served; asks again for kinds not seen before, which may be new.

        Raises NoKindError.
        """
        with self._lock:
            found = self._known.get(api_version, {}).get(kind)
        if found is None:
            discovered = self._discover(api_version)
            with self._lock:
                self._known[api_version] = discovered
            found = discovered.get(kind)
        if found is None:
            raise NoKindError(f'the server has no resource type for "{kind}" in "{api_version}"')
        return found

    def get(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """Read the object of the same kind, namespace and name."""
        return self.request("GET", self._path(obj))

    def find(self, obj: Mapping[str, Any]) -> dict[str, Any] | None:
        """Read the object, or give None where it or its kind does not exist."""
        try:
            return self.get(obj)
        except NoKindError:
            return None
        except ApiError as error:
            if error.is_missing:
                return None
            raise

    def list(
        self, api_version: str, kind: str, namespace: str, query: Mapping[str, str]
    ) -> Sequence[dict[str, Any]]:
        """List objects of a kind; `query` holds selectors."""
        path = self.endpoint(api_version, kind).path(namespace)
        return self.request("GET", path, query=query).get("items") or []

    def look(self, namespace: str) -> Look:
        """Give a function that lists objects for the rules of readiness."""

        def listed(
            api_version: str, kind: str, *, name: str = "", labels: Mapping[str, str] | None = None
        ) -> Sequence[Mapping[str, Any]]:
            query = {"fieldSelector": f"metadata.name={name}"} if name else {}
            if labels:
                query["labelSelector"] = ",".join(f"{key}={value}" for key, value in labels.items())
            return self.list(api_version, kind, namespace, query)

        return listed

    def create(self, obj: Mapping[str, Any], *, manager: str, dry_run: bool) -> dict[str, Any]:
        """Create an object."""
        metadata = obj["metadata"]
        endpoint = self.endpoint(obj["apiVersion"], obj["kind"])
        return self.request(
            "POST",
            endpoint.path(metadata.get("namespace", "")),
            query={"fieldManager": manager, **_dry(dry_run)},
            body=obj,
        )

    def apply(self, obj: Mapping[str, Any], *, manager: str, force: bool, dry_run: bool) -> dict[str, Any]:
        """Apply an object on the server (https://kubernetes.io/docs/reference/using-api/server-side-apply)."""
        return self.request(
            "PATCH",
            self._path(obj),
            query={"fieldManager": manager, "force": str(force).lower(), **_dry(dry_run)},
            body=obj,
            content_type=APPLY,
        )

    def replace(self, obj: Mapping[str, Any], *, manager: str, dry_run: bool) -> dict[str, Any]:
        """Put an object in the place of the one that has its resource version."""
        return self.request(
            "PUT", self._path(obj), query={"fieldManager": manager, **_dry(dry_run)}, body=obj
        )

    def patch(self, obj: Mapping[str, Any], operations: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Apply JSON Patch operations to an object."""
        return self.request("PATCH", self._path(obj), body=list(operations), content_type=JSON_PATCH)

    def delete(self, obj: Mapping[str, Any], *, propagation: str) -> None:
        """Ask for an object's deletion: `Foreground`, `Background` or `Orphan`."""
        self.request("DELETE", self._path(obj), body={"propagationPolicy": propagation})

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = _JSON,
    ) -> dict[str, Any]:
        """Send one request and give the answer's JSON.

        Raises ApiError for an error of the server, UnreachableError where there is no answer.
        """
        for attempt in range(_BUSY_ATTEMPTS):
            status, headers, text = self._send(method, path, query or {}, body, content_type)
            if status != 429 or attempt == _BUSY_ATTEMPTS - 1:
                break
            time.sleep(min(float(headers.get("Retry-After") or 1), 10))
        if 200 <= status < 300:
            return json.loads(text)
        raise _api_error(status, text)

    def _send(
        self, method: str, path: str, query: Mapping[str, str], body: Any, content_type: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        prepared = self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": _JSON, "Content-Type": content_type},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*prepared, _request_timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS))
            return answer.status, answer.headers, answer.read()
        except urllib3.exceptions.HTTPError as error:
            cause = getattr(error, "reason", None) or error
            raise UnreachableError(f"no answer from {self.access.server}: {cause}") from error

    def _path(self, obj: Mapping[str, Any]) -> str:
        metadata = obj["metadata"]
        endpoint = self.endpoint(obj["apiVersion"], obj["kind"])
        return endpoint.path(metadata.get("namespace", ""), metadata["name"])

    def _discover(self, api_version: str) -> dict[str, Endpoint]:
        base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        try:
            listed = self.request("GET", base)
        except ApiError as error:
            if error.is_missing:
                return {}
            raise
        return {
            item["kind"]: Endpoint(base=base, plural=item["name"], namespaced=item["namespaced"])
            for item in listed.get("resources", [])
            if "/" not in item["name"]
        }


def _dry(dry_run: bool) -> dict[str, str]:
    return {"dryRun": "All"} if dry_run else {}


def _api_error(status: int, text: bytes) -> ApiError:
    try:
        answer = json.loads(text)
        message = answer.get("message") or f"HTTP status {status}"
        details = answer.get("details") or {}
        return ApiError(
            code=status, reason=answer.get("reason") or "", message=message, kind=details.get("kind") or ""
        )
    except (ValueError, AttributeError):
        return ApiError(
            code=status, reason="", message=f"HTTP status {status}: {text[:200].decode(errors='replace')}"
        )
