"""Which plugins are chosen: releases wherever they are, else a build from the module, else stand-ins."""

import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest
import requests

from sandbox import plugins, versions
from sandbox.plugins import launchers
from sandbox.tools.catalogue import kubernetes_plugin

_NAMES = ["language-python", "resource-kubernetes", "resource-tls", "resource-random"]
_STAND_IN = "stand-in of this repository"
_BUILT = "built from Pulumi's Go module"
_SUBSTITUTES = {
    "language-python": _STAND_IN,
    "resource-kubernetes": _BUILT,
    "resource-tls": _STAND_IN,
    "resource-random": _STAND_IN,
}


@pytest.fixture
def machine(tmp_path: Path, cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty path, an empty plugin cache and a Pulumi that can download nothing.

    The CLI notes what it was asked for in `asked`; the download site answers. The kubernetes provider has
    been built before.
    """
    tool = kubernetes_plugin()
    _script(cache_folder / "tools" / tool.name / tool.version / tool.name, "echo built")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("requests.head", lambda *_, **__: None)
    _script(tmp_path / "path" / "pulumi", f'echo "$@" >> {tmp_path}/asked; exit 1')
    return tmp_path


def _script(file: Path, body: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)
    return file


def _origins(installed: list[plugins.Plugin]) -> dict[str, str]:
    return {plugin.name: plugin.origin for plugin in installed}


def test_substitutes_are_made_where_no_release_can_be_had(machine: Path) -> None:
    """All four can be run; a stand-in has the version of its SDK, what is built its own."""
    installed = plugins.install(machine / "bin")
    assert _origins(installed) == _SUBSTITUTES
    assert [plugin.version for plugin in installed] == [
        version("pulumi"),
        versions.PULUMI_KUBERNETES,
        version("pulumi-tls"),
        version("pulumi-random"),
    ]
    assert all(os.access(machine / "bin" / f"pulumi-{name}", os.X_OK) for name in _NAMES)
    assert str(installed[2]) == f"pulumi-resource-tls {version('pulumi-tls')} ({_STAND_IN})"


def test_a_download_is_tried_once_and_not_again_for_what_is_in_place(machine: Path) -> None:
    """The first failure ends the asking; a second install does not ask at all."""
    for _ in range(2):
        plugins.install(machine / "bin")
        asked = (machine / "asked").read_text().splitlines()
        assert asked == [f"plugin install resource kubernetes v{version('pulumi-kubernetes')}"]


def test_a_site_that_does_not_answer_is_not_asked_for_downloads(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulumi's own attempts take many seconds."""

    def fail(*_: object, **__: object) -> None:
        raise requests.ConnectionError

    monkeypatch.setattr("requests.head", fail)
    assert _origins(plugins.install(machine / "bin")) == _SUBSTITUTES
    assert not (machine / "asked").exists()


def test_a_download_that_works_needs_no_substitute(machine: Path) -> None:
    """Only the language host, which is not to be downloaded, has one."""
    _script(machine / "path" / "pulumi", "exit 0")
    assert _origins(plugins.install(machine / "bin")) == {
        "language-python": _STAND_IN,
        **dict.fromkeys(_NAMES[1:], "downloaded by pulumi"),
    }
    assert [file.name for file in (machine / "bin").iterdir()] == ["pulumi-language-python"]


def test_a_release_on_the_path_removes_what_was_built(machine: Path) -> None:
    """The link goes; what it leads to stays in the cache for other checkouts."""
    plugins.install(machine / "bin")
    built = (machine / "bin" / "pulumi-resource-kubernetes").resolve()
    release = _script(machine / "path" / "pulumi-resource-kubernetes", "echo v4.34.2")
    kubernetes = plugins.install(machine / "bin")[1]
    assert (kubernetes.version, kubernetes.origin) == ("4.34.2", str(release))
    assert not (machine / "bin" / "pulumi-resource-kubernetes").is_symlink()
    assert built.exists()


def test_an_earlier_build_gives_way_to_the_pinned_one(machine: Path) -> None:
    """A link that an older checkout has left leads to its version."""
    link = machine / "bin" / "pulumi-resource-kubernetes"
    plugins.install(machine / "bin")
    pinned = link.readlink()
    old = _script(machine / "cache" / "tools" / "pulumi-resource-kubernetes" / "4.0.0" / "old", "echo old")
    link.unlink()
    link.symlink_to(old)
    assert _origins(plugins.install(machine / "bin")) == _SUBSTITUTES
    assert link.readlink() == pinned


def test_an_official_plugin_on_the_path_wins_and_removes_the_stand_in(machine: Path) -> None:
    """Pulumi prefers the path to all else, so a launcher left over would hide the official one."""
    plugins.install(machine / "bin")
    official = _script(machine / "path" / "pulumi-resource-tls", "echo v5.6.2")
    tls = plugins.install(machine / "bin")[2]
    assert (tls.version, tls.origin) == ("5.6.2", str(official))
    assert not (machine / "bin" / "pulumi-resource-tls").exists()
    assert (machine / "bin" / "pulumi-resource-random").exists()


def test_an_official_plugin_in_the_folder_itself_is_left_alone(machine: Path) -> None:
    """What is not a launcher of ours is not ours to overwrite."""
    official = _script(machine / "bin" / "pulumi-resource-tls", "echo v5.6.2")
    assert _origins(plugins.install(machine / "bin"))["resource-tls"] == str(official)
    assert "echo" in official.read_text()


def test_a_substitute_of_another_checkout_on_the_path_is_not_taken_for_official(machine: Path) -> None:
    """Each checkout uses its own."""
    plugins.install(machine / "path")
    assert _origins(plugins.install(machine / "bin")) == _SUBSTITUTES
    assert len(list((machine / "bin").iterdir())) == 4


def test_plugins_in_pulumis_cache_and_beside_the_cli_are_found(machine: Path) -> None:
    """The cache has them by version; the language host comes with the CLI, wherever its link is."""
    cached = machine / "home" / "plugins" / f"resource-tls-v{version('pulumi-tls')}"
    broken = machine / "home" / "plugins" / f"resource-random-v{version('pulumi-random')}"
    old = machine / "home" / "plugins" / "resource-kubernetes-v3.0.0"
    for folder in (cached, broken, old):
        folder.mkdir(parents=True)
    Path(f"{broken}.partial").touch()
    host = _script(machine / "release" / "pulumi-language-python", "echo v3.250.0")
    (machine / "path" / "pulumi").rename(machine / "release" / "pulumi")
    (machine / "path" / "pulumi").symlink_to(machine / "release" / "pulumi")
    assert _origins(plugins.install(machine / "bin")) == {
        "language-python": str(host),
        "resource-kubernetes": _BUILT,
        "resource-tls": str(cached),
        "resource-random": _STAND_IN,
    }


@pytest.mark.parametrize("name", launchers.MODULES)
def test_a_launcher_takes_no_imports_from_where_it_is_started(machine: Path, name: str) -> None:
    """A program's folder may have a `random.py`; without an engine the plugin says what it is."""
    plugins.install(machine / "bin")
    folder = machine / "program"
    folder.mkdir()
    for module in ("random", "grpc", "standins"):
        (folder / f"{module}.py").write_text("raise SystemExit('the wrong module was imported')")
    started = subprocess.run(
        [machine / "bin" / f"pulumi-{name}"],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert started.returncode == 1
    assert "plugin of Pulumi" in started.stderr
