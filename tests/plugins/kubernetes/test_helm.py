"""How the stand-in runs Helm: what it is given, and how it is stopped."""

import json
import threading
import time
from pathlib import Path

import pytest

from sandbox.plugins.kubernetes.helm import Chart, Helm, HelmError
from sandbox.plugins.kubernetes.kubeconfig import Access
from sandbox.plugins.kubernetes.waiting import StoppedError, Waiter

_ACCESS = Access(cluster={"server": "https://cluster"}, user={"token": "the-token"}, namespace="default")
_CHART = Chart(name="small", version="1.0.0", repo="https://charts")

_RECORDS_ALL = """\
printf '%s\\n' "$@" > {folder}/arguments
env > {folder}/environment
cat > {folder}/stdin
for argument in "$@"; do
    case "$argument" in --kubeconfig=*) cat "${{argument#--kubeconfig=}}" > {folder}/kubeconfig;; esac
done
"""


def _fake_helm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "helm"
    program.write_text(f"#!/bin/sh\n{script}")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_values_and_credentials_are_not_in_arguments_or_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values come on standard input, the kubeconfig in a memory file that Helm can read."""
    _fake_helm(tmp_path, _RECORDS_ALL.format(folder=tmp_path), monkeypatch)
    monkeypatch.setenv("KUBECONFIG", "/somebody/elses")
    monkeypatch.setenv("HELM_KUBECONTEXT", "somebody-elses")
    helm = Helm(_ACCESS, Waiter())
    helm.upgrade("it", "here", _CHART, {"password": "confidential"}, ["--wait"])
    arguments = (tmp_path / "arguments").read_text()
    environment = (tmp_path / "environment").read_text()
    for secret in ("confidential", "the-token", "elses"):
        assert secret not in arguments + environment
    assert arguments.splitlines()[:3] == ["upgrade", "it", "small"]
    assert {"--repo=https://charts", "--version=1.0.0", "--wait", "--namespace=here"} <= set(
        arguments.splitlines()
    )
    assert json.loads((tmp_path / "stdin").read_text()) == {"password": "confidential"}
    assert json.loads((tmp_path / "kubeconfig").read_text())["users"][0]["user"] == {"token": "the-token"}


def test_helms_error_is_told_without_its_warnings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other lines on stderr are hints for people at a terminal."""
    script = "echo 'WARNING: something' >&2; echo 'Error: INSTALLATION FAILED: no' >&2; exit 1"
    _fake_helm(tmp_path, script, monkeypatch)
    with pytest.raises(HelmError) as raised:
        Helm(_ACCESS, Waiter()).install("it", "here", _CHART, {}, [])
    assert str(raised.value) == "INSTALLATION FAILED: no"


def test_without_helm_the_error_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The official provider has Helm inside; the stand-in needs the program."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HelmError, match="`helm`"):
        Helm(_ACCESS, Waiter()).uninstall("it", "here", [])


def test_a_stop_reaches_helm_which_may_clean_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked to end, and waited for; that it was stopped is told as such."""
    script = (
        f"trap 'echo cleaned > {tmp_path}/cleaned; exit 1' TERM\n"
        f"echo started > {tmp_path}/started\n"
        "while true; do sleep 0.1; done"
    )
    _fake_helm(tmp_path, script, monkeypatch)
    waiter = Waiter()

    def stop() -> None:
        while not (tmp_path / "started").exists():
            time.sleep(0.05)
        waiter.stop()

    threading.Thread(target=stop).start()
    with pytest.raises(StoppedError):
        Helm(_ACCESS, waiter).install("it", "here", _CHART, {}, [])
    assert (tmp_path / "cleaned").exists()


def test_a_chart_is_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every resource with the same chart is checked by one look into the repository."""
    _fake_helm(tmp_path, f"echo run >> {tmp_path}/runs; echo 'version: 1.0.0'", monkeypatch)
    helm = Helm(None, Waiter())
    assert helm.chart_metadata(_CHART) == {"version": "1.0.0"}
    assert helm.chart_metadata(_CHART) == {"version": "1.0.0"}
    assert (tmp_path / "runs").read_text() == "run\n"
