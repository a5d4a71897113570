"""Tools from an official release: a site of the tests' own stands in for the release site."""

import hashlib
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
import requests

from sandbox.errors import SandboxError
from sandbox.tools import check
from sandbox.tools.catalogue import Download, Tool
from sandbox.tools.download import published_digest
from sandbox.tools.supply import supply
from tests.sandbox.supply.release_server import ReleaseServer, archive

BINARY = Path("/bin/echo").read_bytes()
"""A real binary that reports whichever version it is asked to: the arguments are printed."""


def a_tool(
    site_url: str, *, name: str = "echo-tool", file: str = "tool", says: str = "tool v1.2.3", **release
) -> Tool:
    """Build a tool at version 1.2.3 that is released at `site_url`/`file` and nowhere else."""
    url = f"{site_url}/{file}"
    return Tool(
        name=name,
        version="1.2.3",
        version_args=(says,),
        download=Download(url=url, checksum_url=f"{url}.sha256", **release),
    )


def have(*tools: Tool) -> tuple[dict[str, Path], list[str]]:
    """Supply the tools; return their paths and what was said."""
    said: list[str] = []
    return supply(list(tools), say=said.append), said


def files_in(folder: Path) -> list[str]:
    """List the files below a folder, locks aside."""
    return sorted(
        str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"
    )


def test_a_release_with_a_good_checksum_enters_the_cache(site: ReleaseServer, cache_folder: Path) -> None:
    """The file is fetched after its checksum, can be run, and is where its name and version say."""
    site.publish("tool", BINARY)
    paths, said = have(a_tool(site.url))
    assert paths == {"echo-tool": cache_folder / "tools/echo-tool/1.2.3/echo-tool"}
    assert paths["echo-tool"].read_bytes() == BINARY
    assert paths["echo-tool"].stat().st_mode & 0o111, "it must be executable"
    assert site.requests == ["/tool.sha256", "/tool"]
    assert any("echo-tool 1.2.3: fetched" in line for line in said)


def test_what_is_in_the_cache_is_not_asked_for_again(site: ReleaseServer, cache_folder: Path) -> None:
    """A second run makes no request and says nothing."""
    site.publish("tool", BINARY)
    have(a_tool(site.url))
    site.requests.clear()
    _, said = have(a_tool(site.url))
    assert site.requests == []
    assert said == []


def test_a_wrong_checksum_is_an_error_that_names_both(site: ReleaseServer, cache_folder: Path) -> None:
    """It is no reason to look elsewhere, and nothing enters the cache."""
    site.publish("tool", BINARY, digest="0" * 64)
    with pytest.raises(SandboxError) as caught:
        have(a_tool(site.url))
    assert "0" * 64 in str(caught.value)
    assert hashlib.sha256(BINARY).hexdigest() in str(caught.value)
    assert f"{site.url}/tool" in str(caught.value)
    assert files_in(cache_folder) == []


def test_a_release_that_is_not_there_is_said_to_be_missing(site: ReleaseServer, cache_folder: Path) -> None:
    """With no other place to look, the error gives the site's answer as the reason."""
    with pytest.raises(SandboxError, match=r"nowhere to be had: not on PATH; .*/tool\.sha256 answers 404"):
        have(a_tool(site.url))


def test_a_checksum_without_its_file_is_said_to_be_missing(site: ReleaseServer, cache_folder: Path) -> None:
    """A checksum alone installs nothing."""
    site.publish("tool", BINARY)
    del site.files["/tool"]
    with pytest.raises(SandboxError, match=r"/tool answers 404"):
        have(a_tool(site.url))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record the URLs that are asked for, whoever answers or not."""
    urls: list[str] = []
    real_get = requests.get
    monkeypatch.setattr(requests, "get", lambda url, **options: urls.append(url) or real_get(url, **options))
    return urls


def test_a_host_that_refuses_is_asked_once_for_all_its_tools(cache_folder: Path, asked: list[str]) -> None:
    """Several tools of one dead host cost one attempt, and every one of them says why."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    tools = [a_tool(f"http://127.0.0.1:{port}", name=f"tool-{number}") for number in range(4)]
    with pytest.raises(SandboxError, match=rf"127\.0\.0\.1:{port} does not answer \(.*refused"):
        have(*tools)
    assert len(asked) == 1


