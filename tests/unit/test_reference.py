"""The configuration reference."""

from datetime import timedelta

import pytest
from pydantic import Field

from docs.reference import page
from mesh.config.sections.base import Section
from mesh.config.sections.istio import IstioSection
from tests.program.recording import PROJECT


class _OfUnknownType(Section):
    pause: timedelta = Field(description="A type that the page has no words for.")


class _BeforeItsSection(Section):
    istio: IstioSection | None = Field(default=None, description="A section that the page lacks.")


class _Stack(Section):
    unknown: _OfUnknownType | None = Field(default=None, description="A section.")


class _StackOfOptions(Section):
    option: _BeforeItsSection | None = Field(default=None, description="A section.")


def test_the_reference_is_that_of_the_models() -> None:
    """After a changed setting: `make reference`."""
    assert (PROJECT / "docs/configuration.md").read_text(encoding="utf-8") == page()


@pytest.mark.parametrize("key", ["clusters.<name>.context", "peers.<name>.stack"])
def test_a_key_in_a_map_of_sections_has_a_place_for_the_name(key: str) -> None:
    """Users write `peers.west.stack`; `peers.stack` would be refused."""
    assert f"| `{key}` |" in page(), f"{key} must be on the page as users write it"


def test_a_key_in_a_list_of_sections_has_a_place_for_the_number() -> None:
    """In the words of `stubs`, which is another such list."""
    assert "| `failover[].withinSeconds` | number | required |" in page()


@pytest.mark.parametrize("key", ["istio", "exposure", "reader", "helloWorld"])
def test_an_override_links_to_the_section_that_it_overrides(key: str) -> None:
    """By the key as users write it, in camelCase."""
    link = f"| `clusters.<name>.{key}` | same as [`{key}`](#{key.lower()}) |"
    assert link in page(), f"the row of clusters.<name>.{key} must link to the section {key}"


def test_a_type_that_the_page_has_no_words_for_is_an_error() -> None:
    """A wrong word in the reference would be worse than none."""
    with pytest.raises(TypeError, match=r"unknown\.pause: no words for the type .*timedelta"):
        page(_Stack)


def test_a_section_that_may_be_left_out_has_its_keys_below_it() -> None:
    """Where nothing before it has explained them."""
    assert "| `option.istio` | map |" in page(_StackOfOptions)
    assert "| `option.istio.version` | text |" in page(_StackOfOptions)
