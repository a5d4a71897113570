"""Charts from a Helm repository."""

import hashlib
from pathlib import Path

import pytest
import yaml

from mesh.helm.archives import archive, cache_folder
from mesh.helm.errors import ChartMissingError, ChartUnavailableError

_REPOSITORY = "https://charts.example.com/istio"


class _Server:
    """What a repository has, by URL, and how often it was asked."""

    def __init__(self, *, digest: str | None = None, url: str = "istiod-1.31.0.tgz") -> None:
        self.asked: list[str] = []
        entry = {
            "version": "1.31.0",
            "urls": [url],
            "digest": digest or hashlib.sha256(b"a chart").hexdigest(),
        }
        index = yaml.safe_dump({"entries": {"istiod": [entry]}}).encode()
        self.files = {
            f"{_REPOSITORY}/index.yaml": index,
            f"{_REPOSITORY}/istiod-1.31.0.tgz": b"a chart",
            "https://elsewhere.example.com/istiod.tgz": b"a chart",
        }

    def read(self, url: str) -> bytes:
        self.asked.append(url)
        if url not in self.files:
            raise FileNotFoundError(f"{url} is not there")
        return self.files[url]


@pytest.mark.parametrize("url", ["istiod-1.31.0.tgz", "https://elsewhere.example.com/istiod.tgz"])
def test_a_chart_is_fetched_once(tmp_path: Path, url: str) -> None:
    """From where the index says, relative to the repository or not; then it is not asked again."""
    server = _Server(url=url)
    path = archive(f"{_REPOSITORY}/", "istiod", "1.31.0", folder=tmp_path, read=server.read)
    assert path.read_bytes() == b"a chart"
    assert archive(_REPOSITORY, "istiod", "1.31.0", folder=tmp_path, read=server.read) == path
    assert len(server.asked) == 2, "the index and the chart"
    assert [file.name for file in path.parent.iterdir()] == ["istiod-1.31.0.tgz"]


def test_repositories_do_not_share_charts(tmp_path: Path) -> None:
    """One of a company's own may have other charts by the same name."""
    first = archive(_REPOSITORY, "istiod", "1.31.0", folder=tmp_path, read=_Server().read)
    with pytest.raises(ChartUnavailableError):
        archive("https://other.example.com", "istiod", "1.31.0", folder=tmp_path, read=_Server().read)
    assert first.exists()


def test_a_version_that_is_not_there_is_said_with_those_that_are(tmp_path: Path) -> None:
    """So is a chart."""
    for chart, version, there in (("istiod", "1.31.9", "it has 1.31.0"), ("base", "1.31.0", "it has none")):
        with pytest.raises(ChartMissingError, match=there):
            archive(_REPOSITORY, chart, version, folder=tmp_path, read=_Server().read)


def test_a_chart_with_another_checksum_is_not_kept(tmp_path: Path) -> None:
    """It is another one than the index has."""
    with pytest.raises(ChartUnavailableError, match="than its index says"):
        archive(_REPOSITORY, "istiod", "1.31.0", folder=tmp_path, read=_Server(digest="00").read)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("index", [b"<html>", b"[", b"entries: {istiod: [{version: 1.31.0}]}"])
def test_what_is_no_repository_cannot_be_read(tmp_path: Path, index: bytes) -> None:
    """A login page, for example; an index without the chart is one that lacks it."""
    server = _Server()
    server.files[f"{_REPOSITORY}/index.yaml"] = index
    with pytest.raises((ChartUnavailableError, ChartMissingError)):
        archive(_REPOSITORY, "istiod", "1.31.0", folder=tmp_path, read=server.read)


def test_charts_are_kept_in_the_users_cache() -> None:
    """As the XDG base directory specification has it."""
    assert cache_folder({"XDG_CACHE_HOME": "/cache"}) == Path("/cache/istio-mesh/charts")
    assert cache_folder({}) == Path("~/.cache/istio-mesh/charts").expanduser()
