"""The configuration reference."""

from docs.reference import page
from tests.program.recording import PROJECT


def test_the_reference_is_that_of_the_models() -> None:
    """After a changed setting: `make reference`."""
    assert (PROJECT / "docs/configuration.md").read_text(encoding="utf-8") == page()
