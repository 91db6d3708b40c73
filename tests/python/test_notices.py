"""What the server says besides answers reaches Python's logging."""

from __future__ import annotations

import logging

import pytest

from howdah import notices


@pytest.mark.parametrize(
    ("severity", "level"),
    [
        ("WARNING", logging.WARNING),
        ("NOTICE", logging.INFO),
        ("INFO", logging.INFO),
        ("LOG", logging.INFO),
        ("DEBUG", logging.DEBUG),
        ("DEBUG1", logging.DEBUG),
    ],
)
def test_notice_of_each_severity_has_a_level(caplog: pytest.LogCaptureFixture, severity: str, level: int) -> None:
    caplog.set_level(logging.DEBUG, "howdah")
    notices.log(severity, "50% of it", "01000", "more", "do")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("howdah", level)
    assert record.getMessage() == f"{severity} (01000): 50% of it; detail: more; hint: do"
    assert (vars(record)["sqlstate"], vars(record)["detail"], vars(record)["hint"]) == ("01000", "more", "do")


def test_notice_without_more_is_short(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "howdah")
    notices.log("NOTICE", "it is there", "42P07", None, "")
    notices.log("DEBUG", "unheard", "00000", None, None)
    assert [record.getMessage() for record in caplog.records] == ["NOTICE (42P07): it is there"]
