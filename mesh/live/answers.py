"""What came back from an API server, or from something else in its place: errors that say which."""

import json
import re
import ssl
from http import HTTPStatus
from urllib.parse import urlsplit

import urllib3

from mesh.live.facts import AccessFault
from mesh.mappings import Json, as_map

_CREDENTIALS = "docs/troubleshooting.md#the-api-server-refuses-the-credentials"
_NO_API_SERVER = "docs/troubleshooting.md#something-else-than-an-api-server-answers"
_CERTIFICATE = "docs/troubleshooting.md#the-api-servers-certificate-is-not-accepted"
_CLIENT = "docs/api-servers.md#a-client-certificate"
_PROXY = "docs/troubleshooting.md#a-proxy-is-in-between"
# From what stands in front of an API server while there is none behind it; the server itself says so, too.
_NOBODY_BEHIND = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
# X509_V_ERR_… in OpenSSL's `include/openssl/x509_vfy.h`.
_NOT_YET_VALID, _EXPIRED, _OTHER_HOST, _OTHER_ADDRESS = 9, 10, 62, 64
# The connection ends in the middle of the handshake: a load balancer without a server behind it does that.
_CUT_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
# Alerts by which a server refuses a client (RFC 8446, section 6.2); OpenSSL has two forms of their names.
_CLIENT_ALERT = re.compile(r"ALERT_(\w*CERTIFICATE\w*|UNKNOWN_CA|ACCESS_DENIED)")
_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3}) ?(.*)")


class RefusedError(Exception):
    """There is no way in, and waiting does not help: it is an error even where a cluster may be away.

    The kubeconfig or its login cannot be used, or what answers is not the API server, or refuses. The message
    says which, and never repeats credentials.
    """


class AccessError(RefusedError):
    """There is no way in for a reason that is known: a certificate is not accepted, or a proxy refuses."""

    def __init__(self, message: str, fault: AccessFault) -> None:
        self.fault = fault
        super().__init__(message)


