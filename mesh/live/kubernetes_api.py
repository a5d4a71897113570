"""A client for one Kubernetes API server: read objects, run a command in a pod.

It does not know Istio. Only `delete` changes something in the cluster.
"""

import base64
import binascii
import http.client
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeAlias, cast
from urllib.parse import urlsplit

import certifi
import urllib3
import yaml
from kubernetes import config as _config
from kubernetes import stream as _stream
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from websocket import WebSocketException

from mesh.config.resolved import ApiServer, Connection
from mesh.config.types import PUBLIC
from mesh.kubeconfig.accepted import accepted
from mesh.kubeconfig.read import entries, narrowed
from mesh.kubeconfig.write import remote_kubeconfig
from mesh.live.answers import (
    AccessError,
    ApiError,
    CutOffError,
    RefusedError,
    answered,
    client_refused,
    failure,
    json_object,
)
from mesh.live.login import LoginError, logged_in
from mesh.live.tunnel import use_tunnels
from mesh.mappings import Json, as_map, at

_CONNECT_SECONDS = 3
_ANSWER_SECONDS = 15
_MOST_CONNECTIONS = 16
_NOT_DIALLED = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
# What the client raises for settings in a kubeconfig that it does not know or that have another type.
_CLIENT_ERRORS = (
    AttributeError,
    LookupError,
    OSError,
    TypeError,
    ValueError,
    urllib3.exceptions.HTTPError,
)

# The client's own words may repeat what is in a kubeconfig.
_CLIENT_PROBLEM = "expected a server, a CA, and a user with credentials that the Kubernetes client knows"

# These have no types.
config: Any = _config
stream: Any = _stream


_Certificate: TypeAlias = tuple[bytes, bytes]
"""A client certificate and its key, as PEM."""


class ExecError(Exception):
    """A command could not run in a pod."""


@dataclass(frozen=True, kw_only=True)
class CommandOutput:
    """What a command in a pod wrote on both of its streams."""

    stdout: str
    stderr: str


