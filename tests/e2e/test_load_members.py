"""While a third cluster joins the mesh and leaves it again, calls between the others go on without a failure.

The tests build on each other, in their order.
"""

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox import cluster
from tests.e2e.faults import passes
from tests.e2e.load import Load
from tests.e2e.stack import Stack

pytestmark = pytest.mark.breaking

OLD = ("east", "west")
NEW = "north"


@pytest.fixture(scope="module", autouse=True)
def _third_cluster(mesh: Stack, fresh_clusters: Callable[..., Any]) -> Iterator[None]:
    """A cluster that is in no mesh yet; the mesh is left as it was, even after a failure."""
    before = mesh.config()
    fresh_clusters(NEW)
    yield
    if mesh.config() != before:
        mesh.configure(before)
        mesh.up()
    cluster.stop([NEW])


def test_a_cluster_that_joins_answers_and_costs_no_call(mesh: Stack) -> None:
    """It answers both of the others, and no call fails before, meanwhile or after."""
    config = copy.deepcopy(mesh.config())
    config["clusters"][NEW] = {**config["clusters"]["east"], "context": NEW}
    with Load(cluster.merged_kubeconfig(), OLD) as load:
        mesh.configure(config)
        mesh.up()
        load.wait_until(lambda report: all(report.answered(caller)[NEW] for caller in OLD))
    assert not load.report.failed, load.report
    passes(mesh)


def test_a_cluster_that_leaves_costs_no_call(mesh: Stack) -> None:
    """It answers nobody any more, and no call fails because it went."""
    config = copy.deepcopy(mesh.config())
    del config["clusters"][NEW]
    with Load(cluster.merged_kubeconfig(), OLD) as load:
        load.wait_until(lambda report: all(report.answered(caller)[NEW] for caller in OLD))
        mesh.configure(config)
        mesh.up()
        gone = datetime.now(UTC)
        load.wait_until(lambda report: all(report.answered(c, after=gone).total() > 20 for c in OLD))
    assert not load.report.failed, load.report
    for caller in OLD:
        assert set(load.report.answered(caller, after=gone)) == set(OLD), load.report
    passes(mesh)
