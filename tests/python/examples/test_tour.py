"""examples/tour.py runs to its end, and its assertions hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from examples import tour
from tests.python.versions import wants

if TYPE_CHECKING:
    import pytest

    from tests.python.conftest import Sql


def test_tour_runs_to_its_end(url: str, sql: Sql, capsys: pytest.CaptureFixture[str]) -> None:
    wants("vector", sql)
    tour.main(url)
    told = capsys.readouterr().out
    for line in ("4 popular posts", "Ann 6 150.0", "user_email_key", "1 inserted from a frame"):
        assert line in told
    assert sql('SELECT email, score, status::text FROM "user" ORDER BY id') == [
        ("a@x.io", 16, "active"),
        ("b@x.io", 0, "active"),
        ("c@x.io", 0, "active"),
        ("a@x.io.example", 8, "active"),
    ]
    assert sql("SELECT count(*), sum(views) FROM post") == [(6, 900)]
    assert sql("SELECT count(*), sum(seats) FROM departures") == [(3, 387)]