class KubernetesApi:
    """One API server; several threads may use it at once."""

    def __init__(self, configuration: Configuration, tls: ssl.SSLContext | None = None) -> None:
        """A client that speaks TLS as the configuration says, or as `tls` does."""
        self._configuration = configuration
        self._client: Any = ApiClient(configuration)
        use_tunnels(self._client.rest_client.pool_manager)
        self._tls = tls
        if tls is not None:
            self._client.rest_client.pool_manager.connection_pool_kw["ssl_context"] = tls

    @classmethod
    def connect(cls, connection: Connection) -> "KubernetesApi":
        """A client for the API server of one of the stack's clusters.

        Raises:
            RefusedError: the kubeconfig cannot be used, for example because its login command fails.
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
                _logged_in(document),
                active_context=connection.context,
                config_base_path=str(path.absolute().parent),
            ).load_and_set(configuration)
            return cls(_resolving_there(configuration))
        except LoginError as error:
            raise _unusable(connection, str(error)) from error
        except ConfigException as error:
            raise _unusable(connection, _config_problem(error)) from error
        except _CLIENT_ERRORS as error:
            raise _unusable(connection, _CLIENT_PROBLEM) from error

    @classmethod
    def from_kubeconfig(cls, text: str) -> "KubernetesApi":
        """A client for the API server in a remote secret's kubeconfig.

        Raises:
            ValueError: the text is not a kubeconfig, or istiod would refuse it.
        """
        document = accepted(text)
        configuration = _configuration()
        try:
            certificate = _without_client_certificate(document)
            config.load_kube_config_from_dict(
                document, client_configuration=configuration, persist_config=False
            )
            return cls(_resolving_there(configuration), _context(configuration, certificate))
        except (ConfigException, *_CLIENT_ERRORS) as error:
            raise ValueError(_CLIENT_PROBLEM) from error

    @classmethod
    def as_peer(cls, name: str, server: ApiServer) -> "KubernetesApi":
        """A client without a token for the API server of a cluster, as its peers reach it.

        Args:
            name: of the cluster.
            server: with the CA that peers get; `public` is Mozilla's list, as in istiod's image.

        Raises:
            RefusedError: the CA cannot be used.
        """
        authority = None if server.certificate_authority == PUBLIC else server.certificate_authority
        text = remote_kubeconfig(name, server, token="", certificate_authority=authority)
        configuration = _configuration()
        try:
            document = yaml.safe_load(text)
            certificate = _without_client_certificate(document)
            config.load_kube_config_from_dict(
                document, client_configuration=configuration, persist_config=False
            )
            if authority is None:
                cast(Any, configuration).ssl_ca_cert = certifi.where()
            return cls(_resolving_there(configuration), _context(configuration, certificate))
        except (ConfigException, *_CLIENT_ERRORS) as error:
            raise RefusedError(_CLIENT_PROBLEM) from error

    @property
    def server(self) -> str:
        """The API server's URL."""
        return str(self._configuration.host)

    def get(self, path: str, **query: str) -> Json:
        """The object or list at a path such as `/api/v1/namespaces/istio-system`.

        Raises:
            ApiError: the server refuses, or the object does not exist.
            RefusedError: the answer is not that of an API server.
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

    def try_to_create(self, path: str, body: Json) -> Json:
        """The object that would be made, after all webhooks; nothing is made. Raises what `get` raises."""
        return self._request("POST", path, {"dryRun": "All"}, body)

    def log(self, namespace: str, pod: str, container: str, *, seconds: int, most_bytes: int) -> str:
        """The newest lines of a container's log; raises what `get` raises."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        query = {"container": container, "sinceSeconds": str(seconds), "limitBytes": str(most_bytes)}
        answer, text = self._answer("GET", path, query, None)
        if answer.status == HTTPStatus.OK:
            return text.decode(errors="replace")
        raise answered(self.server, path, answer.status, text, answer.getheader("Location"))

    def proxy_failure(self, path: str) -> str | None:
        """Why the server cannot connect to what a `proxy` path names; None where it can, or may not be asked.

        Raises UnreachableError where the server gives no answer.
        """
        answer, text = self._answer("GET", path, {}, None)
        said = str((json_object(text) or {}).get("message", ""))
        # What refuses a connection has been reached, and so has what ends it.
        failed = answer.status in _NOT_DIALLED and "dial tcp" in said and "connection refused" not in said
        return said if failed else None

    def clock_ahead(self) -> float | None:
        """How many seconds the server's clock is ahead of this machine's; None where it does not say.

        The server says it to the second. Raises what `get` raises.
        """
        before = datetime.now(UTC)
        answer, _ = self._answer("GET", "/version", {}, None)
        between = before + (datetime.now(UTC) - before) / 2
        date = answer.getheader("Date")
        return (parsedate_to_datetime(date) - between).total_seconds() if date else None

    def delete(self, path: str) -> None:
        """Delete the object at a path, if it is there; raises what `get` raises."""
        try:
            self._request("DELETE", path, {}, None)
        except ApiError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise

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

    def ask_pod(self, namespace: str, pod: str, port: int, path: str, *, timeout: float) -> Json:
        """The object that a pod gives at a path by HTTP, also at a port of its own loopback address.

        Args:
            namespace: the pod's namespace.
            pod: the pod's name.
            port: of the pod, to which the API server forwards.
            path: such as `/config_dump`.
            timeout: seconds that each part of the answer may take.

        Raises:
            ExecError: nothing answers there, or something else than a JSON object.
        """
        from kubernetes.client import CoreV1Api  # noqa: PLC0415 - as in `execute`

        core = CoreV1Api(ApiClient(self._configuration))
        connection = http.client.HTTPConnection("localhost", port)
        try:
            forwarded = stream.portforward(
                core.connect_get_namespaced_pod_portforward, pod, namespace, ports=str(port)
            )
            try:
                connection.sock = forwarded.socket(port)
                connection.sock.settimeout(timeout)
                # Kept until the answer is read: when the other side ends it, the client of the WebSocket
                # drops what it has not passed on yet.
                connection.request("GET", path)
                answer = connection.getresponse()
                document = json_object(answer.read())
            finally:
                forwarded.close()
        except (ApiException, WebSocketException, OSError, http.client.HTTPException) as error:
            raise ExecError(
                f"port {port} of {namespace}/{pod} cannot be asked: {_exec_problem(error)}"
            ) from error
        if answer.status != HTTPStatus.OK or document is None:
            raise ExecError(f"port {port} of {namespace}/{pod} answers {path} with HTTP {answer.status}")
        return document

    def _request(self, method: str, path: str, query: Mapping[str, str], body: Json | None) -> Json:
        answer, text = self._answer(method, path, query, body)
        document = json_object(text)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES and document is not None:
            return document
        raise answered(self.server, path, answer.status, text, answer.getheader("Location"))

    def _answer(
        self, method: str, path: str, query: Mapping[str, str], body: Json | None
    ) -> tuple[Any, bytes]:
        """The server's answer and its body."""
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
            return answer, answer.read()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            why = failure(error, self.server, self._configuration.proxy)
            raise (self._refused_in_tls() if isinstance(why, CutOffError) else None) or why from error

    def _refused_in_tls(self) -> AccessError | None:
        """Why the server does not take the client's certificate, where that is why it ends connections.

        It says so after the handshake (TLS 1.3), and to whom has sent a request by then its word may get
        lost: this client sends nothing and listens.
        """
        settings: Any = self._configuration
        if self._tls is None or settings.proxy:
            return None
        server = urlsplit(self.server)
        name = settings.tls_server_name or server.hostname
        try:
            with (
                socket.create_connection((server.hostname, server.port or 443), _CONNECT_SECONDS) as plain,
                self._tls.wrap_socket(plain, server_hostname=name) as connection,
            ):
                connection.recv(1)
        except OSError as error:
            return client_refused(error, self.server)
        return None


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
    # A redirect is an answer: to follow it would send the token to a login page.
    configuration.retries = urllib3.Retry(total=0, redirect=False)
    return configuration


