"""The real entry point under mocks: what it registers, recorded."""

import base64
import gc
import json
import logging
import runpy
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
from google.protobuf import json_format
from pulumi.runtime import mocks, rpc
from pulumi.runtime.settings import ROOT
from pulumi.runtime.stack import Stack

from mesh.stacks import state
from tests.builders.certificates import Authority, authority
from tests.builders.stack_files import decrypted, secrets

PROJECT = Path(__file__).resolve().parents[2]
# Those that are a whole mesh by themselves.
EXAMPLES = sorted([*PROJECT.glob("examples/*.yaml"), *PROJECT.glob("examples/kind/*.yaml")])
_RELEASE = "kubernetes:helm.sh/v3:Release"
TOKEN = "reader-token-of-"
PRIVATE_KEY = "-----BEGIN PRIVATE KEY-----"
_SIGNATURE = rpc._special_sig_key  # noqa: SLF001 - the SDK has no public name for it

# As Pulumi's language host does: a program that is refused leaves outputs behind that nobody awaits.
logging.getLogger("asyncio").setLevel(logging.CRITICAL)


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One resource as the program registered it; `provider` and `parent` are URNs."""

    urn: str
    type: str
    name: str
    parent: str
    provider: str
    protect: bool
    retained: bool
    dependencies: frozenset[str]
    ignored: frozenset[str]
    inputs: Mapping[str, Any]
    secret_inputs: frozenset[str]
    read: bool = False


@dataclass(kw_only=True)
class Recording:
    """All resources by logical name and type, and the stack's outputs."""

    resources: list[Registration] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)
    """Inputs and outputs of everything as JSON, with its URN; secrets are left out."""

    def one(self, type_: str, name: str) -> Registration:
        """The only resource of that type and name."""
        (found,) = [r for r in self.resources if r.type == type_ and r.name == name]
        return found

    def before(self, registration: "Registration") -> set[str]:
        """The names of all that a resource waits for, at any remove."""
        by_urn = {found.urn: found for found in self.resources}
        names: set[str] = set()
        todo = [registration]
        while todo:
            for urn in todo.pop().dependencies:
                if urn in by_urn and by_urn[urn].name not in names:
                    names.add(by_urn[urn].name)
                    todo.append(by_urn[urn])
        return names

    def of_type(self, type_: str) -> list[Registration]:
        """All resources of a type, in the order of their names."""
        return sorted((r for r in self.resources if r.type == type_), key=lambda r: r.name)


def as_recorded(found: Registration) -> dict[str, Any]:
    """A resource as a state has it; the kubeconfigs of providers are gone, and gateways have an address."""
    outputs = {"gatewayAddresses": ["203.0.113.9"]} if found.type == "mesh:index:Cluster" else {}
    return {
        "urn": found.urn,
        "type": found.type,
        "parent": found.parent,
        "custom": ":index:" not in found.type or found.type.startswith(("tls:", "random:")),
        "external": found.read,
        "provider": f"{found.provider}::id" if found.provider else "",
        "inputs": {"kubeconfig": "/gone"} if found.type == state.PROVIDER else {},
        "outputs": {"kubeconfig": "/gone"} if found.type == state.PROVIDER else outputs,
    }


class _Engine(mocks.Mocks):
    """Answers as the providers would; in a preview it leaves out what they would not know yet."""

    def __init__(self, *, preview: bool, stacks: Mapping[str, Mapping[str, Any]]) -> None:
        self._preview = preview
        self._stacks = stacks
        self._values: dict[tuple[str, str], Mapping[str, Any]] = {}

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        raise AssertionError(f"the program calls no functions, but called {args.token}")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":  # read by the engine itself, in previews too
            outputs = self._stacks[args.name]
            return args.name, {**args.inputs, "outputs": outputs, "secretOutputNames": list(outputs)}
        state = {**args.inputs}
        if not self._preview:
            if args.typ == _RELEASE:
                self._values[str(args.inputs.get("name")), args.name] = args.inputs.get("values", {})
            state |= _computed(args, self._values)
        return (None if self._preview else f"{args.name}-id"), state


