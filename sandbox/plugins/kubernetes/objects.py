"""Kubernetes objects of any kind as Pulumi resources."""

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.plugins.kubernetes import ownership, readiness
from sandbox.plugins.kubernetes.changes import difference
from sandbox.plugins.kubernetes.cluster import ApiError, Cluster, NoKindError, UnreachableError
from sandbox.plugins.kubernetes.kinds import (
    is_cluster_scoped,
    is_crd,
    kind_of_token,
    refuse_unsupported,
)
from sandbox.plugins.kubernetes.settings import Settings
from sandbox.plugins.kubernetes.state import (
    FIELD_MANAGER,
    annotation,
    imported_inputs,
    live_inputs,
    mark_secrets,
    object_id,
    to_object,
    to_outputs,
)
from sandbox.plugins.kubernetes.waiting import StoppedError, TimedOutError, Waiter
from sandbox.plugins.protocol import (
    Checked,
    Difference,
    Found,
    Host,
    InitFailedError,
    ProviderError,
    Resource,
)
from sandbox.plugins.values import UNKNOWN, Secret, has_unknown, path_keys, plain

_CONFLICT_HELP = """

Somebody else has taken over fields of the object since it was last applied. Leave those fields out of the
program, or take them back with the annotation `pulumi.com/patchForce: "true"`."""

