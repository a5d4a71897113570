"""A client for one Kubernetes API server: read objects, run a command in a pod.

It does not know Istio, and it changes nothing in the cluster.
"""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import urllib3
from kubernetes import config as _config
from kubernetes import stream as _stream
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from websocket import WebSocketException

from mesh.config.resolved import Connection
from mesh.kubeconfig.accepted import accepted
from mesh.kubeconfig.read import narrowed
from mesh.mappings import Json, as_map, at

_CONNECT_SECONDS = 3
_ANSWER_SECONDS = 15
_MOST_CONNECTIONS = 16
# What the client raises for settings in a kubeconfig that it does not know or that have another type.
_CLIENT_ERRORS = (
    AttributeError,
    ImportError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    urllib3.exceptions.HTTPError,
)

# These have no types.
config: Any = _config
stream: Any = _stream


class ApiError(Exception):
    """The answer is an error, or does not come from an API server; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class UnreachableError(Exception):
    """The API server gave no answer; the message never repeats credentials."""


class ExecError(Exception):
    """A command could not run in a pod."""


@dataclass(frozen=True, kw_only=True)
class CommandOutput:
    """What a command in a pod wrote on both of its streams."""

    stdout: str
    stderr: str


class KubernetesApi:
    """One API server; several threads may use it at once."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._client: Any = ApiClient(configuration)

    @classmethod
    def connect(cls, connection: Connection) -> "KubernetesApi":
        """A client for the API server of one of the stack's clusters.

        Raises:
            UnreachableError: the kubeconfig cannot be used, for example because its login command fails. The
                message says why, and never repeats credentials.
        """
        configuration = _configuration()
        try:
            path = Path(connection.path).expanduser()
            text = path.read_text(encoding="utf-8") if connection.contents is None else connection.contents
            document = narrowed(text, connection.context)
        except (OSError, ValueError) as error:
            raise _unusable(connection, str(error)) from error
        try:
            config.kube_config.KubeConfigLoader(
                document,
                active_context=connection.context,
                config_base_path=str(path.absolute().parent),
            ).load_and_set(configuration)
            api = cls(configuration)
        except ConfigException as error:
            raise _unusable(connection, _config_problem(error)) from error
        except _CLIENT_ERRORS as error:
            raise _unusable(connection, _client_problem(error)) from error
        if _logs_in(document) and not (configuration.api_key or configuration.cert_file):
            raise _unusable(
                connection, "its login command gave no credentials; run it by itself to see why it fails"
            )
        return api

    @classmethod
    def from_kubeconfig(cls, text: str) -> "KubernetesApi":
        """A client for the API server in a remote secret's kubeconfig.

        Raises:
            ValueError: the text is not a kubeconfig, or istiod would refuse it.
        """
        document = accepted(text)
        configuration = _configuration()
        try:
            config.load_kube_config_from_dict(
                document, client_configuration=configuration, persist_config=False
            )
            return cls(configuration)
        except (ConfigException, *_CLIENT_ERRORS) as error:
            raise ValueError(_client_problem(error)) from error

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self._configuration.host)

    def get(self, path: str, **query: str) -> Json:
        """The object or list at a path such as `/api/v1/namespaces/istio-system`.

        Raises:
            ApiError: the server refuses, the object does not exist, or the answer is not an object.
            UnreachableError: the server gives no answer.
        """
        return self._request("GET", path, query, None)

    def find(self, path: str, **query: str) -> Json | None:
        """Like `get`, but None where the object or its kind does not exist."""
        try:
            return self.get(path, **query)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    def list(self, path: str, **query: str) -> Sequence[Json]:
        """The items of the list at a path; empty where the kind does not exist."""
        return cast(Sequence[Json], (self.find(path, **query) or {}).get("items") or [])

    def post(self, path: str, body: Json) -> Json:
        """The answer to a review, such as a SelfSubjectAccessReview; raises what `get` raises."""
        return self._request("POST", path, {}, body)

    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], *, timeout: float
    ) -> CommandOutput:
        """Run a command in a pod and wait until it exits.

        Args:
            namespace: the pod's namespace.
            pod: the pod's name.
            container: a running container of the pod.
            command: the program and its arguments; no shell is involved.
            timeout: seconds that the command may take.

        Raises:
            ExecError: the command cannot start, or takes too long.
        """
        # Not at the top: it loads 250 modules, and the program, which runs no commands, does without them.
        from kubernetes.client import CoreV1Api  # noqa: PLC0415 - the reason above

        # The stream's code changes the client that it is given, which others may be using.
        core = CoreV1Api(ApiClient(self._configuration))
        try:
            process = stream.stream(
                core.connect_get_namespaced_pod_exec,
                pod,
                namespace,
                container=container,
                command=list(command),
                stdin=False,
                stdout=True,
                stderr=True,
                tty=False,
                _preload_content=False,
                _request_timeout=_ANSWER_SECONDS,
            )
            process.run_forever(timeout=timeout)
            if process.is_open():
                process.close()
                raise ExecError(f"the command in {namespace}/{pod} took longer than {timeout:.0f} s")
            return CommandOutput(stdout=process.read_stdout(timeout=0), stderr=process.read_stderr(timeout=0))
        except (ApiException, WebSocketException, OSError) as error:
            raise ExecError(f"no command can be run in {namespace}/{pod}: {_exec_problem(error)}") from error

    def _request(self, method: str, path: str, query: Mapping[str, str], body: Json | None) -> Json:
        prepared = self._client.param_serialize(
            method,
            path,
            query_params=list(query.items()),
            header_params={"Accept": "application/json", "Content-Type": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )
        try:
            answer = self._client.call_api(*prepared, _request_timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS))
            text: bytes = answer.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise UnreachableError(f"no answer from {self.server}: {_cause(error)}") from error
        if not 200 <= answer.status < 300:
            raise ApiError(answer.status, _message(text) or f"HTTP {answer.status}")
        if (document := _object(text)) is None:
            raise ApiError(
                answer.status,
                f"{self.server} answered {path} with something else than a Kubernetes object, such as a "
                "login page; expected an API server: check the server and the proxy in the kubeconfig",
            )
        return document


