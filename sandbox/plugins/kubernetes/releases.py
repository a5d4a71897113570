"""Helm releases as Pulumi resources (`kubernetes:helm.sh/v3:Release`).

Inputs, outputs and life follow provider/pkg/provider/helm_release.go in pulumi/pulumi-kubernetes.
Better than there: an operation that was killed half way, which Helm keeps as pending for ever, is
taken up again where the record is this resource's own; and a release that does not become ready
says which of its objects do not, and why.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.plugins.kubernetes import readiness, records
from sandbox.plugins.kubernetes.cluster import ApiError, Cluster, UnreachableError
from sandbox.plugins.kubernetes.helm import Chart, Helm, HelmError
from sandbox.plugins.kubernetes.records import Record
from sandbox.plugins.kubernetes.waiting import StoppedError, Waiter
from sandbox.plugins.protocol import (
    Checked,
    Difference,
    Failure,
    Found,
    Host,
    InitFailedError,
    ProviderError,
    Resource,
)
from sandbox.plugins.values import UNKNOWN, Secret, differences, has_unknown, mark_like, plain

_DEFAULT_TIMEOUT = 300
# Written to the release's record, so that a record left behind by an interrupted run is known again.
_OWNER_LABEL = "pulumi-resource"
_STATE_ONLY = ("resourceNames", "status", "checksum", "manifest", "compat", "__inputs")
_NOT_SERVED = ("valueYamlFiles", "lint")

# What the official provider fills in for inputs that are not given (`Release` in helm_release.go); filled
# in here, too, a stack can change from one to the other without a change to its releases.
_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys(
        (
            "allowNullValues",
            "atomic",
            "cleanupOnFail",
            "createNamespace",
            "dependencyUpdate",
            "devel",
            "disableCRDHooks",
            "disableOpenapiValidation",
            "disableWebhooks",
            "forceUpdate",
            "lint",
            "recreatePods",
            "renderSubchartNotes",
            "replace",
            "resetValues",
            "reuseValues",
            "skipAwait",
            "skipCrds",
            "takeOwnership",
            "verify",
            "waitForJobs",
        ),
        False,
    ),
    **dict.fromkeys(("description", "keyring", "postrender"), ""),
}
_REPOSITORY_DEFAULTS = dict.fromkeys(("caFile", "certFile", "keyFile", "password", "username"), "")

# Inputs that are switches of Helm's CLI: of both verbs, of `install`, of `upgrade`.
_SWITCHES = {
    "atomic": "--atomic",
    "dependencyUpdate": "--dependency-update",
    "disableOpenapiValidation": "--disable-openapi-validation",
    "renderSubchartNotes": "--render-subchart-notes",
    "skipCrds": "--skip-crds",
    "takeOwnership": "--take-ownership",
}
_INSTALL_SWITCHES = {
    "createNamespace": "--create-namespace",
    "disableWebhooks": "--no-hooks",
    "replace": "--replace",
}
_UPGRADE_SWITCHES = {
    "cleanupOnFail": "--cleanup-on-fail",
    "disableCRDHooks": "--no-hooks",
    "forceUpdate": "--force",
    "recreatePods": "--recreate-pods",
    "reuseValues": "--reuse-values",
}


class Releases:
    """The releases of one cluster; `cluster` is None while it cannot be reached."""

    def __init__(
        self, *, host: Host, cluster: Cluster | None, default_namespace: str, waiter: Waiter
    ) -> None:
        self._host = host
        self._cluster = cluster
        self._default_namespace = default_namespace
        self._helm = Helm(cluster.access if cluster else None, waiter)

    def check(
        self, resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any], seed: bytes
    ) -> Checked:
        """Fill in name, namespace, timeout and the chart's exact version; no such chart is a failure."""
        inputs = {key: value for key, value in new.items() if key not in _STATE_ONLY and value is not None}
        failures = [
            Failure(property=name, reason=f"{name} is not served by the sandbox's stand-in")
            for name in _NOT_SERVED
            if inputs.get(name)
        ]
        if _has_credentials(inputs):
            reason = "username and password are not served by the sandbox's stand-in"
            failures.append(Failure(property="repositoryOpts", reason=reason))
        if not inputs.get("name"):
            inputs["name"] = plain(old.get("name")) or (
                f"{resource.name}-{hashlib.sha256(seed).hexdigest()[:8]}"
            )
        inputs["namespace"] = inputs.get("namespace") or self._default_namespace
        if not inputs.get("skipAwait"):
            inputs.setdefault("timeout", _DEFAULT_TIMEOUT)
        inputs = _completed(inputs)
        if not failures and not has_unknown(_located(inputs)):
            try:
                inputs["version"] = self._helm.chart_metadata(_chart(plain(inputs)))["version"]
            except HelmError as error:
                reason = f"{error}; check the chart name and repository configuration."
                failures.append(Failure(property="chart", reason=reason))
        return Checked(inputs=inputs, failures=failures)

    def diff(
        self, old_inputs: Mapping[str, Any], old_outputs: Mapping[str, Any], new_inputs: Mapping[str, Any]
    ) -> Difference:
        """Compare the new inputs with the release as last seen, as far as either inputs name it."""
        given = {key: value for key, value in plain(dict(old_inputs)).items() if key not in _STATE_ONLY}
        # A default that another version of the provider did not write down is no change.
        old = _completed(given)
        new = plain(dict(new_inputs))
        seen = _shared(plain(dict(old_outputs)), _merged(old, new))
        changes = differences({**old, **seen}, new)
        replaces = frozenset(path for path in changes if path in ("name", "namespace"))
        return Difference(changes=changes, replaces=replaces)

    def preview(self, inputs: Mapping[str, Any]) -> Found:
        """Give what is known before the release is made or changed."""
        outputs = {**inputs, "__inputs": Secret(inputs), "resourceNames": UNKNOWN, "status": UNKNOWN}
        return Found(id="", outputs=outputs)

    def create(self, resource: Resource, inputs: Mapping[str, Any]) -> Found:
        """Install the release and wait until it is ready."""
        values = plain(dict(inputs))
        left_behind = self._left_behind(resource, values)
        if left_behind is None:
            flags = [*_flags(resource, values), *_switches(values, _INSTALL_SWITCHES)]
            self._run(resource, inputs, self._helm.install, flags, verb="created", before=None)
        else:
            self._host.warn(
                resource.urn, f"an interrupted run left the release {left_behind}; going on with it"
            )
            self._upgrade(resource, inputs, values)
        try:
            record = self._latest(values)
        except (ApiError, UnreachableError) as error:
            raise InitFailedError(
                f'Helm release "{_id(values)}" was created, and could not be read back: {error}',
                id=_id(values),
                outputs=self._outputs(inputs, None),
                reasons=[str(error)],
            ) from error
        return Found(id=_id(values), outputs=self._outputs(inputs, record))

    def update(
        self, resource: Resource, old_outputs: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Upgrade the release and wait until it is ready."""
        values = plain(dict(inputs))
        self._upgrade(resource, inputs, values)
        return self._outputs(inputs, self._latest(values))

    def read(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
    ) -> Found | None:
        """Read the release; for an import, the inputs are what Helm recorded."""
        namespace, _, name = id.rpartition("/")
        record = records.latest(self._connected, namespace, name)
        if record is None:
            return None
        known = {key: value for key, value in inputs.items() if key not in _STATE_ONLY} or {
            "name": name,
            "namespace": namespace,
            "chart": record.chart,
            "version": record.chart_version,
            "values": record.values,
            "timeout": _DEFAULT_TIMEOUT,
        }
        return Found(id=id, inputs=known, outputs=self._outputs(known, record))

    def delete(self, resource: Resource, outputs: Mapping[str, Any]) -> None:
        """Uninstall the release and wait until its objects are gone."""
        values = plain(dict(outputs))
        flags = []
        if values.get("atomic") or not values.get("skipAwait"):
            flags = ["--wait", f"--timeout={values.get('timeout') or _DEFAULT_TIMEOUT}s"]
        try:
            said = self._helm.uninstall(values["name"], values["namespace"], flags)
        except HelmError as error:
            if "release: not found" in str(error):
                return
            raise
        except StoppedError as error:
            raise ProviderError(f"Resource operation was cancelled for '{_id(values)}'") from error
        kept = said.partition("These resources were kept")
        if kept[1]:
            self._host.warn(resource.urn, f"Helm uninstall returned information: {kept[1]}{kept[2]}")

    @property
    def _connected(self) -> Cluster:
        if self._cluster is None:
            raise ProviderError("the cluster cannot be reached")
        return self._cluster

    def _latest(self, values: Mapping[str, Any]) -> Record | None:
        return records.latest(self._connected, values["namespace"], values["name"])

    def _left_behind(self, resource: Resource, values: Mapping[str, Any]) -> str | None:
        """Give the status of a release that an earlier, interrupted create of this resource made."""
        record = self._latest(values)
        if record is None or record.labels.get(_OWNER_LABEL) != _owner(resource):
            return None
        return record.status if record.is_pending or record.status == "failed" else None

    def _upgrade(self, resource: Resource, inputs: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        before = self._latest(values)
        flags = [*_flags(resource, values), *_switches(values, _UPGRADE_SWITCHES)]
        flags.append(f"--history-max={values.get('maxHistory') or 0}")
        if not values.get("reuseValues"):
            # Helm keeps the last values where none are given; here none given means the chart's own.
            flags.append("--reset-values")
        if before is not None and before.is_pending:
            self._host.warn(
                resource.urn,
                f"revision {before.revision} of the release was interrupted ({before.status}); "
                "its record is dropped and the operation done again",
            )
            records.forget(self._connected, before)
            flags.append("--install")
        self._run(resource, inputs, self._helm.upgrade, flags, verb="upgraded", before=before)

    def _run(
        self,
        resource: Resource,
        inputs: Mapping[str, Any],
        change: Any,
        flags: Sequence[str],
        *,
        verb: str,
        before: Record | None,
    ) -> None:
        """Let Helm change the release; one that was made and is not ready is kept in state as such."""
        values = plain(dict(inputs))
        try:
            change(values["name"], values["namespace"], _chart(values), values.get("values") or {}, flags)
        except (HelmError, StoppedError) as error:
            record = self._latest(values)
            is_new = record is not None and (before is None or record.revision > before.revision)
            if record is None or not is_new or record.labels.get(_OWNER_LABEL) != _owner(resource):
                if isinstance(error, StoppedError):
                    raise ProviderError(f"Resource operation was cancelled for '{_id(values)}'") from error
                raise
            what = "it was cancelled" if isinstance(error, StoppedError) else str(error)
            raise InitFailedError(
                f'Helm release "{_id(values)}" was {verb}, but failed to initialize completely: {what}',
                id=_id(values),
                outputs=self._outputs(inputs, record),
                reasons=[what, *self._troubles(record)],
            ) from error

    def _outputs(self, inputs: Mapping[str, Any], record: Record | None) -> dict[str, Any]:
        outputs: dict[str, Any] = {**inputs, "__inputs": Secret(inputs)}
        if record is None:
            return outputs
        seen = {
            "values": _merged(plain(inputs.get("values")) or {}, record.values),
            "version": record.chart_version,
            "resourceNames": record.names(),
            "status": {
                "appVersion": record.app_version,
                "chart": record.chart,
                "name": record.name,
                "namespace": record.namespace,
                "revision": record.revision,
                "status": record.status,
                "version": record.chart_version,
            },
        }
        return {**outputs, **mark_like(seen, inputs)}

    def _troubles(self, record: Record) -> list[str]:
        """Say which objects of a release are not ready, and why."""
        found, look = [], self._connected.look(record.namespace)
        for obj in record.objects():
            obj.setdefault("metadata", {}).setdefault("namespace", record.namespace)
            live = self._connected.find(obj)
            if live is None:
                continue
            name = f"{obj['kind']} {obj['metadata']['name']}"
            found += [f"{name}: {what}" for what in readiness.missing(live, look)]
        return found


def _completed(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Give the inputs with the defaults of those that are not given."""
    completed = {**_DEFAULTS, **inputs}
    if isinstance(inputs.get("repositoryOpts"), Mapping):
        completed["repositoryOpts"] = {**_REPOSITORY_DEFAULTS, **inputs["repositoryOpts"]}
    return completed


def _chart(values: Mapping[str, Any]) -> Chart:
    options = values.get("repositoryOpts") or {}
    return Chart(
        name=values.get("chart", ""),
        version=values.get("version") or "",
        repo=options.get("repo") or "",
        devel=bool(values.get("devel")) and not values.get("version"),
        verify=bool(values.get("verify")),
        keyring=values.get("keyring") or "",
        ca_file=options.get("caFile") or "",
        cert_file=options.get("certFile") or "",
        key_file=options.get("keyFile") or "",
    )


def _located(inputs: Mapping[str, Any]) -> list[Any]:
    """Give the inputs that say which chart is meant."""
    return [inputs.get(name) for name in ("chart", "version", "repositoryOpts", "devel", "verify", "keyring")]


def _has_credentials(inputs: Mapping[str, Any]) -> bool:
    options = plain(inputs.get("repositoryOpts"))
    return isinstance(options, Mapping) and bool(options.get("username") or options.get("password"))


def _flags(resource: Resource, values: Mapping[str, Any]) -> list[str]:
    flags = [f"--labels={_OWNER_LABEL}={_owner(resource)}", *_switches(values, _SWITCHES)]
    if not values.get("skipAwait"):
        flags.append("--wait")
        if values.get("waitForJobs"):
            flags.append("--wait-for-jobs")
    flags.append(f"--timeout={values.get('timeout') or _DEFAULT_TIMEOUT}s")
    for name, flag in (("description", "--description"), ("postrender", "--post-renderer")):
        if values.get(name):
            flags.append(f"{flag}={values[name]}")
    return flags


def _switches(values: Mapping[str, Any], switches: Mapping[str, str]) -> list[str]:
    return [flag for name, flag in switches.items() if values.get(name)]


def _owner(resource: Resource) -> str:
    return hashlib.sha256(resource.urn.encode()).hexdigest()[:40]


def _id(values: Mapping[str, Any]) -> str:
    return f"{values['namespace']}/{values['name']}"


def _merged(below: Any, above: Any) -> Any:
    """Merge two trees, the second over the first, as Helm merges values."""
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {
            key: _merged(below.get(key), above[key]) if key in above else below[key]
            for key in {**below, **above}
        }
    return below if above is None else above


def _shared(seen: Any, shape: Any) -> Any:
    """Give of a tree what another one has, too."""
    if isinstance(seen, Mapping) and isinstance(shape, Mapping):
        return {key: _shared(seen[key], value) for key, value in shape.items() if key in seen}
    return seen
