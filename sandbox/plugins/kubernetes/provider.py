"""The Kubernetes provider as the engine sees it: configuration, and which module serves which type."""

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from sandbox.plugins.kubernetes import kubeconfig
from sandbox.plugins.kubernetes.cluster import ApiError, Cluster, UnreachableError
from sandbox.plugins.kubernetes.kinds import RELEASE
from sandbox.plugins.kubernetes.kubeconfig import Access, KubeconfigError
from sandbox.plugins.kubernetes.objects import Objects
from sandbox.plugins.kubernetes.releases import Releases
from sandbox.plugins.kubernetes.settings import Settings, read_settings
from sandbox.plugins.kubernetes.waiting import Waiter
from sandbox.plugins.protocol import (
    Checked,
    Difference,
    Failure,
    Found,
    Host,
    Provider,
    ProviderError,
    Resource,
    serve,
)
from sandbox.plugins.values import UNKNOWN, differences, plain

_REMOVE_HINT = (
    "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation "
    'with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to "true"'
)


class KubernetesProvider(Provider):
    """Serves objects of any kind, and Helm releases, in one cluster."""

    name = "kubernetes"
    version = version("pulumi-kubernetes")

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._waiter = Waiter()
        self._settings = Settings()
        self._unreachable = ""
        self._objects = Objects(
            host=host, settings=self._settings, cluster=None, default_namespace="default", waiter=self._waiter
        )
        self._releases = Releases(host=host, cluster=None, default_namespace="default", waiter=self._waiter)

    def check_config(self, resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any]) -> Checked:
        """Refuse what strict mode forbids."""
        values = plain(dict(new))
        if values.get("strictMode") not in (True, "true"):
            return Checked(inputs=new)
        failures = [
            Failure(property=name, reason=f'strict mode requires Provider "{name}" argument')
            for name in ("kubeconfig", "context")
            if not values.get(name)
        ]
        if resource.name.startswith("default"):
            failures.insert(0, Failure(property="", reason="strict mode prohibits default provider"))
        return Checked(inputs=new, failures=failures)

    def diff_config(self, resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any]) -> Difference:
        """Replace the provider only where it then speaks to another cluster."""
        changes = differences(_without_version(old), _without_version(new))
        return Difference(
            changes=changes, replaces=_replaced_settings(plain(dict(old)), plain(dict(new)), changes)
        )

    def configure(self, config: Mapping[str, Any]) -> None:
        """Connect; a cluster that cannot be reached is an error only for what needs it."""
        self._settings = read_settings(config, os.environ)
        access: Access | None = None
        cluster: Cluster | None = None
        try:
            access = kubeconfig.access(
                kubeconfig.load(self._settings.kubeconfig),
                context=self._settings.context,
                cluster=self._settings.cluster,
                namespace=self._settings.namespace,
            )
            cluster = Cluster(access)
            cluster.ping()
        except KubeconfigError as error:
            cluster, self._unreachable = None, f"failed to load the kubeconfig: {error}"
        except (ApiError, UnreachableError) as error:
            cluster, self._unreachable = (
                None,
                f"unable to load schema information from the API server: {error}",
            )
        namespace = access.namespace if access else self._settings.namespace or "default"
        self._objects = Objects(
            host=self.host,
            settings=self._settings,
            cluster=cluster,
            default_namespace=namespace,
            waiter=self._waiter,
        )
        self._releases = Releases(
            host=self.host, cluster=cluster, default_namespace=namespace, waiter=self._waiter
        )

    def check(
        self, resource: Resource, old: Mapping[str, Any], new: Mapping[str, Any], seed: bytes
    ) -> Checked:
        """Check inputs; those of a cluster that is to be skipped stay as they were."""
        if self._unreachable and self._settings.skip_update_unreachable:
            self.host.warn(
                resource.urn,
                "Cluster is unreachable but skipUpdateUnreachable flag is set to true, skipping...",
            )
            return Checked(inputs=old)
        if resource.type == RELEASE:
            return self._releases.check(resource, old, new, seed)
        return self._objects.check(resource, old, new, seed)

    def diff(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        old_inputs: Mapping[str, Any],
        old_outputs: Mapping[str, Any],
        new_inputs: Mapping[str, Any],
        ignore_changes: Sequence[str],
    ) -> Difference:
        """Compare inputs."""
        if resource.type == RELEASE:
            return self._releases.diff(old_inputs, old_outputs, new_inputs)
        return self._objects.diff(old_inputs, new_inputs)

    def create(
        self, resource: Resource, inputs: Mapping[str, Any], *, timeout: float, preview: bool
    ) -> Found:
        """Make an object or a release."""
        if preview:
            if resource.type == RELEASE:
                return self._releases.preview(inputs)
            return self._objects.preview_create(resource, inputs)
        self._require_cluster(resource)
        if resource.type == RELEASE:
            return self._releases.create(resource, inputs)
        return self._objects.create(resource, inputs, timeout=timeout)

    def read(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
    ) -> Found | None:
        """Read an object or a release; of an unreachable cluster, what the options say."""
        if self._unreachable:
            self.host.warn(resource.urn, f"configured Kubernetes cluster is unreachable: {self._unreachable}")
            if self._settings.delete_unreachable:
                self.host.info(resource.urn, _deleted_from_state())
                return None
            if self._settings.skip_update_unreachable:
                self.host.info(
                    resource.urn,
                    "configured Kubernetes cluster is unreachable and the `skipUpdateUnreachable` option is "
                    "enabled: state is kept as it is, and may not be what the cluster has",
                )
                return Found(id=id, inputs=inputs, outputs=outputs)
            raise ProviderError(f"failed to read resource state due to unreachable cluster. {_REMOVE_HINT}")
        if resource.type == RELEASE:
            return self._releases.read(resource, id, inputs, outputs)
        return self._objects.read(resource, id, inputs, outputs)

    def update(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        old_inputs: Mapping[str, Any],
        old_outputs: Mapping[str, Any],
        new_inputs: Mapping[str, Any],
        *,
        timeout: float,
        preview: bool,
        ignore_changes: Sequence[str],
    ) -> Mapping[str, Any]:
        """Change an object or a release in place."""
        if not preview:
            self._require_cluster(resource)
        if resource.type == RELEASE:
            if preview:
                return self._releases.preview(new_inputs).outputs
            return self._releases.update(resource, old_outputs, new_inputs)
        return self._objects.update(
            resource,
            id,
            old_outputs,
            new_inputs,
            timeout=timeout,
            preview=preview,
            ignore_changes=ignore_changes,
        )

    def delete(
        self,
        resource: Resource,
        id: str,  # noqa: A002 - the protocol's word
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        *,
        timeout: float,
    ) -> None:
        """Delete an object or uninstall a release."""
        if resource.type == RELEASE:
            if self._unreachable:
                raise ProviderError(
                    f"can't delete Helm Release with unreachable cluster. Reason: {self._unreachable}"
                )
            self._releases.delete(resource, outputs)
            return
        if self._unreachable:
            self.host.warn(resource.urn, f"configured Kubernetes cluster is unreachable: {self._unreachable}")
            if not self._settings.delete_unreachable:
                raise ProviderError(f"configured Kubernetes cluster is unreachable. {_REMOVE_HINT}")
            self.host.info(resource.urn, _deleted_from_state())
            return
        self._objects.delete(id, outputs, timeout=timeout)

    def cancel(self) -> None:
        """End all waiting, and Helm where it runs."""
        self._waiter.stop()

    def _require_cluster(self, resource: Resource) -> None:
        if not self._unreachable:
            return
        if resource.type == RELEASE:
            raise ProviderError(
                f"can't create or update Helm Release with unreachable cluster: {self._unreachable}"
            )
        raise ProviderError(f"configured Kubernetes cluster is unreachable: {self._unreachable}")