def _without_client_certificate(document: Json) -> _Certificate | None:
    """Take the client certificate and its key out of a kubeconfig with one user.

    The Kubernetes client would write both to files, for OpenSSL takes a key from a file only.
    """
    user = cast(dict[str, Any], entries(document, "users")[0]["user"])
    data = (user.pop("client-certificate-data", None), user.pop("client-key-data", None))
    return (base64.b64decode(data[0]), base64.b64decode(data[1])) if all(data) else None


def _context(configuration: Configuration, certificate: _Certificate | None) -> ssl.SSLContext:
    """TLS, with a client certificate that goes to OpenSSL by pipes if there is one.

    Raises:
        ValueError: certificate and key cannot be used.
    """
    settings: Any = configuration
    context = ssl.create_default_context(cafile=settings.ssl_ca_cert)
    if not settings.verify_ssl:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate is None:
        return context
    ends = [_pipe(part) for part in certificate]
    try:
        context.load_cert_chain(*(f"/dev/fd/{end}" for end in ends))
    except ssl.SSLError as error:
        raise ValueError("its client certificate and key cannot be used") from error
    finally:
        for end in ends:
            os.close(end)
    return context


def _pipe(data: bytes) -> int:
    """A file descriptor from which a text that fits into a pipe can be read once."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        written = os.write(writing, data)
    except BlockingIOError:
        written = 0
    finally:
        os.close(writing)
    if written < len(data):
        os.close(reading)
        raise ValueError("its client certificate or key is too long")
    return reading


def _resolving_there(configuration: Configuration) -> Configuration:
    """Let a SOCKS proxy look up the server's name, which only it may know, as client-go does."""
    proxy = str(cast(Any, configuration).proxy or "")
    if proxy.startswith("socks5://"):
        cast(Any, configuration).proxy = proxy.replace("socks5://", "socks5h://", 1)
    return configuration


def _unusable(connection: Connection, why: str) -> RefusedError:
    return RefusedError(f"the kubeconfig's context {connection.context} cannot be used: {why}")


def _config_problem(error: ConfigException) -> str:
    """What the client does not like in a kubeconfig; what a login command printed is not repeated."""
    message = _first_line(error)
    if message.startswith(("Invalid kube-config", "File does not exist")):
        return message
    return "its user cannot be logged in"


def _logged_in(document: Json) -> Json:
    """A kubeconfig with one context, with credentials in place of a login command."""
    cluster = as_map(entries(document, "clusters")[0].get("cluster")) or {}
    users = [
        {**entry, "user": logged_in(as_map(entry.get("user")) or {}, cluster)}
        for entry in entries(document, "users")
    ]
    return {**document, "users": users}


def _exec_problem(error: Exception) -> str:
    """Why a command could not start; the client puts the whole response behind the status."""
    reason = str(cast(Any, error).reason) if isinstance(error, ApiException) else _first_line(error)
    return reason.partition(" -+-+-")[0].partition("\n")[0]


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
