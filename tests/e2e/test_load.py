"""The load itself: it would notice a call that fails."""

import pytest

from sandbox import cluster
from tests.e2e.load import URL, Load

pytestmark = pytest.mark.load


@pytest.mark.usefixtures("mesh")
def test_calls_that_fail_are_reported_with_their_reason() -> None:
    """A page that is not there, at the rate that was asked for."""
    with Load(cluster.merged_kubeconfig(), ["east"], rate=5, url=f"{URL}/nothing") as load:
        load.wait_until(lambda report: len(report.calls) >= 20)
    report = load.report
    assert len(report.failed) == len(report.calls), f"a call to no page was answered: {report}"
    assert all(call.reason.startswith("HTTP 404") for call in report.failed), report
    seconds = (report.calls[-1].ended - report.calls[0].ended).total_seconds()
    assert len(report.calls) / seconds < 7, "more than was asked for"
