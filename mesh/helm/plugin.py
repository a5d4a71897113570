"""Helm as Pulumi's kubernetes plugin has it: what renders a chart here is what will install it.

The plugin is started by itself, beside the one that Pulumi runs, and is given no cluster. It speaks Pulumi's
provider protocol; its function `kubernetes:helm:template` is the one behind the SDK's `helm.v3.Chart`.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import grpc
from google.protobuf import struct_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from mesh.helm.errors import ChartRefusedError, ChartUnavailableError
from mesh.mappings import Json

_NAME = "pulumi-resource-kubernetes"
_FUNCTION = "kubernetes:helm:template"
_START_SECONDS = 20
_RENDER_SECONDS = 60
_DEFINITION = "CustomResourceDefinition"
_LARGEST_ANSWER = 64 << 20
# Nothing listens there: the plugin wants to know where Pulumi's engine is, to send it what it logs.
_NO_ENGINE = "127.0.0.1:1"
_BEFORE_REASON = "for specified Helm chart: "
_NOT_PULLED = ("failed to pull chart", "failed to load chart")
_SCHEMA = re.compile(r"- at '([^']*)': (.*)")
# Where in the templates it happened; their own words are behind it.
_TEMPLATE = re.compile(r"^.*(error calling \w+: |execution error at \([^)]*\): |>: )", re.DOTALL)

# These have no types.
grpc_api: Any = grpc
messages: Any = provider_pb2
services: Any = provider_pb2_grpc


def find(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The plugin that Pulumi would use: on the path, else among those that Pulumi has installed."""
    if on_path := shutil.which(_NAME, path=environment.get("PATH")):
        return Path(on_path)
    home = Path(environment.get("PULUMI_HOME") or Path("~/.pulumi").expanduser())
    folder = home / "plugins" / f"resource-kubernetes-v{version('pulumi-kubernetes')}"
    return next((path for path in (folder / _NAME, folder / f"{_NAME}.exe") if path.is_file()), None)


class Plugin:
    """A running plugin; several threads may use it at once."""

    def __init__(self, path: Path) -> None:
        """Start it.

        Raises:
            ChartUnavailableError: it does not start.
        """
        unusable = ChartUnavailableError(f"{path} does not start as a plugin of Pulumi")
        try:
            self._process = subprocess.Popen(
                [path, _NO_ENGINE], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            )
        except OSError as error:
            raise unusable from error
        try:
            port = self._process.stdout.readline().strip() if self._process.stdout else ""
            self._channel: Any = grpc_api.insecure_channel(
                f"127.0.0.1:{port}", options=[("grpc.max_receive_message_length", _LARGEST_ANSWER)]
            )
            self._provider = services.ResourceProviderStub(self._channel)
            # Without a configuration it renders nothing; with an empty kubeconfig it looks for no cluster.
            self._provider.Configure(
                messages.ConfigureRequest(
                    variables={"kubernetes:config:kubeconfig": "{}"}, acceptSecrets=True
                ),
                timeout=_START_SECONDS,
            )
        except grpc_api.RpcError as error:
            self.stop()
            raise unusable from error

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()

    def render(self, options: Json) -> tuple[Json, ...]:
        """The manifests of a chart; of custom resource definitions only kind, metadata and a checksum.

        Args:
            options: as `helm template` takes them, by the names in `HelmChartOpts`
                (`provider/pkg/provider/invoke_helm_template.go` in pulumi/pulumi-kubernetes).

        Raises:
            ChartRefusedError: the chart does not take the values.
            ChartUnavailableError: the chart cannot be had, or the plugin has ended.
        """
        arguments = struct_pb2.Struct()
        arguments.update({"jsonOpts": json.dumps(options)})
        try:
            answer = self._provider.Invoke(
                messages.InvokeRequest(tok=_FUNCTION, args=arguments), timeout=_RENDER_SECONDS
            )
        except grpc_api.RpcError as error:
            raise failure(str(error.details())) from error
        manifests = getattr(answer, "return").fields["result"].list_value.values
        return tuple(_manifest(manifest) for manifest in manifests)


def failure(details: str) -> ChartRefusedError | ChartUnavailableError:
    """What the plugin's words for a failure mean. Pure."""
    _, found, reason = details.partition(_BEFORE_REASON)
    if not found or reason.startswith(_NOT_PULLED):
        return ChartUnavailableError(_first_line(reason or details))
    if complaints := _SCHEMA.findall(reason):
        words = "; ".join(
            f"{place.strip('/').replace('/', '.') or 'values'}: {text}" for place, text in complaints
        )
        return ChartRefusedError(f"the chart's schema refuses it: {words}")
    words = " ".join(_TEMPLATE.sub("", reason).split())
    return ChartRefusedError(f"the chart cannot be rendered with it: {words}")


def _manifest(value: Any) -> Json:
    """An object; of a definition, of which those of Istio have a megabyte, what names it and a checksum."""
    fields = value.struct_value.fields
    if fields["kind"].string_value == _DEFINITION:
        content: bytes = fields["spec"].SerializeToString(deterministic=True)
        return {
            "kind": _DEFINITION,
            "metadata": _plain(fields["metadata"]),
            "spec": {"sha256": hashlib.sha256(content).hexdigest()},
        }
    return cast(Json, _plain(value))


def _plain(value: Any) -> Any:
    """A protobuf value as JSON has it; whole numbers, which protobuf does not know, as such."""
    match value.WhichOneof("kind"):
        case "struct_value":
            return {key: _plain(inner) for key, inner in value.struct_value.fields.items()}
        case "list_value":
            return [_plain(inner) for inner in value.list_value.values]
        case "number_value":
            number: float = value.number_value
            return int(number) if number.is_integer() else number
        case "null_value":
            return None
        case kind:
            return getattr(value, kind)


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or ["no reason is given"])[0]