@cache  # one for each resource, whichever run asks for it
def _authority(name: str) -> Authority:
    return authority(name, days=(-1, 3650))


def _certificate(name: str) -> str:
    return _authority(name).pem


def _computed(
    args: mocks.MockResourceArgs, values: Mapping[tuple[str, str], Mapping[str, Any]]
) -> dict[str, Any]:
    """What a provider adds; `values` are those of the releases, by their names in cluster and program."""
    match args.typ:
        case "tls:index/privateKey:PrivateKey":
            return {"privateKeyPem": _authority(f"{args.name.removesuffix('-key')}-certificate").key_pem}
        case "tls:index/certRequest:CertRequest":
            return {"certRequestPem": f"request {args.name}"}
        case "tls:index/selfSignedCert:SelfSignedCert":
            return {"certPem": _certificate(args.name), "validityEndTime": "2036-11-20T12:00:00+02:00"}
        case "tls:index/locallySignedCert:LocallySignedCert":
            return {"certPem": _certificate(args.name), "validityEndTime": "2028-11-20T12:00:00+02:00"}
        case "random:index/randomId:RandomId":
            return {"hex": "00ff"}
        case "kubernetes:core/v1:Secret" if "-reader-token" in args.name:
            token = base64.b64encode(f"{TOKEN}{args.name}".encode()).decode()
            return {
                "data": {
                    "token": token,
                    "ca.crt": base64.b64encode(_certificate(args.name).encode()).decode(),
                }
            }
        case "kubernetes:helm.sh/v3:Release":
            return {"status": {key: args.inputs.get(key) for key in ("namespace", "name")}}
        case "kubernetes:core/v1:Service" if args.name.endswith("-hbone-gateway-service"):
            return _hbone_service()
        case "kubernetes:core/v1:Service" if args.resource_id:
            gateway = "istio-eastwestgateway"
            cluster = args.name.removesuffix("-east-west-gateway-service")
            return _service(values[gateway, f"{cluster}-{gateway}"])
        case _:
            return {}


def _hbone_service() -> dict[str, Any]:
    """The Service that istiod makes of a Gateway, in a cluster with a load balancer."""
    return {
        "metadata": {"labels": {"topology.istio.io/network": "any"}},
        "spec": {"type": "LoadBalancer", "ports": [{"port": 15021}, {"port": 15008}]},
        "status": {"loadBalancer": {"ingress": [{"ip": "203.0.113.8"}]}},
    }


def _service(values: Mapping[str, Any]) -> dict[str, Any]:
    """The Service that the chart `gateway` makes, in a cluster with a load balancer."""
    if _SIGNATURE in values:
        values = values["value"]
    given = values["service"]
    balanced = given.get("type", "LoadBalancer") == "LoadBalancer"
    # An address that is not assigned yet has neither IP nor host name.
    ingress = [{"ip": "203.0.113.7"}, {"hostname": "gateway.example.com"}, {}]
    network = {"topology.istio.io/network": values["networkGateway"]} if values["networkGateway"] else {}
    return {
        "metadata": {
            "labels": {**network, **values.get("labels", {})},
            "annotations": given.get("annotations"),
        },
        "spec": {
            "type": given.get("type", "LoadBalancer"),
            "ports": [{**port, "nodePort": port.get("nodePort", 31443)} for port in given["ports"]],
            "externalIPs": ["198.51.100.1"] if balanced else [],
        },
        "status": {"loadBalancer": {"ingress": ingress if balanced else []}},
    }