def _replaced_settings(
    old: Mapping[str, Any], new: Mapping[str, Any], changes: Mapping[str, str]
) -> frozenset[str]:
    """Say which settings' changes mean another cluster (`DiffConfig` in the official provider).

    With a cluster identifier, its change alone does; without one, a change of the active cluster's
    entry in the kubeconfig, or a kubeconfig not known yet.
    """
    before, after = old.get("clusterIdentifier"), new.get("clusterIdentifier")
    if before and after:
        return frozenset() if before == after else frozenset({"clusterIdentifier"})
    where = [name for name in ("kubeconfig", "context", "cluster") if name in _top_level(changes)]
    unknown = [name for name in where if new.get(name) is UNKNOWN]
    if unknown:
        return frozenset(unknown)
    try:
        same = _active_cluster(old) == _active_cluster(new)
    except KubeconfigError:
        same = True
    return frozenset() if same else frozenset(where)


def _active_cluster(values: Mapping[str, Any]) -> Mapping[str, Any]:
    settings = read_settings({key: values.get(key) for key in ("kubeconfig", "context", "cluster")}, {})
    if not settings.kubeconfig:
        raise KubeconfigError("an ambient kubeconfig may be another one the next time")
    config = kubeconfig.load(settings.kubeconfig)
    return kubeconfig.access(config, context=settings.context, cluster=settings.cluster).cluster


def _top_level(changes: Mapping[str, str]) -> set[str]:
    return {path.split(".", 1)[0].split("[", 1)[0] for path in changes}


def _without_version(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "version"}


def _deleted_from_state() -> str:
    return (
        "configured Kubernetes cluster is unreachable and the `deleteUnreachable` option is enabled. "
        "Deleting the unreachable resource from Pulumi state"
    )


def main() -> None:
    """Serve the engine that started this process."""
    serve(KubernetesProvider)
