"""What the preflight takes for parts of a release is all that the charts make: Helm would refuse the rest."""

import pytest

from mesh.preflight import inventory
from tests.builders.charts import Manifests
from tests.builders.stacks import stack_config

_RELEASES = {"base": "istio-base", "istiod": "istiod", "gateway": "istio-eastwestgateway"}


@pytest.mark.parametrize("chart", _RELEASES)
def test_every_object_of_a_chart_is_a_part_of_its_release(chart: str) -> None:
    """One that is left out is found when the update has begun."""
    config = stack_config({"east": {}})
    (release,) = [d for d in inventory.inventory(config)["east"] if d.name == f"east-{_RELEASES[chart]}"]
    paths = [part.address.path for part in release.parts]
    missing = [
        f"{kind} {name}"
        for manifest in Manifests(chart)
        for kind, name in ((manifest["kind"], manifest["metadata"]["name"]),)
        if not any(path.endswith(f"/{kind.lower()}s/{name}") for path in paths)
    ]
    assert missing == []
