"""Versions of Kubernetes that Istio supports."""

import pytest

from mesh import versions
from mesh.config.types import version_tuple
from mesh.istio.kubernetes_versions import SUPPORTED, kubernetes_warning


@pytest.mark.parametrize(
    ("istio", "kubernetes"),
    [
        ("1.27.0", "v1.29.0"),
        ("1.27.9", "v1.33.4-gke.1000"),
        ("1.31.0", "v1.32.0"),
        ("1.31.0", "v1.36.3"),
        ("1.31.0-rc.1", "1.36+"),
        ("1.99.0", "v1.20.0"),
    ],
)
def test_a_supported_version_is_not_worth_a_word(istio: str, kubernetes: str) -> None:
    """Nor is one of an Istio that is newer than the table."""
    assert kubernetes_warning(istio, kubernetes) is None


@pytest.mark.parametrize(
    ("istio", "kubernetes", "words"),
    [
        (
            "1.31.0",
            "v1.31.9-eks-1234567",
            "Istio 1.31 supports Kubernetes 1.32 to 1.37, and this is 1.31, which Istio only tests; upgrade "
            "Kubernetes to 1.32 or later",
        ),
        (
            "1.31.0",
            "v1.26.1",
            "Istio 1.31 supports Kubernetes 1.32 to 1.37, and this is 1.26; upgrade Kubernetes to 1.32 or "
            "later",
        ),
        (
            "1.28.4",
            "v1.35.0",
            "Istio 1.28 supports Kubernetes 1.30 to 1.34, and this is 1.35; upgrade Istio to 1.29 or later",
        ),
        (
            "1.31.0",
            "v1.99.0",
            "Istio 1.31 supports Kubernetes 1.32 to 1.37, and this is 1.99; no Istio known here supports it",
        ),
    ],
)
def test_another_version_is_told_with_what_to_do(istio: str, kubernetes: str, words: str) -> None:
    """Older ones with an upgrade of Kubernetes, newer ones with one of Istio."""
    assert kubernetes_warning(istio, kubernetes) == words


@pytest.mark.parametrize("kubernetes", ["", "unknown", "2.1.0", "v1"])
def test_what_is_no_version_is_an_error(kubernetes: str) -> None:
    """It is never taken for a supported one."""
    with pytest.raises(ValueError, match="expected one such as v1"):
        kubernetes_warning("1.31.0", kubernetes)


def test_the_table_has_every_version_that_the_program_takes() -> None:
    """From the oldest to the default one: a new default needs a new row."""
    oldest, default = (version_tuple(v)[1] for v in (versions.OLDEST_ISTIO, versions.ISTIO))
    assert sorted(SUPPORTED) == list(range(oldest, default + 1))
