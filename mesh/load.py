"""From the stack's configuration to the resolved one, or to all that is wrong with it."""

import json
import os
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi
from pydantic import TypeAdapter, ValidationError

from mesh.config.problems import ConfigurationError, Problem, explain
from mesh.config.resolved import (
    ApiServer,
    ClusterConfig,
    Connection,
    PeersKubeconfig,
    SecretEntry,
    StackConfig,
    StackOutput,
)
from mesh.config.schema import StackSections
from mesh.config.secrets import Secrets, find, plain
from mesh.config.sections.api_server import ApiServerAddressSection
from mesh.config.sections.base import overridden
from mesh.config.sections.cluster import ClusterSection
from mesh.config.sections.reader import PeersKubeconfigSection
from mesh.config.types import PUBLIC, DnsLabel
from mesh.istio.kubeconfig_folder import kubeconfig_folders
from mesh.kubeconfig.read import (
    DEFAULT_FILE,
    Endpoint,
    choose_file,
    default_files,
    endpoint,
    minified,
    relative_paths,
)
from mesh.mappings import as_map, leaves
from mesh.pki.certificates import parse_readable
from mesh.rules import RULES
from mesh.stack_file import settings as stack_settings
from mesh.stack_file import stack_file

_LABEL: TypeAdapter[str] = TypeAdapter(DnsLabel)
_NO_ENVIRONMENT: Mapping[str, str] = {}
_RELAY_KEY = "kubeconfig.yaml"
"""The key that Teleport's tbot writes, and the name that a relay's kubeconfig mostly has."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A stack's configuration as far as it could be resolved, and all that is wrong with it.

    `invalid` has the names of sections in whose place it has the defaults, because they are invalid, and
    `clusters` where it lacks some whose entry is.
    """

    config: StackConfig
    problems: tuple[Problem, ...]
    invalid: frozenset[str] = frozenset()

    def valid(self, where: str = "the stack's configuration") -> StackConfig:
        """The configuration.

        Args:
            where: the problems are, for the message.

        Raises:
            ConfigurationError: with all problems.
        """
        if self.problems:
            raise ConfigurationError(self.problems, where)
        return self.config


