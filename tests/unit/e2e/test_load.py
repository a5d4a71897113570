"""What the load of the end-to-end tests makes of its calls."""

from datetime import UTC, datetime, timedelta

from tests.e2e.load import Report, parsed

_NOW = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)


def test_a_call_that_was_answered_counts_for_the_cluster_that_answered() -> None:
    """And not as a failure."""
    report = Report(calls=(parsed("east", "1|Hello version: west, instance: x |200|0.02|", _NOW),))
    assert report.answered("east") == {"west": 1}
    assert not report.failed


def test_a_failed_call_has_its_time_and_its_reason() -> None:
    """In the report's text, too."""
    lines = ("7|no healthy upstream|503|0.5|", "8||000|10.0|curl: (28) Operation timed out")
    report = Report(calls=tuple(parsed("east", line, _NOW) for line in lines))
    assert [call.reason for call in report.failed] == [
        "HTTP 503: no healthy upstream",
        "HTTP 000: curl: (28) Operation timed out",
    ]
    assert "12:00:00.000000 east #7 after 0.50 s: HTTP 503: no healthy upstream" in str(report)


def test_an_answer_that_is_not_the_samples_is_a_failure() -> None:
    """Whatever its status."""
    [call] = Report(calls=(parsed("east", "1|something else|200|0.1|", _NOW),)).failed
    assert call.answered_by is None


def test_only_the_latest_answers_are_counted_on_request() -> None:
    """From a moment on."""
    line = "1|Hello version: west, instance: x |200|0.02|"
    calls = (parsed("east", line, _NOW), parsed("east", line, _NOW + timedelta(seconds=2)))
    assert Report(calls=calls).answered("east", after=_NOW)["west"] == 1
