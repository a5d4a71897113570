"""The documented way builds what the program builds: same values, same sample."""

import yaml

from benchmarks.mesh.documented import inputs
from mesh.istio import values
from mesh.samples.names import CLIENT, NAMESPACE, PORT, SERVICE
from tests.builders.stacks import stack_config

_MESH = stack_config(
    {"east": {"network": "net-east"}, "west": {"network": "net-west"}},
    helloWorld={"enabled": True, "image": "localhost/server:7", "clientImage": "localhost/client:8"},
)
_FILES = inputs(_MESH, "parallel")


def test_each_cluster_has_the_values_that_the_program_gives_to_its_releases() -> None:
    """What is compared is the way to a mesh, not two meshes."""
    for name, cluster in _MESH.clusters.items():
        assert yaml.safe_load(_FILES[name]["istiod.yaml"]) == values.istiod(cluster, _MESH.mesh)
        assert yaml.safe_load(_FILES[name]["gateway.yaml"]) == values.gateway(cluster)


def test_the_sample_is_the_program_s() -> None:
    """Names, port and images are those of the program, and the version is the cluster's name."""
    objects = {
        (o["kind"], o["metadata"]["name"]): o for o in yaml.safe_load_all(_FILES["west"]["sample.yaml"])
    }
    assert ("Namespace", NAMESPACE) in objects
    assert objects["Service", SERVICE]["spec"]["ports"][0]["port"] == PORT
    server = objects["Deployment", f"{SERVICE}-west"]["spec"]["template"]["spec"]["containers"][0]
    assert server["image"] == "localhost/server:7"
    assert server["env"] == [{"name": "SERVICE_VERSION", "value": "west"}]
    client = objects["Deployment", CLIENT]["spec"]["template"]["spec"]["containers"][0]
    assert client["image"] == "localhost/client:8"


def test_nothing_is_left_to_be_filled_in() -> None:
    """A word that stays would be an image that nobody has."""
    text = "".join(text for files in _FILES.values() for text in files.values())
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert not [line for line in lines if "_IMAGE" in line or "CLUSTER" in line]


def test_the_serial_way_keeps_the_probe_of_the_guide() -> None:
    """A faster probe is ours; everything else is the same in both."""
    (east,) = (
        files["gateway.yaml"] for name, files in inputs(_MESH, "serial").items() if name in list(_FILES)[:1]
    )
    expected = yaml.safe_load(next(iter(_FILES.values()))["gateway.yaml"])
    assert expected.pop("readinessProbe")["periodSeconds"] == 2
    assert yaml.safe_load(east) == expected