# What an object needs may be under way (its namespace, its kind): pauses in seconds before another attempt.
_RETRY_PAUSES = (1, 2, 4, 8, 16)
_EXISTS_HELP = """

The resource already exists in the cluster. This can happen when:

  - Renaming a Pulumi resource: use an alias to preserve the identity,
    or use deleteBeforeReplace if the resource needs replacement.
  - Adopting a resource into Pulumi: use `pulumi import`, or the resource option `import`.
  - Intentional upsert: set upsertExistingObjects on the provider to allow
    server-side apply to update existing objects on create."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objects:
    """The objects of one cluster; `cluster` is None while it cannot be reached."""

    host: Host
    settings: Settings
    cluster: Cluster | None
    default_namespace: str
    waiter: Waiter

    def check(
        self, resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any], seed: bytes
    ) -> Checked:
        """Fill in name and namespace."""
        refuse_unsupported(resource.type)
        api_version, kind = kind_of_token(resource.type)
        inputs = {"apiVersion": api_version, "kind": kind, **new}
        metadata = inputs.get("metadata")
        if metadata is UNKNOWN:
            return Checked(inputs=mark_secrets(inputs, inputs))
        values = dict(metadata.value if isinstance(metadata, Secret) else metadata or {})
        if values.get("generateName") and not values.get("name"):
            raise ProviderError(
                "the `.metadata.generateName` field is not supported in Server-Side Apply mode"
            )
        if not values.get("name"):
            values = _named(resource, values, plain(old.get("metadata") or {}), seed)
        if not values.get("namespace") and self._is_namespaced(inputs["apiVersion"], inputs["kind"]):
            values["namespace"] = self.default_namespace
        inputs["metadata"] = Secret(values) if isinstance(metadata, Secret) else values
        return Checked(inputs=mark_secrets(inputs, inputs))

    def diff(self, old_inputs: Mapping[str, Any], new_inputs: Mapping[str, Any]) -> Difference:
        """Compare inputs; the last refresh has put what drifted into the old ones."""
        return difference(old_inputs, new_inputs, self.settings)

    def preview_create(self, resource: Resource, inputs: Mapping[str, Any]) -> Found:
        """Let the server say what the object would be, or give the inputs where it cannot know."""
        obj = to_object(inputs)
        if self.cluster is None or has_unknown(obj) or not self._has_kind(obj):
            return Found(id="", outputs=inputs)
        try:
            live = self._send_new(obj, self._manager(resource, {}, obj), dry_run=True)
        except ApiError as error:
            if error.is_missing_namespace or error.is_existing or error.code == 403:
                return Found(id="", outputs=inputs)
            raise _refused(resource, error) from error
        live.pop("status", None)
        return Found(id="", outputs=to_outputs(inputs, live, self._manager(resource, {}, obj)))

    def create(self, resource: Resource, inputs: Mapping[str, Any], *, timeout: float) -> Found:
        """Create the object and wait until it is ready."""
        obj = to_object(inputs)
        manager = self._manager(resource, {}, obj)
        made = self._create_in_time(resource, obj, manager)
        live = self._await_ready(resource, obj, made, inputs, manager, timeout, verb="created")
        return Found(id=object_id(live), outputs=to_outputs(inputs, live, manager))

    def read(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
    ) -> Found | None:
        """Read the object by its id, and take what drifted into the inputs."""
        known = to_object(inputs) or to_object(outputs)
        if not known:
            known = dict(zip(("apiVersion", "kind"), kind_of_token(resource.type), strict=True))
        namespace, _, name = id.rpartition("/")
        identity = {
            "apiVersion": known["apiVersion"],
            "kind": known["kind"],
            "metadata": {"name": name, "namespace": namespace},
        }
        live = self._connected.find(identity)
        if live is None:
            return None
        marked = inputs if inputs else outputs
        found = live_inputs(live, to_object(inputs)) if inputs else imported_inputs(live)
        found = mark_secrets(found, marked)
        manager = self._manager(resource, outputs, known)
        result = Found(id=id, inputs=found, outputs=to_outputs(found, live, manager))
        lacking = self._missing(to_object(inputs), live) if inputs else []
        if lacking and not readiness.is_token_secret(live) and not is_crd(live):
            raise InitFailedError(
                f"Resource '{name}' was created but failed to initialize",
                id=id,
                outputs=result.outputs,
                inputs=found,
                reasons=lacking,
            )
        return result

    def update(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        old_outputs: Mapping[str, Any],
        inputs: Mapping[str, Any],
        *,
        timeout: float,
        preview: bool,
        ignore_changes: Sequence[str],
    ) -> Mapping[str, Any]:
        """Apply the inputs to the object and wait until it is ready."""
        obj = to_object(inputs)
        if preview and (self.cluster is None or has_unknown(obj) or not self._has_kind(obj)):
            return inputs
        manager = self._manager(resource, old_outputs, obj)
        self._correct_namespace(obj)
        try:
            live = self._connected.get(obj)
            if is_crd(obj):
                changed = self._replace_definition(obj, live, manager, preview)
            else:
                changed = self._apply(obj, live, manager, ignore_changes, preview)
        except ApiError as error:
            if preview and error.code == 403:
                return inputs
            help_text = _CONFLICT_HELP if error.code == 409 else ""
            raise ProviderError(f'update of resource "{resource.urn}" failed: {error}{help_text}') from error
        if not preview:
            changed = self._await_ready(resource, obj, changed, inputs, manager, timeout, verb="updated")
        return to_outputs(inputs, changed, manager)

    def delete(self, id: str, outputs: Mapping[str, Any], *, timeout: float) -> None:  # noqa: A002
        """Delete the object and wait until it is gone."""
        namespace, _, name = id.rpartition("/")
        known = to_object(outputs)
        inputs = to_object(plain(outputs.get("__inputs")) or {})
        identity = {
            "apiVersion": known["apiVersion"],
            "kind": known["kind"],
            "metadata": {"name": name, "namespace": namespace},
        }
        policies = {"orphan": "Orphan", "background": "Background"}
        propagation = policies.get(annotation(inputs, "deletionPropagationPolicy").lower(), "Foreground")
        live = self._connected.find(identity)
        if live is None:
            return
        uid = live["metadata"]["uid"]
        try:
            self._connected.delete(identity, propagation=propagation)
            self.waiter.until(
                lambda: self._is_gone(identity, uid), timeout=readiness.timeout_of(inputs, timeout)
            )
        except ApiError as error:
            if not error.is_missing:
                raise
        except (TimedOutError, StoppedError) as error:
            raise ProviderError(self._why_not_gone(identity, id, error)) from error

    @property
    def _connected(self) -> Cluster:
        if self.cluster is None:
            raise ProviderError("the cluster cannot be reached")
        return self.cluster

    def _has_kind(self, obj: Mapping[str, Any]) -> bool:
        try:
            self._connected.endpoint(obj["apiVersion"], obj["kind"])
        except NoKindError:
            return False
        return True

    def _is_namespaced(self, api_version: str, kind: str) -> bool:
        if is_cluster_scoped(kind):
            return False
        if self.cluster is None:
            return True
        try:
            return self.cluster.endpoint(api_version, kind).namespaced
        except NoKindError:
            # Its definition is not there yet; `_create_in_time` corrects a wrong guess.
            return True

    def _correct_namespace(self, obj: dict[str, Any]) -> None:
        """Take away a namespace that was filled in before the kind was known to be outside of them."""
        if not self._connected.endpoint(obj["apiVersion"], obj["kind"]).namespaced:
            obj["metadata"].pop("namespace", None)

    def _manager(self, resource: Resource, outputs: Mapping[str, Any], obj: Mapping[str, Any]) -> str:
        chosen = annotation(obj, "patchFieldManager") or plain(outputs.get(FIELD_MANAGER))
        if isinstance(chosen, str) and chosen:
            return chosen
        return f"pulumi-kubernetes-{hashlib.sha256(resource.urn.encode()).hexdigest()[:8]}"

    def _create_in_time(self, resource: Resource, obj: dict[str, Any], manager: str) -> dict[str, Any]:
        for number, pause in enumerate((*_RETRY_PAUSES, None), start=1):
            try:
                self._correct_namespace(obj)
                return self._send_new(obj, manager, dry_run=False)
            except (ApiError, NoKindError) as error:
                may_come = isinstance(error, NoKindError) or error.is_missing
                if not may_come or pause is None:
                    raise _refused(resource, error) from error
                self.host.status(resource.urn, f"Retry #{number}; creation failed: {error}")
                try:
                    self.waiter.pause(pause)
                except StoppedError:
                    raise _refused(resource, error) from error
        raise AssertionError("the last attempt returns or raises")

    def _send_new(self, obj: Mapping[str, Any], manager: str, *, dry_run: bool) -> dict[str, Any]:
        if self.settings.upsert_existing_objects:
            force = dry_run or self._forces(obj)
            return self._connected.apply(obj, manager=manager, force=force, dry_run=dry_run)
        return self._connected.create(obj, manager=ownership.CREATOR, dry_run=dry_run)

    def _forces(self, obj: Mapping[str, Any]) -> bool:
        return self.settings.enable_patch_force or annotation(obj, "patchForce") == "true"

    def _replace_definition(
        self, obj: Mapping[str, Any], live: Mapping[str, Any], manager: str, preview: bool
    ) -> dict[str, Any]:
        """Put the whole definition: applied piecewise, versions that left the inputs would stay."""
        version = live["metadata"]["resourceVersion"]
        complete = {**obj, "metadata": {**obj["metadata"], "resourceVersion": version}}
        return self._connected.replace(complete, manager=manager, dry_run=preview)

    def _apply(
        self,
        obj: dict[str, Any],
        live: dict[str, Any],
        manager: str,
        ignore_changes: Sequence[str],
        preview: bool,
    ) -> dict[str, Any]:
        fields = live["metadata"].get("managedFields") or []
        adopted = ownership.adopt(fields, manager)
        if adopted is not None and not preview:
            live = self._connected.patch(
                live,
                [
                    {"op": "replace", "path": "/metadata/managedFields", "value": adopted},
                    {
                        "op": "replace",
                        "path": "/metadata/resourceVersion",
                        "value": live["metadata"]["resourceVersion"],
                    },
                ],
            )
        for path in ignore_changes:
            _keep_ignored(obj, live, path_keys(path), manager)
        # In a preview the creator's fields are not made over, and would be reported as conflicts.
        force = self._forces(obj) or not fields or (preview and adopted is not None)
        return self._connected.apply(obj, manager=manager, force=force, dry_run=preview)

    def _await_ready(
        self,
        resource: Resource,
        obj: Mapping[str, Any],
        made: dict[str, Any],
        inputs: Mapping[str, Any],
        manager: str,
        timeout: float,
        *,
        verb: str,
    ) -> dict[str, Any]:
        """Wait for readiness; raises InitFailedError with what is in the cluster when it does not come."""
        live, lacking = made, self._missing(obj, made)

        def is_ready() -> bool:
            nonlocal live, lacking
            try:
                found = self._connected.find(made)
            except (ApiError, UnreachableError) as error:
                # The object is there: whatever happens to the server meanwhile must not lose it from state.
                lacking = [str(error)]
                return False
            if found is None:
                raise ProviderError(
                    f'resource "{resource.urn}" was {verb}, and then deleted by somebody else'
                )
            live, lacking = found, self._missing(obj, found)
            if lacking:
                self.host.status(resource.urn, lacking[0])
            return not lacking

        if not lacking:
            return made
        try:
            self.waiter.until(is_ready, timeout=readiness.timeout_of(obj, timeout))
        except (TimedOutError, StoppedError) as error:
            name = object_id(live)
            what = (
                f"Resource operation was cancelled for '{name}'"
                if isinstance(error, StoppedError)
                else f"'{name}' timed out waiting to be Ready"
            )
            raise InitFailedError(
                f'resource "{resource.urn}" was successfully {verb}, but the Kubernetes API server reported '
                f"that it failed to fully initialize or become live: {what}",
                id=name,
                outputs=to_outputs(inputs, live, manager),
                reasons=[what, *lacking],
            ) from error
        self.host.status(resource.urn, "")
        return live

    def _missing(self, obj: Mapping[str, Any], live: Mapping[str, Any]) -> list[str]:
        if annotation(obj, "skipAwait") == "true":
            return []
        try:
            return readiness.missing(live, self._connected.look(live["metadata"].get("namespace", "")))
        except (ApiError, UnreachableError) as error:
            return [str(error)]

    def _is_gone(self, identity: Mapping[str, Any], uid: str) -> bool:
        live = self._connected.find(identity)
        return live is None or live["metadata"]["uid"] != uid

    def _why_not_gone(self, identity: Mapping[str, Any], name: str, error: Exception) -> str:
        live = self._connected.find(identity) or {"metadata": {}}
        finalizers = ", ".join(live["metadata"].get("finalizers") or [])
        conditions = [
            item.get("message", "")
            for item in live.get("status", {}).get("conditions") or []
            if item.get("type", "").startswith("Namespace") and item.get("status") == "True"
        ]
        what = (
            f"Resource operation was cancelled for '{name}'"
            if isinstance(error, StoppedError)
            else f"'{name}' is still there at the end of the time allowed for its deletion"
        )
        held = f"; finalizers that hold it: {finalizers}" if finalizers else ""
        return "; ".join([what + held, *filter(None, conditions)])


def _named(
    resource: Resource, metadata: Mapping[str, Any], old: Mapping[str, Any], seed: bytes
) -> dict[str, Any]:
    """Give the metadata with a name of Pulumi's making: the old one, or a new one from the seed."""
    old_annotations = old.get("annotations") or {}
    if old_annotations.get("pulumi.com/autonamed") == "true":
        name = old["name"]
    else:
        name = f"{resource.name}-{hashlib.sha256(seed).hexdigest()[:8]}"
    annotations = {**(plain(metadata.get("annotations")) or {}), "pulumi.com/autonamed": "true"}
    return {**metadata, "name": name, "annotations": annotations}