def from_stack(project: str) -> StackConfig:
    """The configuration of the running stack; kubeconfigs are read from this machine's files.

    Raises:
        pulumi.RunError: with one line for each mistake; Pulumi shows it without a traceback.
    """
    flat = {**pulumi.runtime.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    try:
        return load_values(
            project, flat, stack=pulumi.get_stack(), is_secret=pulumi.runtime.is_config_secret
        ).valid()
    except ConfigurationError as error:
        raise pulumi.RunError(str(error)) from error


def load_values(
    project: str, values: Mapping[str, str], *, stack: str, is_secret: Callable[[str], bool]
) -> Loaded:
    """The configuration from values as Pulumi gives them, by key with the project's name before it.

    Which of them are secrets is read from the stack file. A cluster without a kubeconfig is looked up in the
    files that the environment names, as kubectl does.
    """
    prefix = f"{project}:"
    keys = [key for key in values if key.startswith(prefix)]
    secret = {key.removeprefix(prefix) for key in keys if is_secret(key)}
    raw = {key.removeprefix(prefix): _decoded(values[key]) for key in keys}
    file = as_map(stack_settings(stack_file(stack)).get("config")) or {}
    return load(
        raw,
        kubeconfigs=default_files(os.environ),
        secret=secret,
        written={key.removeprefix(prefix): value for key, value in file.items()},
        environment=os.environ,
        path_prefix=prefix,
    )


def _decoded(value: str) -> object:
    """Pulumi gives maps and lists as JSON, and texts as they are."""
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


def read_file(path: str) -> str:
    """The text of a file, whose path may begin with `~`.

    Raises:
        OSError: it cannot be read.
        UnicodeDecodeError: it is not a text.
    """
    return Path(os.path.expanduser(path)).read_text(encoding="utf-8")  # noqa: PTH111 - `~other` too


def load(
    raw: Mapping[str, object],
    *,
    read: Callable[[str], str] = read_file,
    kubeconfigs: Sequence[str] = (DEFAULT_FILE,),
    secret: Set[str] = frozenset(),
    written: Mapping[str, object] | None = None,
    environment: Mapping[str, str] = _NO_ENVIRONMENT,
    path_prefix: str = "",
    awaited: Set[str] = frozenset(),
) -> Loaded:
    """Check the sections in `raw` and resolve them.

    Every mistake is found in one go: an invalid section hides nothing of another.

    Args:
        raw: the sections by name, as in the stack file.
        read: gives the text of a kubeconfig by its path; raises OSError where it cannot.
        kubeconfigs: where the context of a cluster without a kubeconfig is looked up, in this order.
        secret: names of the sections that hold secrets; no secret is ever repeated in a message.
        written: the sections as they stand in the stack file, where each secret is a map with the key
            `secure`; without it, all values of a section with secrets count as secret.
        environment: the variables of which one may have a kubeconfig for peers.
        path_prefix: what comes before a section's name in the stack file, such as `istio-mesh:`.
        awaited: names of the clusters whose kubeconfig is not known yet.
    """
    problems: list[Problem] = []
    secrets = find(raw, secret, written or {})
    sections, invalid = _sections(raw, secret, problems)
    if not sections.trust.shared or raw.get("clusters"):  # a stack may be there for the roots alone
        problems += _clusters_map(raw.get("clusters"))
    clusters: dict[str, ClusterConfig] = {}
    unconnected: set[str] = set()
    for name, value in (as_map(raw.get("clusters")) or {}).items():
        section = _cluster_section(name, value, problems, secret="clusters" in secret)
        if section is None:
            invalid.add("clusters")
            continue
        # The kubeconfig of a cluster that is away may be gone. Other stacks get what it says of the cluster.
        split = sections.trust.shared or sections.trust.stack or sections.peers
        unneeded = section.offline and not split
        if name in awaited:
            connection = _unknown(section)
        else:
            connection = _connection(name, section, read, kubeconfigs, [] if unneeded else problems)
        if connection is None:
            path = section.kubeconfig or ""
            nothing: dict[str, ApiServer] = {}
            connection = Connection(context=section.context, path=path), ApiServer(server=""), nothing
            if not unneeded:
                unconnected.add(name)
        own = _settings(as_map(value) or {})
        given = _peers_kubeconfig(name, section, read, environment, problems)
        clusters[name] = _cluster(name, section, sections, *connection, given, own, secrets)
    config = StackConfig(
        mesh=sections.mesh,
        trust=sections.trust,
        reader=sections.reader,
        kiali=sections.kiali,
        gateway_api=sections.gateway_api,
        waypoints=sections.waypoints,
        failover=sections.failover,
        clusters=clusters,
        peers={name: peer.stack for name, peer in sections.peers.items()},
        waves=sections.rollout.waves,
        settings=_settings(raw),
        secrets=secrets,
        plain=dict(plain(raw, secrets)),
    )
    config = replace(
        config,
        clusters={
            name: replace(
                clusters[name],
                kubeconfig_folder=folder,
                serves=tuple(other for other, c in clusters.items() if c.control_plane == name),
            )
            for name, folder in kubeconfig_folders(config).items()
        },
    )
    now = datetime.now(UTC)
    refused = {problem.path for problem in problems}  # of which the rules have nothing to add
    # What has no kubeconfig has no address that a rule could look at.
    connected = replace(config, clusters={n: c for n, c in config.clusters.items() if n not in unconnected})
    problems += (p for rule in RULES for p in rule(connected, now) if p.path not in refused)
    unique = dict.fromkeys(problems)  # a setting of all clusters is invalid once, not once for each
    return Loaded(
        config=config,
        problems=tuple(Problem(path=path_prefix + p.path, message=secrets.masked(p.message)) for p in unique),
        invalid=frozenset(invalid),
    )


def _settings(values: Mapping[str, object]) -> frozenset[str]:
    return frozenset(path for path, value in leaves(values) if value is not None)


def _sections(
    raw: Mapping[str, object], secret: Set[str], problems: list[Problem]
) -> tuple[StackSections, set[str]]:
    """The sections but for the clusters, and which are invalid: reported, and replaced by their default."""
    fields = {field.alias or name: field for name, field in StackSections.model_fields.items()}
    valid: dict[str, Any] = {"mesh": {"id": "mesh"}, "clusters": {}}
    invalid: set[str] = set()
    for key in [*fields, *(key for key in raw if key not in fields)]:
        if key not in raw and not fields[key].is_required():
            continue
        given = {key: raw[key]} if key in raw else {}
        if key == "clusters":
            continue  # each cluster is checked by itself
        try:
            StackSections.model_validate({**valid, **given} if given else {"clusters": {}})
        except ValidationError as error:
            invalid.add(key)
            problems += (
                Problem(path=problem.path.removeprefix("."), message=problem.message)
                for problem in explain(error, StackSections, "", secret=key in secret)
            )
        else:
            valid |= given
    return StackSections.model_validate(valid), invalid


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
        problems.append(Problem(path=f"clusters.{name}", message=f"the name {name!r} is invalid: {reason}"))
    if as_map(value) is None:
        message = f"expected a map, for example {{context: {name}}}"
        problems.append(Problem(path=f"clusters.{name}", message=message))
        return None
    try:
        return ClusterSection.model_validate(value)
    except ValidationError as error:
        problems += explain(error, ClusterSection, f"clusters.{name}", secret=secret)
        return None


def _connection(
    name: str,
    section: ClusterSection,
    read: Callable[[str], str],
    kubeconfigs: Sequence[str],
    problems: list[Problem],
) -> tuple[Connection, ApiServer, dict[str, ApiServer]] | None:
    """How the program and how peers reach a cluster, all and single ones; None where that is a problem."""
    contents = section.kubeconfig_contents.get_secret_value() if section.kubeconfig_contents else None
    if contents is not None and section.kubeconfig is not None:
        problems.append(
            Problem(
                path=f"clusters.{name}.kubeconfig",
                message="expected either kubeconfig or kubeconfigContents, not both",
            )
        )
    try:
        if contents is not None:
            path, text = DEFAULT_FILE, contents
        else:
            path, text = find_kubeconfig(section.context, section.kubeconfig, read, kubeconfigs)
        found = endpoint(text, section.context)
        _refuse_relative_paths(text, section.context, path if contents is None else None)
        addresses: dict[str, ApiServerAddressSection] = {
            "": section.api_server,
            **{peer: overridden(section.api_server, own) for peer, own in section.api_server.from_.items()},
        }
        servers = {peer: _for_peers(of, found, _authority(found, of, read)) for peer, of in addresses.items()}
    except ValueError as error:
        key = "kubeconfig" if contents is None else "kubeconfigContents"
        problems.append(Problem(path=f"clusters.{name}.{key}", message=str(error)))
        return None
    connection = Connection(context=section.context, path=path, contents=contents, proxy_url=found.proxy_url)
    return connection, servers.pop(""), servers


def _unknown(section: ClusterSection) -> tuple[Connection, ApiServer, dict[str, ApiServer]]:
    """What is known of a connection without a kubeconfig: what the cluster's entry says itself."""
    nowhere = Endpoint(server="")
    return (
        Connection(context=section.context, path="", awaited=True),
        _for_peers(section.api_server, nowhere, None),
        {
            peer: _for_peers(overridden(section.api_server, own), nowhere, None)
            for peer, own in section.api_server.from_.items()
        },
    )


def _refuse_relative_paths(text: str, context: str, path: str | None) -> None:
    """Refuse what Pulumi's provider would look for elsewhere.

    Raises:
        ValueError: with what to do.
    """
    if found := relative_paths(text, context):
        command = f"kubectl config view --minify --flatten --context {context}"
        raise ValueError(
            f"context {context!r} has the relative paths {', '.join(found)}, which Pulumi's provider "
            "does not take relative to the kubeconfig; expected absolute paths, or their contents in it: "
            f"`{command}{f' --kubeconfig {path}' if path else ''}` writes one: "
            "docs/troubleshooting.md#a-kubeconfig-has-relative-paths"
        )


def _authority(found: Endpoint, peers: ApiServerAddressSection, read: Callable[[str], str]) -> str | None:
    """The CA for peers: PEM, `public`, or None for the cluster's own.

    What the kubeconfig says belongs to the address there.

    Raises:
        ValueError: the kubeconfig's CA cannot be read.
    """
    if found.authority is not None:
        authority, origin = found.authority, "certificate-authority-data"
    elif found.authority_file is not None:
        origin = f"certificate-authority {found.authority_file}"
        try:
            authority = read(found.authority_file)
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"cannot read its {origin}; expected a file with PEM certificates") from error
    else:
        authority, origin = None, ""
    if authority is not None and not parse_readable(authority):
        raise ValueError(f"its {origin} has no PEM certificate that can be read")
    if peers.certificate_authority is not None:
        return peers.certificate_authority
    if peers.server is not None or found.insecure:
        return None
    return authority or PUBLIC


