"""Notices of the server are logged by Python's logging."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from howdah import notices

if TYPE_CHECKING:
    import howdah
    from tests.python.conftest import Sql


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


@pytest.mark.parametrize("mode", ["append", "truncate", "replace", "upsert"])
def test_load_in_a_transaction_draws_no_notice(
    db: howdah.Database, sql: Sql, caplog: pytest.LogCaptureFixture, mode: Any
) -> None:
    sql("CREATE TABLE t (k int PRIMARY KEY, v text)")
    caplog.set_level(logging.DEBUG, "howdah")
    options: dict[str, Any] = {"key": "k"} if mode == "upsert" else {}
    with db.transaction():
        for number in range(2):
            db.load("t", [{"k": number, "v": "x"}], mode=mode, **options)
    assert [record.getMessage() for record in caplog.records] == []
    assert sql("SELECT count(*) FROM t") == [(1 if mode in {"truncate", "replace"} else 2,)]