def _refused(resource: Resource, error: Exception) -> ProviderError:
    if isinstance(error, NoKindError):
        return ProviderError(
            f'creation of resource "{resource.urn}" failed because the Kubernetes API server reported that '
            f"the apiVersion for this resource does not exist. Verify that any required CRDs have been "
            f"created: {error}"
        )
    exists = isinstance(error, ApiError) and error.is_existing
    return ProviderError(
        f'resource "{resource.urn}" was not successfully created by the Kubernetes API server: '
        f"{error}{_EXISTS_HELP if exists else ''}"
    )


def _keep_ignored(
    obj: dict[str, Any], live: Mapping[str, Any], path: tuple[str | int, ...], manager: str
) -> None:
    """Leave an ignored field to its other owner, or apply it as it is; those in lists stay as given."""
    keys = [key for key in path if isinstance(key, str)]
    if len(keys) != len(path) or not keys:
        return
    owners = ownership.owners_of(live["metadata"].get("managedFields") or [], keys)
    source, target = live, obj
    for key in keys[:-1]:
        source = source.get(key) if isinstance(source, Mapping) else None
        if not isinstance(target.get(key), dict):
            return
        target = target[key]
    if owners and manager not in owners:
        target.pop(keys[-1], None)
    elif isinstance(source, Mapping) and keys[-1] in source:
        target[keys[-1]] = source[keys[-1]]