def _for_peers(peers: ApiServerAddressSection, found: Endpoint, authority: str | None) -> ApiServer:
    return ApiServer(
        server=peers.server or found.server,
        certificate_authority=authority,
        # The name in the kubeconfig belongs to the address there.
        tls_server_name=peers.tls_server_name or (None if peers.server else found.tls_server_name),
        proxy_url=peers.proxy_url,
        client_certificate=peers.client_certificate,
        client_key=peers.client_key.get_secret_value() if peers.client_key else None,
    )


def _peers_kubeconfig(
    name: str,
    section: ClusterSection,
    read: Callable[[str], str],
    environment: Mapping[str, str],
    problems: list[Problem],
) -> PeersKubeconfig | None:
    """The kubeconfig for peers that a cluster's entry gives, empty where it cannot be read."""
    given = section.reader.kubeconfig if section.reader else None
    if given is None:
        return None
    if given.stack is not None and given.output is not None:
        return PeersKubeconfig(output=StackOutput(stack=given.stack, output=given.output))
    if given.secret is not None:
        return PeersKubeconfig(secret=SecretEntry(name=given.secret, key=given.key or _RELAY_KEY))
    try:
        text = _contents(given, read, environment)
        return PeersKubeconfig(text=text if given.context is None else minified(text, given.context))
    except ValueError as error:
        problems.append(Problem(path=f"clusters.{name}.reader.kubeconfig", message=str(error)))
        return PeersKubeconfig(text="")


