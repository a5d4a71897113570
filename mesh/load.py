"""From the stack's configuration to a mesh in which everything is decided, or to all that is wrong."""

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi
from pydantic import TypeAdapter, ValidationError

from mesh.config.problems import ConfigurationError, Problem, explained
from mesh.config.resolved import ApiServer, ClusterConfig, Connection, StackConfig
from mesh.config.schema import ClusterSection, StackSections, overridden
from mesh.config.types import DnsLabel
from mesh.kubeconfig.read import endpoint
from mesh.mappings import as_map
from mesh.rules import clusters as checks
from mesh.rules import plain_text as plain_keys
from mesh.rules import reader as reader_checks
from mesh.rules import split as split_checks
from mesh.rules import trust as trust_checks

_LABEL: TypeAdapter[str] = TypeAdapter(DnsLabel)


def from_stack(project: str) -> StackConfig:
    """The configuration of the running stack; kubeconfigs are read from this machine's files.

    Raises:
        pulumi.RunError: with one line for each mistake; Pulumi shows it without a traceback.
    """
    flat = {**pulumi.runtime.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    try:
        return from_values(project, flat, is_secret=pulumi.runtime.is_config_secret)
    except ConfigurationError as wrong:
        raise pulumi.RunError(str(wrong)) from wrong


def from_values(project: str, values: Mapping[str, str], *, is_secret: Callable[[str], bool]) -> StackConfig:
    """The configuration from values as Pulumi hands them over, by key with the project's name before it.

    Raises:
        ConfigurationError: with all problems.
    """
    prefix = f"{project}:"
    keys = [key for key in values if key.startswith(prefix)]
    secret = {key.removeprefix(prefix) for key in keys if is_secret(key)}
    raw = {key.removeprefix(prefix): _decoded(values[key]) for key in keys}
    return parse(raw, secret=secret, path_prefix=prefix)


def _decoded(value: str) -> object:
    """Pulumi hands maps and lists over as JSON, and texts as they are."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def _read(path: str) -> str:
    return Path(os.path.expanduser(path)).read_text(encoding="utf-8")  # noqa: PTH111 - `~other` too


def parse(
    raw: Mapping[str, object],
    *,
    read: Callable[[str], str] = _read,
    secret: frozenset[str] | set[str] = frozenset(),
    path_prefix: str = "",
) -> StackConfig:
    """Check the sections in `raw` and put them together.

    Every mistake is found in one go: what one section has wrong hides nothing of another.

    Args:
        raw: the sections by name, as in the stack file.
        read: gives the text of a kubeconfig by its path; raises OSError where it cannot.
        secret: names of the sections that hold secrets; their values are never repeated in a message.
        path_prefix: what comes before a section's name in the stack file, such as `istio-mesh:`.

    Raises:
        ConfigurationError: with all problems.
    """
    problems: list[Problem] = []
    sections = _sections(raw, secret, problems)
    if not sections.trust.shared or raw.get("clusters"):  # a stack may be there for the roots alone
        problems += _clusters_map(raw.get("clusters"))
    cluster_maps = as_map(raw.get("clusters")) or {}
    clusters: dict[str, ClusterConfig] = {}
    for name, value in cluster_maps.items():
        section = _cluster_section(name, value, problems, secret="clusters" in secret)
        if section is not None and (cluster := _cluster(name, section, sections, read, problems)):
            clusters[name] = cluster
            problems += checks.within_cluster(cluster, sections.mesh, as_map(value) or {})
    problems += checks.across_clusters(clusters.values())
    problems += trust_checks.problems(sections.trust, clusters.values(), cluster_maps, datetime.now(UTC))
    problems += reader_checks.problems(sections.reader, clusters.values(), cluster_maps)
    peers = {name: peer.stack for name, peer in sections.peers.items()}
    problems += split_checks.problems(sections.trust, cluster_maps, peers)
    problems += plain_keys.problems(raw, secret)
    if problems:
        unique = dict.fromkeys(problems)  # a setting of all clusters is wrong once, not once for each
        raise ConfigurationError(Problem(path=path_prefix + p.path, message=p.message) for p in unique)
    return StackConfig(mesh=sections.mesh, trust=sections.trust, clusters=clusters, peers=peers)


def _sections(
    raw: Mapping[str, object], secret: frozenset[str] | set[str], problems: list[Problem]
) -> StackSections:
    """The sections but for the clusters; one that is wrong is reported and replaced by its default."""
    fields = {field.alias or name: field for name, field in StackSections.model_fields.items()}
    right: dict[str, Any] = {"mesh": {"id": "mesh"}, "clusters": {}}
    for key in [*fields, *(key for key in raw if key not in fields)]:
        if key not in raw and not fields[key].is_required():
            continue
        given = {key: raw[key]} if key in raw else {}
        if key == "clusters":
            continue  # each cluster is looked at by itself
        try:
            StackSections.model_validate({**right, **given} if given else {"clusters": {}})
        except ValidationError as error:
            problems += (
                Problem(path=problem.path.removeprefix("."), message=problem.message)
                for problem in explained(error, StackSections, "", secret=key in secret)
            )
        else:
            right |= given
    return StackSections.model_validate(right)


def _clusters_map(value: object) -> list[Problem]:
    if isinstance(value, Mapping) and value:
        return []
    return [
        Problem(
            path="clusters",
            message="expected a map with at least one cluster, for example {east: {context: east}}",
        )
    ]


def _cluster_section(
    name: str, value: object, problems: list[Problem], *, secret: bool
) -> ClusterSection | None:
    try:
        _LABEL.validate_python(name)
    except ValidationError as error:
        reason = error.errors()[0].get("ctx", {}).get("error", "expected a DNS label")
        problems.append(Problem(path=f"clusters.{name}", message=f"the name {name!r} is not right: {reason}"))
    if as_map(value) is None:
        message = f"expected a map, for example {{context: {name}}}"
        problems.append(Problem(path=f"clusters.{name}", message=message))
        return None
    try:
        return ClusterSection.model_validate(value)
    except ValidationError as error:
        problems += explained(error, ClusterSection, f"clusters.{name}", secret=secret)
        return None


def _cluster(
    name: str,
    section: ClusterSection,
    sections: StackSections,
    read: Callable[[str], str],
    problems: list[Problem],
) -> ClusterConfig | None:
    path = f"clusters.{name}"
    contents = section.kubeconfig_contents.get_secret_value() if section.kubeconfig_contents else None
    if contents is not None and "kubeconfig" in section.model_fields_set:
        problems.append(
            Problem(
                path=f"{path}.kubeconfig",
                message="expected either kubeconfig or kubeconfigContents, not both",
            )
        )
    where = f"{path}.kubeconfigContents" if contents is not None else f"{path}.kubeconfig"
    try:
        found = endpoint(read(section.kubeconfig) if contents is None else contents, section.context)
    except OSError as error:
        problems.append(
            Problem(
                path=where,
                message=f"cannot read {section.kubeconfig}: {error.strerror}; expected a kubeconfig's path, "
                "for example ~/.kube/config",
            )
        )
        return None
    except ValueError as error:
        problems.append(Problem(path=where, message=str(error)))
        return None
    peers = section.api_server
    return ClusterConfig(
        name=name,
        network=section.network or f"net-{name}",
        connection=Connection(context=section.context, path=section.kubeconfig, contents=contents),
        api_server=ApiServer(
            server=peers.server or found.server,
            certificate_authority=peers.certificate_authority,
            # The name in the kubeconfig belongs to the address there.
            tls_server_name=peers.tls_server_name or (None if peers.server else found.tls_server_name),
            proxy_url=peers.proxy_url,
        ),
        skip_unreachable=section.skip_unreachable,
        istio=overridden(sections.istio, section.istio),
        intermediate=overridden(sections.trust.intermediate, section.trust.intermediate),
        exposure=overridden(sections.exposure, section.exposure),
        reader=overridden(sections.reader, section.reader),
        hello_world=overridden(sections.hello_world, section.hello_world),
    )