class ApiError(RefusedError):
    """The API server's answer is an error; `status` is HTTP's."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


class UnreachableError(Exception):
    """The API server gave no answer; the message never repeats credentials."""


class CutOffError(UnreachableError):
    """The server ends the connection in the middle, without a word, or its last word has been lost."""


def failure(error: Exception, server: str, proxy: str | None) -> RefusedError | UnreachableError:
    """Why no HTTP answer came from a server, in plain words.

    Args:
        error: what the HTTP client raised.
        server: the URL that was asked.
        proxy: the URL of the proxy that was used, if any.
    """
    reason = getattr(error, "reason", None) or error
    if isinstance(reason, urllib3.exceptions.ProxyError):
        return _proxy_failure(reason, server, proxy)
    if isinstance(reason, urllib3.exceptions.NewConnectionError | urllib3.exceptions.NameResolutionError):
        return UnreachableError(f"no answer from {server}: no connection")
    if isinstance(reason, urllib3.exceptions.ConnectTimeoutError | urllib3.exceptions.ReadTimeoutError):
        return UnreachableError(f"no answer from {server}: timed out")
    if isinstance(reason, urllib3.exceptions.SSLError) and not _is_one_of(reason, _CUT_OFF):
        return _tls_failure(reason, server)
    return CutOffError(f"no answer from {server}: the connection was cut off")


def answered(
    server: str, path: str, status: int, body: bytes, location: str | None
) -> RefusedError | UnreachableError:
    """What is wrong with an HTTP answer that is not an object of the API.

    Args:
        server: the URL of the API server.
        path: what was asked there.
        status: HTTP's.
        body: of the answer.
        location: where it redirects to, if it does.
    """
    words = str((json_object(body) or {}).get("message", ""))
    if status in _NOBODY_BEHIND:
        return UnreachableError(f"no answer from {server}: HTTP {status}{words and f', {words}'}")
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        there = urlsplit(location or "").hostname or "another page"
        return _no_api_server(server, f"redirects {path} to {there}, as a login page does")
    if status == HTTPStatus.UNAUTHORIZED:
        said = f": {words}" if words else ""
        return ApiError(
            status,
            f"{server} refuses the credentials (HTTP 401{said}): they have expired or been withdrawn, or "
            f"belong to another cluster; log in again: {_CREDENTIALS}",
        )
    if status < HTTPStatus.BAD_REQUEST or body.lstrip().startswith(b"<"):
        page = _no_api_server(
            server, f"answers {path} with something else than a Kubernetes object (HTTP {status})"
        )
        # Fronts refuse with a page of their own: it says no more than that they want credentials.
        return ApiError(status, str(page)) if status == HTTPStatus.FORBIDDEN else page
    if "system:anonymous" in words:
        return ApiError(
            status,
            f"{server} takes this program for system:anonymous: no credentials arrive there, because the "
            "kubeconfig's user has none, or something drops them; expected a user with credentials: "
            f"{_CREDENTIALS}",
        )
    return ApiError(status, words or f"HTTP {status}")


def _no_api_server(server: str, what: str) -> RefusedError:
    return RefusedError(
        f"{server} {what}; expected an API server, and not a login page or another server: check the server "
        f"and the proxy: {_NO_API_SERVER}"
    )


def _tls_failure(error: Exception, server: str) -> RefusedError:
    if refused := client_refused(error, server):
        return refused
    found = _inner(error, ssl.SSLCertVerificationError)
    if not isinstance(found, ssl.SSLCertVerificationError):
        return RefusedError(
            f"{server} does not speak TLS as an API server does ({_last_words(error)}): check scheme and "
            f"port of the server: {_CERTIFICATE}"
        )
    code = found.verify_code
    if code in (_OTHER_HOST, _OTHER_ADDRESS):
        fault, why = AccessFault.NAMES, "is for other names"
    elif code == _EXPIRED:
        fault, why = AccessFault.TIME, "has expired"
    elif code == _NOT_YET_VALID:
        fault, why = AccessFault.TIME, "is not valid yet: check the clock of this machine"
    else:
        fault = AccessFault.AUTHORITY
        why = f"is not signed by the CA that is expected there ({found.verify_message})"
    return AccessError(f"the certificate of {server} {why}: {_CERTIFICATE}", fault)


def client_refused(error: Exception, server: str) -> AccessError | None:
    """The error for an alert by which a server refuses the client's certificate, or that there is none."""
    alert = _CLIENT_ALERT.search(str(getattr(_inner(error, ssl.SSLError), "reason", "")))
    if alert is None:
        return None
    return AccessError(
        f"{server} does not take the client certificate, or wants one ({_words(alert[1])}): {_CLIENT}",
        AccessFault.CLIENT,
    )


def _proxy_failure(
    error: urllib3.exceptions.ProxyError, server: str, proxy: str | None
) -> RefusedError | UnreachableError:
    parts = urlsplit(proxy or "")
    shown = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
    refused = _TUNNEL.search(str(error.original_error))
    if refused is None:
        return UnreachableError(f"no answer from {server}: the proxy {shown} cannot be used")
    if int(refused[1]) in _NOBODY_BEHIND:
        return UnreachableError(f"no answer from {server}: the proxy {shown} says HTTP {refused[1]}")
    return AccessError(
        f"the proxy {shown} refuses to connect to {server} (HTTP {refused[1]} {refused[2]}): {_PROXY}",
        AccessFault.PROXY,
    )


def _is_one_of(error: Exception, kinds: tuple[type[Exception], ...]) -> bool:
    return any(_inner(error, kind) for kind in kinds)


def _inner(error: BaseException, kind: type[Exception]) -> BaseException | None:
    """The error of a kind that the HTTP client has wrapped."""
    if isinstance(error, kind):
        return error
    inner = next((value for value in error.args if isinstance(value, BaseException)), None)
    return _inner(inner, kind) if inner else None


def _last_words(error: Exception) -> str:
    inner = _inner(error, ssl.SSLError)
    reason = getattr(inner, "reason", None)
    return _words(str(reason or error))


def _words(name: str) -> str:
    return name.replace("_", " ").lower()


def json_object(text: bytes) -> Json | None:
    """The object in a JSON text; None where there is none."""
    try:
        return as_map(json.loads(text))
    except ValueError:
        return None