def _contents(
    given: PeersKubeconfigSection, read: Callable[[str], str], environment: Mapping[str, str]
) -> str:
    if given.contents is not None:
        return given.contents.get_secret_value()
    if given.environment is not None:
        if not (text := environment.get(given.environment)):
            raise ValueError(
                f"the environment variable {given.environment} is not set; expected it with a kubeconfig "
                f'for peers, for example {given.environment}="$(cat relay.yaml)"'
            )
        return text
    path = given.file or ""
    try:
        return read(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a text"
        raise ValueError(
            f"cannot read {path}: {reason}; expected a file with the kubeconfig for peers"
        ) from error


def find_kubeconfig(
    context: str, path: str | None, read: Callable[[str], str], kubeconfigs: Sequence[str]
) -> tuple[str, str]:
    """Path and text of the kubeconfig at `path`, or else of that of `kubeconfigs` which has a context.

    Raises:
        ValueError: it cannot be read, or no file has the context.
    """
    paths = kubeconfigs if path is None else (path,)
    texts: dict[str, str] = {}
    for file in paths:
        try:
            texts[file] = read(file)
        except OSError as error:
            if isinstance(error, FileNotFoundError) and len(paths) > 1:
                continue  # as kubectl does with the files in KUBECONFIG
            raise ValueError(
                f"cannot read {file}: {error.strerror}; expected a kubeconfig's path, "
                f"for example {DEFAULT_FILE}"
            ) from error
    chosen = choose_file(texts, context) if len(paths) > 1 else paths[0]
    return chosen, texts[chosen]


def _cluster(
    name: str,
    section: ClusterSection,
    sections: StackSections,
    connection: Connection,
    api_server: ApiServer,
    api_servers_from: Mapping[str, ApiServer],
    kubeconfig: PeersKubeconfig | None,
    settings: frozenset[str],
    secrets: Secrets,
) -> ClusterConfig:
    return ClusterConfig(
        name=name,
        network=section.network or f"net-{name}",
        labels=section.labels,
        sees=section.sees if section.sees is not None else sections.sees,
        data_plane=section.data_plane if section.data_plane is not None else sections.data_plane,
        control_plane=section.control_plane,
        control_plane_address=section.control_plane_address,
        connection=connection,
        api_server=api_server,
        api_servers_from=api_servers_from,
        kubeconfig=kubeconfig,
        skip_unreachable=section.skip_unreachable,
        offline=section.offline,
        istio=overridden(sections.istio, section.istio),
        intermediate=overridden(sections.trust.intermediate, section.trust.intermediate),
        revocation=sections.trust.revoked is not None,
        gateway=overridden(sections.gateway, section.gateway),
        exposure=section.exposure.over(sections.exposure) if section.exposure else sections.exposure,
        stubs=section.stubs,
        reader=overridden(sections.reader, section.reader),
        hello_world=overridden(sections.hello_world, section.hello_world),
        observability=overridden(sections.observability, section.observability),
        settings=settings,
        secrets=secrets,
    )
