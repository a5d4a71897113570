"""Pulumi's providers kubernetes, tls and random in one process, answered from memory.

The engine attaches to it by `PULUMI_DEBUG_PROVIDERS`, so that a hundred clusters start no hundred plugins.
Outputs have the shape and size that the official providers give them, as far as the program or the size of
the state depends on it: an object comes back with `__inputs` beside it, a Secret with its `data` in Base64.
There are no clusters: nothing is checked, nothing awaited.
"""

# ruff: noqa: N802 - the methods have the protocol's names

import base64
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker of the protocol
_MESSAGE_LIMIT = 400 << 20
# As long as a token that Kubernetes signs for an account in istio-system.
_TOKEN = "eyJhbGciOiJSUzI1NiIs" * 48
_ADDRESS = "203.0.113.7"


class _Canned:
    """One key and one certificate, which stand for all."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "memory")])
        now = datetime.now(UTC)
        end = now + timedelta(days=3650)
        certificate = (
            x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
            .serial_number(1)
            .not_valid_before(now)
            .not_valid_after(end)
            .sign(key, hashes.SHA256())
        )
        self.key = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()
        self.public_key = (
            key.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.begin = now.isoformat(timespec="seconds")
        self.end = end.isoformat(timespec="seconds")


class Memory(provider_pb2_grpc.ResourceProviderServicer):
    """Takes inputs for outputs, and adds what the program reads."""

    def __init__(self) -> None:
        self._canned = _Canned()

    def Handshake(self, request: Any, context: Any) -> Any:
        """Say that secrets may be sent as such."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:
        """Take notice of an engine; nothing is told to it."""
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:
        """Do nothing: no call takes long."""
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        """Give a version that no program asks for."""
        return plugin_pb2.PluginInfo(version="0.0.1")

    def GetSchema(self, request: Any, context: Any) -> Any:
        """Give a schema without resources."""
        return provider_pb2.GetSchemaResponse(schema='{"name": "memory", "version": "0.0.1"}')

    def CheckConfig(self, request: Any, context: Any) -> Any:
        """Accept every setting of a provider."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        """Say whether a setting of a provider has changed; none replaces it."""
        return _difference(request)

    def Configure(self, request: Any, context: Any) -> Any:
        """Connect to nothing."""
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        """Accept every input."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:
        """Compare inputs; a changed one changes in place."""
        return _difference(request)

    def Create(self, request: Any, context: Any) -> Any:
        """Make a resource; in a preview, what is not an input is not known."""
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        outputs = self._outputs(request.type, request.name, request.properties)
        return provider_pb2.CreateResponse(id=_id(request), properties=outputs)

    def Read(self, request: Any, context: Any) -> Any:
        """Give what the state has, or the gateway's Service, which the program only reads."""
        outputs = struct_pb2.Struct()
        outputs.CopyFrom(request.properties)
        if request.type == "kubernetes:core/v1:Service":
            outputs["status"] = {"loadBalancer": {"ingress": [{"ip": _ADDRESS}]}}
        return provider_pb2.ReadResponse(id=request.id, properties=outputs, inputs=request.inputs)

    def Update(self, request: Any, context: Any) -> Any:
        """Change a resource in place."""
        return provider_pb2.UpdateResponse(properties=self._outputs(request.type, request.name, request.news))

    def Delete(self, request: Any, context: Any) -> Any:
        """Forget a resource, of which nothing was kept."""
        return empty_pb2.Empty()

    def _outputs(self, kind: str, name: str, inputs: struct_pb2.Struct) -> struct_pb2.Struct:
        outputs = struct_pb2.Struct()
        outputs.CopyFrom(inputs)
        canned = self._canned
        match kind:
            case "tls:index/privateKey:PrivateKey":
                _set_secret(outputs, "privateKeyPem", canned.key)
                outputs["publicKeyPem"] = canned.public_key
            case "tls:index/certRequest:CertRequest":
                outputs["certRequestPem"] = canned.certificate
            case "tls:index/selfSignedCert:SelfSignedCert" | "tls:index/locallySignedCert:LocallySignedCert":
                outputs["certPem"] = canned.certificate
                outputs["validityStartTime"] = canned.begin
                outputs["validityEndTime"] = canned.end
            case "random:index/randomId:RandomId":
                outputs["hex"] = "00ff00ff00ff00ff"
            case "kubernetes:helm.sh/v3:Release":
                outputs["status"] = {key: _plain(inputs[key]) for key in ("name", "namespace")}
            case "kubernetes:core/v1:Secret":
                _fill_secret(outputs, name, canned.certificate)
                outputs.fields["__inputs"].struct_value.CopyFrom(inputs)
            case _ if kind.startswith("kubernetes:"):
                outputs.fields["__inputs"].struct_value.CopyFrom(inputs)
            case _:
                pass
        return outputs


def _difference(request: Any) -> Any:
    """A difference without details, found by comparing what is on the wire."""
    old, new = request.old_inputs.fields, request.news.fields
    changed = [key for key in {*old, *new} if key not in old or key not in new or old[key] != new[key]]
    response = provider_pb2.DiffResponse
    return response(changes=response.DIFF_SOME if changed else response.DIFF_NONE, diffs=sorted(changed))


def _fill_secret(outputs: struct_pb2.Struct, name: str, certificate: str) -> None:
    """Fill in what Kubernetes does: the token of an account, and `data` instead of `stringData`."""
    if "type" in outputs.fields:
        # A token for each Secret, so that a new one changes what is made of it.
        data = {"token": f"{name}.{_TOKEN}", "ca.crt": certificate}
    else:
        given = _without_mark(outputs.fields["stringData"]).struct_value.fields
        data = {key: _without_mark(value).string_value for key, value in given.items()}
        del outputs.fields["stringData"]
    _set_secret(
        outputs, "data", {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    )


def _set_secret(outputs: struct_pb2.Struct, key: str, value: str | Mapping[str, str]) -> None:
    marked = outputs.get_or_create_struct(key)
    marked[_SIGNATURE] = _SECRET
    marked["value"] = value


def _without_mark(value: struct_pb2.Value) -> struct_pb2.Value:
    fields = value.struct_value.fields
    return _without_mark(fields["value"]) if _SIGNATURE in fields else value


def _plain(value: Any) -> Any:
    return value["value"] if isinstance(value, struct_pb2.Struct) and _SIGNATURE in value else value


def _id(request: Any) -> str:
    metadata = request.properties.fields["metadata"].struct_value.fields
    name = metadata["name"].string_value or request.name
    namespace = metadata["namespace"].string_value
    return f"{namespace}/{name}" if namespace else name


def serve(say_port: Callable[[int], None]) -> None:
    """Serve engines on a port of this machine until the process is told to end."""
    options = [
        ("grpc.max_receive_message_length", _MESSAGE_LIMIT),
        ("grpc.max_send_message_length", _MESSAGE_LIMIT),
    ]
    server = grpc.server(ThreadPoolExecutor(max_workers=8), options=options)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Memory(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    server.start()
    say_port(port)
    stopped.wait()
    server.stop(grace=None)


if __name__ == "__main__":
    serve(lambda port: print(port, flush=True))