class _Monitor(mocks.MockMonitor):
    def __init__(self, engine: _Engine, recording: Recording) -> None:
        super().__init__(engine)
        self._recording = recording

    def ReadResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        response = super().ReadResource(request)
        self._record(request, response.urn, request.properties, read=True)
        return response

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        response = super().RegisterResource(request)
        if request.type != "pulumi:pulumi:Stack":
            self._record(request, response.urn, request.object, read=False)
        return response

    def _record(self, request: Any, urn: str, properties: Any, *, read: bool) -> None:
        self._show(urn, properties)
        self._recording.resources.append(
            Registration(
                urn=urn,
                type=request.type,
                name=request.name,
                parent=request.parent,
                provider=request.provider.rpartition("::")[0],
                protect=False if read else request.protect,
                retained=False if read else request.retainOnDelete,
                dependencies=frozenset(request.dependencies),
                ignored=frozenset() if read else frozenset(request.ignoreChanges),
                inputs=_plain(rpc.deserialize_properties(properties)),
                secret_inputs=frozenset(k for k, v in properties.fields.items() if _holds_secret(v)),
                read=read,
            )
        )

    def _show(self, urn: str, properties: Any) -> None:
        shown = _without_secrets(json_format.MessageToDict(properties))
        self._recording.shown.append(f"{urn} {json.dumps(shown, default=str)}")

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the protocol's name
        self._show(request.urn, request.outputs)
        if request.urn.endswith("pulumi:pulumi:Stack::istio-mesh-dev"):
            self._recording.outputs = rpc.deserialize_properties(request.outputs, keep_unknowns=True)
        return super().RegisterResourceOutputs(request)


def _plain(value: Any) -> Any:
    """The value with its secrets unwrapped; which inputs hold secrets is recorded beside it."""
    if isinstance(value, dict):
        if _SIGNATURE in value:
            return _plain(value["value"])
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        if _SIGNATURE in value:
            return None
        return {key: _without_secrets(inner) for key, inner in value.items()}
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


def _holds_secret(value: Any) -> bool:
    """Whether a protobuf value is, or contains, a secret of the protocol."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        fields = value.struct_value.fields
        return _SIGNATURE in fields or any(_holds_secret(v) for v in fields.values())
    return kind == "list_value" and any(_holds_secret(v) for v in value.list_value.values)


def run(
    stack_file: Path, *, preview: bool = False, stacks: Mapping[str, Mapping[str, Any]] | None = None
) -> Recording:
    """Run `__main__.py` with a stack file's configuration and wait until all is registered."""
    values = decrypted(stack_file)
    config = {key: v if isinstance(v, str) else json.dumps(v) for key, v in values.items()}
    return run_config(config, preview=preview, secret=secrets(stack_file), stacks=stacks)


def run_config(
    config: Mapping[str, str],
    *,
    preview: bool = False,
    secret: Collection[str] = (),
    stacks: Mapping[str, Mapping[str, Any]] | None = None,
) -> Recording:
    """Run `__main__.py` with configuration as the engine hands it over: JSON texts by full key.

    `secret` are the keys that hold secrets, `stacks` the outputs of other stacks by full name.
    """
    pulumi.runtime.set_all_config(dict(config), list(secret))

    def declare() -> None:
        try:
            runpy.run_path(str(PROJECT / "__main__.py"))
        finally:
            gc.enable()  # the program disables it for a process of its own

    return run_program(declare, preview=preview, stacks=stacks)


def run_program(
    declare: Callable[[], None],
    *,
    preview: bool = False,
    stacks: Mapping[str, Mapping[str, Any]] | None = None,
) -> Recording:
    """Run a program and wait until all is registered."""
    recording = Recording()
    engine = _Engine(preview=preview, stacks=stacks or {})
    mocks.set_mocks(
        engine,
        project="istio-mesh",
        stack="dev",
        preview=preview,
        monitor=_Monitor(engine, recording),
        organization="organization",
    )

    @pulumi.runtime.test
    def program() -> None:
        Stack(declare)

    ROOT.set(None)
    program()
    return recording