def test_a_host_that_keeps_silent_is_given_up_in_seconds(cache_folder: Path, asked: list[str]) -> None:
    """A full backlog answers no connection; looking for four tools there takes one time-out."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        port = silent.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.settimeout(0)
            filler.connect_ex(("127.0.0.1", port))
        started = time.monotonic()
        with pytest.raises(SandboxError, match="does not answer"):
            have(*(a_tool(f"http://127.0.0.1:{port}", name=f"tool-{number}") for number in range(4)))
        assert time.monotonic() - started < 5
        assert len(asked) == 1
        for filler in fillers:
            filler.close()


def test_a_binary_in_a_folder_of_an_archive_is_found(site: ReleaseServer, cache_folder: Path) -> None:
    """The member becomes the tool, its companions lie beside it, and nothing else is unpacked."""
    members = {
        "tool-1/bin/tool": BINARY,
        "tool-1/bin/tool-lang-x": b"x",
        "tool-1/README": b"r",
        "tool": b"no",
    }
    site.publish("tool.tar.gz", archive(members))
    tool = a_tool(site.url, file="tool.tar.gz", member="tool-1/bin/tool", companions=("tool-lang-*",))
    paths, _ = have(tool)
    assert paths["echo-tool"].read_bytes() == BINARY
    assert files_in(cache_folder) == [
        "tools/echo-tool/1.2.3/echo-tool",
        "tools/echo-tool/1.2.3/tool-lang-x",
    ]


def test_an_archive_without_the_member_is_an_error(site: ReleaseServer, cache_folder: Path) -> None:
    """A release whose layout has changed is reported as such."""
    site.publish("tool.tar.gz", archive({"other": BINARY}))
    with pytest.raises(SandboxError, match=r"tool\.tar\.gz holds no bin/tool: its layout has changed"):
        have(a_tool(site.url, file="tool.tar.gz", member="bin/tool"))
    assert files_in(cache_folder) == []


def test_a_transfer_that_breaks_off_once_is_repeated(site: ReleaseServer, cache_folder: Path) -> None:
    """One interruption in the middle is got over."""
    site.publish("tool", BINARY)
    site.breaks["/tool"] = 1
    paths, _ = have(a_tool(site.url))
    assert paths["echo-tool"].read_bytes() == BINARY
    assert site.requests.count("/tool") == 2


def test_a_transfer_that_keeps_breaking_off_leaves_nothing(site: ReleaseServer, cache_folder: Path) -> None:
    """It is given up with the reason, and no half file stays."""
    site.publish("tool", BINARY)
    site.breaks["/tool"] = 9
    with pytest.raises(SandboxError, match="broke off 2 times"):
        have(a_tool(site.url))
    assert files_in(cache_folder) == []


def test_a_release_of_another_version_is_not_let_in(site: ReleaseServer, cache_folder: Path) -> None:
    """The checksum may be right and the tool still not the one that is pinned: it is run first."""
    site.publish("tool", BINARY)
    with pytest.raises(SandboxError, match=r"says 'tool v1\.2\.30', not 1\.2\.3"):
        have(a_tool(site.url, says="tool v1.2.30"))
    assert files_in(cache_folder) == []


def test_what_a_killed_run_has_left_does_no_harm(site: ReleaseServer, cache_folder: Path) -> None:
    """A staging folder with half a file is cleared by the next run."""
    site.publish("tool", BINARY)
    stage = cache_folder / "tools/echo-tool/.new"
    stage.mkdir(parents=True)
    (stage / "half-a-file").write_bytes(BINARY[:100])
    have(a_tool(site.url))
    assert files_in(cache_folder) == ["tools/echo-tool/1.2.3/echo-tool"]


def test_two_runs_at_once_fetch_a_tool_once(site: ReleaseServer, cache_folder: Path) -> None:
    """The second waits for the first and finds the tool in the cache."""
    site.publish("tool", BINARY)
    found: list[dict[str, Path]] = []
    runs = [threading.Thread(target=lambda: found.append(have(a_tool(site.url))[0])) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert found == [found[0]] * 3
    assert site.requests.count("/tool") == 1


def test_a_tool_on_the_path_is_taken_at_its_pinned_version_only(
    site: ReleaseServer, cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pinned one is used where it is; another version is passed over and left alone."""
    site.publish("tool", BINARY)
    folder = tmp_path / "bin"
    folder.mkdir()
    shutil.copy("/bin/echo", folder / "echo-tool")
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    right, _ = have(a_tool(site.url))
    other = Tool(name="echo-tool", version="1.2.4", version_args=("tool v1.2.3",))
    assert right == {"echo-tool": folder / "echo-tool"}
    assert site.requests == []
    with pytest.raises(SandboxError, match=r"bin/echo-tool says 'tool v1\.2\.3', not 1\.2\.4"):
        have(other)


def test_a_script_on_the_path_is_not_the_tool(
    site: ReleaseServer, cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrapper of the right version would not work elsewhere, in an image for one."""
    script = tmp_path / "echo-tool"
    script.write_text("#!/bin/sh\necho tool v1.2.3\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(SandboxError, match="echo-tool is no Linux binary"):
        have(a_tool(site.url))


@pytest.mark.parametrize(
    ("output", "same"),
    [
        ("Kubernetes v1.36.3", True),
        ("v1.36.3+g0123456", True),
        ("version: 9f1/1.36.3/Clean/RELEASE", True),
        ("Client Version: v1.36.3-dispatcher", False),
        ("v1.36.30", False),
        ("v11.36.3", False),
        ("v1.36.3.1", False),
        ("", False),
    ],
)
def test_a_version_is_recognised_as_a_whole(output: str, same: bool) -> None:
    """Longer numbers and suffixes name another version."""
    assert check.reports(output, "1.36.3") is same


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a" * 64, True),
        ("A" * 64 + "\n", True),
        (f"{'b' * 64}  other.tgz\n{'a' * 64}  tool.tgz\n", True),
        (f"{'a' * 64} *tool.tgz", True),
        (f"{'a' * 64}  ./out/tool.tgz", True),
        (f"{'b' * 64}  other.tgz", False),
        (f"{'a' * 63}  tool.tgz", False),
        ("<html>Not here</html>", False),
        ("", False),
    ],
)
def test_checksum_files_are_read_in_every_form_that_releases_use(text: str, found: bool) -> None:
    """A bare digest, or a list of digests and names; anything else has no digest."""
    assert published_digest(text, "tool.tgz") == ("a" * 64 if found else None)
