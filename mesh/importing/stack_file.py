"""The text of a stack file. Pure."""

from collections.abc import Mapping
from typing import Any

import yaml

from mesh.config.schema import StackSections
from mesh.mappings import as_map

_HEAD = "# yaml-language-server: $schema=docs/stack-file.schema.json\n"
_DEFAULT_PROVIDERS = "pulumi:disable-default-providers"
_SECTIONS = frozenset(field.alias or name for name, field in StackSections.model_fields.items())


class _Dumper(yaml.SafeDumper):
    """Writes multi-line texts as blocks, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar(  # pyright: ignore[reportUnknownMemberType] - PyYAML's is not typed
        "tag:yaml.org,2002:str", value, style=style
    )


_Dumper.add_representer(str, _text)


def has_settings(existing: Mapping[str, Any], project: str) -> bool:
    """Whether a stack file has a setting of the project, which `stack_file_text` would replace."""
    return any(key.removeprefix(f"{project}:") in _SECTIONS for key in as_map(existing.get("config")) or {})


def stack_file_text(
    project: str, sections: Mapping[str, Any], *, origin: str, existing: Mapping[str, Any]
) -> str:
    """A stack file with `sections`, as Pulumi and editors read it.

    Args:
        project: the project's name, which Pulumi has before each key.
        sections: the settings by section, in the order in which they are written; plain values.
        origin: what they were made from, for the file's first comment.
        existing: the contents of the existing stack file. What does not belong to this project stays, such as
            the salt that Pulumi needs to read the stack's secrets.
    """
    others = {
        key: value
        for key, value in (as_map(existing.get("config")) or {}).items()
        if key.removeprefix(f"{project}:") not in _SECTIONS
    }
    config = {
        **{f"{project}:{name}": value for name, value in sections.items()},
        _DEFAULT_PROVIDERS: ["kubernetes"],
        **others,
    }
    document = {**{key: value for key, value in existing.items() if key != "config"}, "config": config}
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, default_flow_style=None, width=110)
    return f"{_HEAD}# Made from {origin} by `python -m mesh import`.\n{body}"
