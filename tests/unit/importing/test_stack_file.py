"""The text of a stack file."""

import yaml

from mesh.importing.stack_file import has_settings, stack_file_text

_PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def test_it_reads_like_one_that_a_person_has_written() -> None:
    """Maps without maps in them on a line, certificates as blocks, no anchors, nothing sorted."""
    same = {"a": "true"}
    sections = {"mesh": {"id": "dev"}, "trust": {"root": {"certificate": _PEM}}, "gateway": [same, same]}
    assert stack_file_text("istio-mesh", sections, origin="mesh.yaml", existing={}) == (
        "# yaml-language-server: $schema=docs/stack-file.schema.json\n"
        "# Made from mesh.yaml by `python -m mesh import`.\n"
        "config:\n"
        "  istio-mesh:mesh: {id: dev}\n"
        "  istio-mesh:trust:\n"
        "    root:\n"
        "      certificate: |\n"
        "        -----BEGIN CERTIFICATE-----\n"
        "        MIIB\n"
        "        -----END CERTIFICATE-----\n"
        "  istio-mesh:gateway:\n"
        "  - {a: 'true'}\n"
        "  - {a: 'true'}\n"
        "  pulumi:disable-default-providers: [kubernetes]\n"
    )


def test_what_is_not_of_the_project_stays() -> None:
    """Without its salt, Pulumi could read no secret of the stack any more."""
    existing = {
        "encryptionsalt": "v1:c2FsdA==",
        "config": {"istio-mesh:mesh": {"id": "old"}, "istio-mesh:sees": ["hub"], "aws:region": "eu-west-1"},
    }
    text = stack_file_text("istio-mesh", {"mesh": {"id": "new"}}, origin="mesh.yaml", existing=existing)
    assert yaml.safe_load(text) == {
        "encryptionsalt": "v1:c2FsdA==",
        "config": {
            "istio-mesh:mesh": {"id": "new"},
            "pulumi:disable-default-providers": ["kubernetes"],
            "aws:region": "eu-west-1",
        },
    }
    assert has_settings(existing, "istio-mesh")
    assert not has_settings({**existing, "config": {"aws:region": "eu-west-1"}}, "istio-mesh")
    assert not has_settings({"encryptionsalt": "v1:c2FsdA=="}, "istio-mesh")
