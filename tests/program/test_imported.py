"""What the program registers for stack files that `python -m mesh import` has written."""

from pathlib import Path

import pytest
import yaml

from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PROJECT, run

_GOLDEN = sorted((PROJECT / "tests/unit/importing/ristioctl").glob("*.stack.yaml"))


@pytest.mark.parametrize("golden", _GOLDEN, ids=lambda path: path.name)
def test_a_stack_file_from_the_seed_becomes_a_mesh_with_its_names_and_networks(
    golden: Path, home: Path
) -> None:
    """Each cluster has the network of `ristioctl`, and every other one a remote secret of its name for it."""
    stack_file = home / "Pulumi.dev.yaml"
    text = golden.read_text(encoding="utf-8").replace("/home/ada", str(home))
    stack_file.write_text(text, encoding="utf-8")
    config = yaml.safe_load(text)["config"]
    clusters = config["istio-mesh:clusters"]
    write_kubeconfigs(clusters)
    recording = run(stack_file, preview=True)
    for name in clusters:
        values = recording.one("kubernetes:helm.sh/v3:Release", f"{name}-istiod").inputs["values"]
        assert values["global"]["meshID"] == config["istio-mesh:mesh"]["id"]
        assert values["global"]["multiCluster"]["clusterName"] == name
        assert values["global"]["network"] == f"network-{name}"
        assert values["meshConfig"]["enablePrometheusMerge"] is False
    secrets = {
        (found.name, found.inputs["metadata"]["name"])
        for found in recording.of_type("kubernetes:core/v1:Secret")
        if found.name.endswith("-remote-secret")
    }
    assert secrets == {
        (f"{reader}-sees-{remote}-remote-secret", f"istio-remote-secret-{remote}")
        for reader in clusters
        for remote in clusters
        if reader != remote
    }