def secret_texts(secret: Json | None) -> dict[str, str]:
    """The data of a Secret, decoded; a value that is not base64 or not UTF-8 becomes an empty text."""
    texts: dict[str, str] = {}
    for key, value in cast(Mapping[str, str], at(secret, "data") or {}).items():
        try:
            texts[key] = base64.b64decode(value).decode()
        except (binascii.Error, UnicodeDecodeError):
            texts[key] = ""
    return texts


def _configuration() -> Configuration:
    configuration = Configuration()
    configuration.connection_pool_maxsize = _MOST_CONNECTIONS
    configuration.retries = urllib3.Retry(total=0)
    return configuration


def _cause(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError):
        return "no connection"
    if isinstance(reason, urllib3.exceptions.ConnectTimeoutError | urllib3.exceptions.ReadTimeoutError):
        return "timed out"
    if isinstance(reason, urllib3.exceptions.ResponseError):
        return "it redirects, which an API server does not"
    if isinstance(reason, urllib3.exceptions.SSLError):
        return f"TLS: {_first_line(reason)}"
    return type(reason).__name__


def _object(text: bytes) -> Json | None:
    try:
        return as_map(json.loads(text))
    except ValueError:
        return None


def _message(text: bytes) -> str:
    return str((_object(text) or {}).get("message", ""))


def _unusable(connection: Connection, why: str) -> UnreachableError:
    return UnreachableError(f"the kubeconfig's context {connection.context} cannot be used: {why}")


def _config_problem(error: ConfigException) -> str:
    """What the client does not like in a kubeconfig; what a login command printed is not repeated."""
    message = _first_line(error)
    if message.startswith(("Invalid kube-config", "File does not exist")):
        return message
    return "its user cannot be logged in"


def _client_problem(error: Exception) -> str:
    """Why the client cannot use a kubeconfig; its own words may repeat what is in it."""
    if isinstance(error, ImportError):
        return "its proxy-url has a SOCKS proxy, which this program can use only with the package PySocks"
    return "expected a server, a CA, and a user with credentials that the Kubernetes client knows"


def _logs_in(document: Json) -> bool:
    """Whether the user of a kubeconfig with one user gets credentials from a command."""
    users: Sequence[Json] = document.get("users") or []
    return any(at(user, "user", "exec") for user in users)


def _exec_problem(error: Exception) -> str:
    """Why a command could not start; the client puts the whole response behind the status."""
    reason = str(cast(Any, error).reason) if isinstance(error, ApiException) else _first_line(error)
    return reason.partition(" -+-+-")[0].partition("\n")[0]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
