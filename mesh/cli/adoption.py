"""`python -m mesh import --context`: makes a stack file and an import file from a running mesh."""

import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mesh.cli import stack as stacks
from mesh.cli.output import CommandError
from mesh.config.problems import summary
from mesh.config.resolved import ClusterConfig, Connection, StackConfig
from mesh.importing.from_clusters import from_clusters
from mesh.importing.imported import Imported, NotImportableError, Remark
from mesh.importing.member import Member, other_selector
from mesh.importing.remarks import before_the_first_preview
from mesh.importing.resources import Existing, import_file
from mesh.istio.names import GATEWAY, NAMESPACE
from mesh.kubeconfig.read import default_files, endpoint
from mesh.live.concurrent import for_each
from mesh.live.facts import FoundObject, ObjectAddress
from mesh.live.installed import read_installed
from mesh.live.objects import find_objects
from mesh.load import find_kubeconfig, load, read_file
from mesh.preflight import inventory, ownership
from mesh.preflight.inventory import Declared
from mesh.stack_file import stack_file
from mesh.stacks import state

IMPORTED = (state.RELEASE, state.SECRET, state.ISTIO_GATEWAY)
"""Types of the imported resources.

Existing namespaces are only labelled: they stay with whoever made them.
"""
_GATEWAY_DEPLOYMENT = ObjectAddress(path=f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{GATEWAY}")
_KEY = "trust.root.privateKey"
_SECRET = frozenset({"trust"})
"""The section with the key. No message repeats what is in a secret section."""

_FIRST_UPDATE = Remark(
    about="the first update",
    message="`pulumi preview`, which deletes and replaces nothing, then `pulumi up`",
    step=True,
)


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """The contents of the stack file, and the document for `pulumi import`, which is written to `path`."""

    imported: Imported
    document: Mapping[str, Any]
    path: Path

    def write(self) -> None:
        """Write the document.

        Raises:
            CommandError: it cannot be written.
        """
        try:
            self.path.write_text(json.dumps(self.document, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise CommandError(f"cannot write {self.path}: {error.strerror}; expected a folder") from error


def adopt(contexts: Sequence[str], *, stack: str, root_key: Path | None) -> Adoption:
    """Read the clusters; change nothing.

    Args:
        contexts: the contexts of all clusters of the mesh.
        stack: the name of the new stack.
        root_key: the file with the root's private key, if the stack is to sign from now on.

    Raises:
        CommandError: the mesh cannot be imported, or the key does not belong to its root.
    """
    members = _members(contexts)
    try:
        imported = from_clusters(members, signs=root_key is not None)
    except NotImportableError as error:
        raise CommandError(summary(error.problems, "the clusters")) from error
    loaded = load(
        _with_key(imported.sections, root_key),
        kubeconfigs=default_files(os.environ),
        secret=frozenset() if root_key is None else _SECRET,
        environment=os.environ,
    )
    if wrong := [problem.message for problem in loaded.problems if problem.path == _KEY]:
        raise CommandError(f"--root-key {root_key}: {'; '.join(wrong)}")
    path = stack_file(stack).with_suffix(".import.json")
    document, left = _resources(loaded.config, {m.cluster_id: m for m in members}, stack)
    count = sum("id" in resource for resource in document["resources"])
    steps = [
        *left,
        *_key_step(root_key, stack),
        _import_step(path, count, stack),
        *before_the_first_preview(members),
        _FIRST_UPDATE,
    ]
    imported = Imported(sections=imported.sections, remarks=(*imported.remarks, *steps))
    return Adoption(imported=imported, document=document, path=path)


def _members(contexts: Sequence[str]) -> list[Member]:
    """The members; all clusters are read at once."""
    files = default_files(os.environ)
    connections: dict[str, tuple[Connection, Any]] = {}
    for context in contexts:
        try:
            path, text = find_kubeconfig(context, None, read_file, files)
            connections[context] = Connection(context=context, path=path), endpoint(text, context)
        except ValueError as error:
            raise CommandError(f"--context {context}: {error}") from error
    found = for_each(connections, lambda context: read_installed(connections[context][0]))
    return [
        Member(context=context, reached_at=connections[context][1], found=found[context]) for context in found
    ]


def _with_key(sections: Mapping[str, Any], root_key: Path | None) -> Mapping[str, Any]:
    """The sections as they will be once the key is a secret of the stack."""
    if root_key is None:
        return sections
    try:
        key = root_key.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read {root_key}; expected the PEM private key of the root") from error
    root = {**sections["trust"]["root"], "privateKey": key}
    return {**sections, "trust": {**sections["trust"], "root": root}}


def import_document(config: StackConfig, existing: Iterable[Existing], stack: str) -> dict[str, Any]:
    """What `pulumi import --file` takes for the clusters of a stack."""
    return import_file(
        existing,
        {name: _provider(cluster) for name, cluster in config.clusters.items()},
        stack=stack.rpartition("/")[2],
        project=stacks.project(),
        version=version("pulumi-kubernetes"),
    )


def existing_object(cluster: str, declared: Declared) -> Existing:
    """The ID of a declared object, as the provider looks it up. All imported objects are in istio-system."""
    name = declared.object.words.rpartition("/")[2]
    return Existing(cluster=cluster, type=declared.type, name=declared.name, id=f"{NAMESPACE}/{name}")


def _resources(
    config: StackConfig, members: Mapping[str, Member], stack: str
) -> tuple[dict[str, Any], list[Remark]]:
    """The document for `pulumi import`, and steps for objects that cannot be imported."""
    declared = inventory.inventory(config)
    found = for_each(
        declared,
        lambda name: find_objects(config.clusters[name].connection, inventory.addresses(declared[name])),
    )
    existing: list[Existing] = []
    left: list[Remark] = []
    for name, own in declared.items():
        if found[name].unknown:
            raise CommandError(
                f"{members[name].context}: {found[name].unknown}; expected to be able to read everything"
            )
        there = dict(found[name].by_address)
        if other_selector(members[name]):
            there.pop(_GATEWAY_DEPLOYMENT, None)
        taken = [d for d in own if d.type in IMPORTED and _is_there(d, there)]
        existing += [existing_object(name, one) for one in taken]
        for one in taken:
            there.pop(one.object.address)
        problems = ownership.foreign(config.clusters[name], own, there)
        left += [Remark(about=name, message=problem.message, step=True) for problem in problems]
    return import_document(config, existing, stack), left


def _is_there(declared: Declared, found: Mapping[ObjectAddress, FoundObject]) -> bool:
    return declared.object.address in found


def _provider(cluster: ClusterConfig) -> dict[str, Any]:
    """The inputs of the cluster's provider, as `mesh.provider` gives them."""
    return {
        "kubeconfig": cluster.connection.path,
        "context": cluster.connection.context,
        "clusterIdentifier": cluster.name,
        "enableSecretMutable": "true",
        "skipUpdateUnreachable": "false",
    }


def _key_step(root_key: Path | None, stack: str) -> list[Remark]:
    if root_key is None:
        return []
    key, file = f"{stacks.project()}:{_KEY}", shlex.quote(str(root_key))
    command = f"pulumi config set --stack {stack} --secret --path '{key}' < {file}"
    return [Remark(about=_KEY, message=f"`{command}`", step=True)]


def _import_step(path: Path, count: int, stack: str) -> Remark:
    file = shlex.quote(str(path))
    command = f"pulumi import --stack {stack} --file {file} --protect=false --generate-code=false --yes"
    return Remark(
        about=str(path),
        message=f"it has {count} resources; importing them changes no cluster: `{command}`",
        step=True,
    )
