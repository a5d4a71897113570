"""Pulumi's resource provider protocol, once for all stand-ins of providers.

A provider is a subclass of `Provider` that thinks in plain Python values (see `values`); this
module turns it into the gRPC service that Pulumi's engine starts and talks to: the port on the
first line of stdout, the handshake, marshalling, error details, logging through the engine, and
the end of the process with the engine's. The protocol is `proto/pulumi/provider.proto` in
pulumi/pulumi; what is left out (components, methods, listing, parameters) the engine is told by
`UNIMPLEMENTED`, as gRPC does by itself.
"""

import abc
import dataclasses
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    plugin_pb2,
    provider_pb2,
    provider_pb2_grpc,
)

from standins.values import differences, from_struct, to_struct, top_level_key

# Pulumi's own limit (400 MB): state of large objects travels in one message.
_CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", 400 << 20),
    ("grpc.max_send_message_length", 400 << 20),
]
# Threads are only started when calls wait at the same time; this many awaits never starve Cancel.
_MAX_CALLS = 256
_ENGINE_CHECK_SECONDS = 5.0


class ProviderError(Exception):
    """What went wrong, in one message for the user; the engine shows it with the resource's name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failure:
    """An input that is not acceptable: its property path and the reason."""

    property: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checked:
    """The result of a check: inputs with defaults filled in, or failures."""

    inputs: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    failures: Sequence[Failure] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """What changes: property path to `add`, `delete` or `update`, and which paths force a replacement.

    `replaces` may name paths that are not in `changes`; they then count as updates.
    """

    changes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    replaces: frozenset[str] = frozenset()

    @classmethod
    def between(
        cls, old: Any, new: Any, *, replace: Callable[[str], bool] = lambda path: False
    ) -> "Difference":
        """Compare two property trees; `replace` says of a changed path whether it forces a replacement."""
        changes = differences(old, new)
        return cls(changes=changes, replaces=frozenset(filter(replace, changes)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resource:
    """Which resource a call is about, by Pulumi's names."""

    urn: str
    type: str
    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """A resource with its properties; also what a create gives (then without inputs)."""

    id: str
    outputs: Mapping[str, Any]
    inputs: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class Host:
    """The engine's side: where messages for the user go."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._channel = grpc.insecure_channel(address, options=_CHANNEL_OPTIONS)
        self._engine = engine_pb2_grpc.EngineStub(self._channel)

    def status(self, urn: str, message: str) -> None:
        """Show a passing message beside the resource."""
        request = engine_pb2.LogRequest(severity=engine_pb2.INFO, urn=urn, message=message, ephemeral=True)
        try:
            self._engine.Log(request, timeout=_ENGINE_CHECK_SECONDS)
        except grpc.RpcError as error:
            print(f"{message} (the engine does not take messages: {error.code()})", file=sys.stderr)

    def is_alive(self) -> bool:
        """Whether the engine still answers; an engine without a health service is one that answers."""
        check = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            check(b"", timeout=_ENGINE_CHECK_SECONDS)
        except grpc.RpcError as error:
            return error.code() is not grpc.StatusCode.UNAVAILABLE
        return True


class Provider(abc.ABC):
    """What a provider is asked by the engine; a subclass overrides what its resources need.

    Values carry `Secret` marks and `UNKNOWN`. Any method may raise `ProviderError`. Calls come from
    several threads at the same time.
    """

    name = ""
    version = ""

    def __init__(self, host: Host) -> None:
        self.host = host

    @abc.abstractmethod
    def check(
        self, resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any], seed: bytes
    ) -> Checked:
        """Check inputs and fill in defaults; `old` are the last checked inputs, empty at first.

        `seed` is stable for the resource's present incarnation: names are made from it.
        """

    @abc.abstractmethod
    def diff(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        old_inputs: Mapping[str, Any],
        old_outputs: Mapping[str, Any],
        new_inputs: Mapping[str, Any],
        ignore_changes: Sequence[str],
    ) -> Difference:
        """Say what would change from the old inputs and outputs to the new inputs."""

    @abc.abstractmethod
    def create(self, resource: Resource, inputs: Mapping[str, Any], *, preview: bool) -> Found:
        """Make the resource, or in a preview say what is known of it (with an empty id)."""

    @abc.abstractmethod
    def read(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
    ) -> Found:
        """Read the resource. Empty inputs and outputs mean an import or a get."""

    @abc.abstractmethod
    def update(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        old_inputs: Mapping[str, Any],
        old_outputs: Mapping[str, Any],
        new_inputs: Mapping[str, Any],
        *,
        preview: bool,
    ) -> Mapping[str, Any]:
        """Change the resource in place and give its outputs, or in a preview what is known of them."""


class _Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """The wire's side of a `Provider`."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name, as below
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._provider.host = Host(request.address)
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802
        return plugin_pb2.PluginInfo(version=self._provider.version)

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: N802
        schema = {"name": self._provider.name, "version": self._provider.version}
        return provider_pb2.GetSchemaResponse(schema=json.dumps(schema))

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return _diff_response(Difference.between(from_struct(request.old_inputs), from_struct(request.news)))

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        checked = self._provider.check(
            _resource(request), from_struct(request.olds), from_struct(request.news), request.randomSeed
        )
        return _check_response(checked)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        difference = self._provider.diff(
            _resource(request),
            request.id,
            from_struct(request.old_inputs),
            from_struct(request.olds),
            from_struct(request.news),
            list(request.ignoreChanges),
        )
        return _diff_response(difference)

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        made = self._provider.create(
            _resource(request), from_struct(request.properties), preview=request.preview
        )
        return provider_pb2.CreateResponse(id=made.id, properties=to_struct(made.outputs))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        found = self._provider.read(
            _resource(request), request.id, from_struct(request.inputs), from_struct(request.properties)
        )
        return provider_pb2.ReadResponse(
            id=found.id, properties=to_struct(found.outputs), inputs=to_struct(found.inputs)
        )

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        outputs = self._provider.update(
            _resource(request),
            request.id,
            from_struct(request.old_inputs),
            from_struct(request.olds),
            from_struct(request.news),
            preview=request.preview,
        )
        return provider_pb2.UpdateResponse(properties=to_struct(outputs))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        # With its state, all of the resource is gone.
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return empty_pb2.Empty()


