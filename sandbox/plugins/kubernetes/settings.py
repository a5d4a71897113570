"""The provider's own inputs, as `kubernetes.Provider(...)` in a program sets them.

The engine passes them as strings, other types as JSON; an input that is not given falls back to
the environment variable of the official provider (`Configure` in
provider/pkg/provider/provider.go of pulumi/pulumi-kubernetes).
"""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from sandbox.plugins.protocol import ProviderError
from sandbox.plugins.values import plain


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """What a provider was configured with; `kubeconfig` is contents or a path, empty for the ambient one."""

    kubeconfig: str = dataclasses.field(default="", repr=False)
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    enable_config_map_mutable: bool = False
    enable_secret_mutable: bool = False
    enable_patch_force: bool = False
    upsert_existing_objects: bool = False


# Settings of the official provider that change what is written where: better refused than ignored.
_UNSUPPORTED = ("renderYamlToDirectory", "alwaysRender", "helmReleaseSettings")

_FLAGS = {
    "delete_unreachable": ("deleteUnreachable", "PULUMI_K8S_DELETE_UNREACHABLE"),
    "skip_update_unreachable": ("skipUpdateUnreachable", "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE"),
    "enable_config_map_mutable": ("enableConfigMapMutable", "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE"),
    "enable_secret_mutable": ("enableSecretMutable", "PULUMI_K8S_ENABLE_SECRET_MUTABLE"),
    "enable_patch_force": ("enablePatchForce", "PULUMI_K8S_ENABLE_PATCH_FORCE"),
    "upsert_existing_objects": ("upsertExistingObjects", "PULUMI_K8S_UPSERT_EXISTING_OBJECTS"),
}


def read_settings(config: Mapping[str, Any], environment: Mapping[str, str]) -> Settings:
    """Read the provider's inputs, with or without secret marks.

    Raises ProviderError for a setting that the stand-in does not serve.
    """
    values = {key: value for key, value in plain(dict(config)).items() if value not in (None, "")}
    for name in _UNSUPPORTED:
        if values.get(name):
            raise ProviderError(f"{name} is not served by the sandbox's stand-in for the Kubernetes provider")
    if values.get("enableServerSideApply") in (False, "false"):
        raise ProviderError(
            "enableServerSideApply=false is not served by the sandbox's stand-in for the Kubernetes "
            "provider, which applies on the server only"
        )
    kubeconfig = values.get("kubeconfig", "")
    return Settings(
        kubeconfig=kubeconfig if isinstance(kubeconfig, str) else json.dumps(kubeconfig),
        context=values.get("context", ""),
        cluster=values.get("cluster", ""),
        namespace=values.get("namespace", ""),
        **{
            field: _flag(values.get(name), environment.get(variable))
            for field, (name, variable) in _FLAGS.items()
        },
    )


def _flag(value: Any, fallback: str | None) -> bool:
    if value is None:
        return fallback == "true"
    return value in (True, "true")
