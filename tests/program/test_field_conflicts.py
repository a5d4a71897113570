"""Fields that somebody else has changed are taken back."""

from tests.program.conftest import write_kubeconfigs
from tests.program.recording import PROJECT, run


def test_every_object_takes_its_fields_back() -> None:
    """A release has no fields of its own in the cluster, and what is only read has none at all."""
    write_kubeconfigs({"east": {"context": "east"}, "west": {"context": "west"}})
    recording = run(PROJECT / "examples/two-clusters.yaml")
    objects = [
        r
        for r in recording.resources
        if r.type.startswith("kubernetes:") and r.type != "kubernetes:helm.sh/v3:Release" and not r.read
    ]
    assert objects, "no object in any cluster: the program has not run"
    for found in objects:
        annotations = found.inputs["metadata"].get("annotations", {})
        assert annotations.get("pulumi.com/patchForce") == "true", f"{found.name} would end in a conflict"