class _ErrorMapping(grpc.ServerInterceptor):
    """Turns exceptions of a call into gRPC statuses, with the details that the engine knows."""

    def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler

        def call(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                return handler.unary_unary(request, context)
            except ProviderError as error:
                context.abort(grpc.StatusCode.UNKNOWN, str(error))
            except NotImplementedError:
                context.abort(grpc.StatusCode.UNIMPLEMENTED, handler_call_details.method)
            except Exception as error:  # noqa: BLE001 - a fault of the plugin: the engine gets its kind and place
                traceback.print_exc()
                context.abort(grpc.StatusCode.INTERNAL, f"fault in the plugin: {type(error).__name__}")

        return grpc.unary_unary_rpc_method_handler(
            call, handler.request_deserializer, handler.response_serializer
        )


def serve(make_provider: Callable[[Host], Provider]) -> None:
    """Run a provider as a plugin process until the engine ends it or is gone."""
    host = engine_of_this_process()
    provider = make_provider(host)
    service = _Servicer(provider)
    run_server(
        host,
        lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(service, server),
    )


def engine_of_this_process() -> Host:
    """Give the engine whose address is the first argument of the process that is not an option."""
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    if not addresses:
        sys.exit("this is a plugin of Pulumi: its engine starts it, with its own address as argument")
    return Host(addresses[0])


def run_server(
    host: Host, add_service: Callable[[grpc.Server], None], *, stop: Callable[[], None] = lambda: None
) -> None:
    """Serve one of Pulumi's services until the engine ends the process or is gone; never returns.

    `stop` is called before the end, for what is still under way.
    """
    server = grpc.server(
        ThreadPoolExecutor(max_workers=_MAX_CALLS), options=_CHANNEL_OPTIONS, interceptors=[_ErrorMapping()]
    )
    add_service(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    while not stopped.wait(_ENGINE_CHECK_SECONDS) and host.is_alive():
        pass
    stop()
    # Calls under way must not keep the process; there is nobody to answer to any more.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _resource(request: Any) -> Resource:
    # Engines before 3.140 leave name and type to be taken from the URN.
    name = request.name or request.urn.rsplit("::", 1)[-1]
    kind = request.type or request.urn.split("::")[2].rsplit("$", 1)[-1]
    return Resource(urn=request.urn, type=kind, name=name)


def _check_response(checked: Checked) -> Any:
    failures = [
        provider_pb2.CheckFailure(property=failure.property, reason=failure.reason)
        for failure in checked.failures
    ]
    return provider_pb2.CheckResponse(inputs=to_struct(checked.inputs), failures=failures)


_DIFF_KINDS = {
    ("add", False): provider_pb2.PropertyDiff.ADD,
    ("add", True): provider_pb2.PropertyDiff.ADD_REPLACE,
    ("delete", False): provider_pb2.PropertyDiff.DELETE,
    ("delete", True): provider_pb2.PropertyDiff.DELETE_REPLACE,
    ("update", False): provider_pb2.PropertyDiff.UPDATE,
    ("update", True): provider_pb2.PropertyDiff.UPDATE_REPLACE,
}
"""The protocol's word for a change, by whether it forces a replacement."""


def _diff_response(difference: Difference) -> Any:
    changes = {**dict.fromkeys(sorted(difference.replaces), "update"), **difference.changes}
    detailed = {
        path: provider_pb2.PropertyDiff(kind=_DIFF_KINDS[kind, path in difference.replaces], inputDiff=True)
        for path, kind in changes.items()
    }
    some = provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE
    return provider_pb2.DiffResponse(
        changes=some,
        diffs=list(dict.fromkeys(top_level_key(path) for path in changes)),
        replaces=list(dict.fromkeys(top_level_key(path) for path in sorted(difference.replaces))),
        detailedDiff=detailed,
        hasDetailedDiff=bool(detailed),
    )
