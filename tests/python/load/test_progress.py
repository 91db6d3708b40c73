"""Progress of loads and reads: a callable, or a tqdm bar."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql

ROWS = 300_000


@pytest.fixture
def rows(sql: Sql) -> list[dict[str, object]]:
    """Give many rows, and make a table for them."""
    sql("CREATE TABLE t (id int, v text)")
    return [{"id": n, "v": "x" * 30} for n in range(ROWS)]


def check(seen: list[tuple[int, int, float]]) -> None:
    assert seen
    assert seen == sorted(seen)
    assert seen[-1][0] == ROWS
    assert seen[-1][1] > ROWS * 30
    # Ten a second, and one at the end.
    assert len(seen) <= seen[-1][2] * 10 + 2


def test_progress_callable_of_a_load_is_told(db: howdah.Database, rows: list[dict[str, object]]) -> None:
    seen: list[tuple[int, int, float]] = []
    db.load("t", rows, progress=lambda p: seen.append((p.rows, p.bytes, p.seconds)))
    check(seen)


def test_progress_never_falls_when_the_rows_end_before_the_server_has_them(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, v text)")
    sql(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN IF new.id % 300 = 0 THEN PERFORM pg_sleep(0.008); END IF; RETURN new; END'"
    )
    sql("CREATE TRIGGER wait BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION wait()")

    batch = pa.record_batch({"id": pa.array(range(5_000), pa.int32()), "v": ["x" * 100] * 5_000})

    def batches() -> Iterator[pa.RecordBatch]:
        yield from [batch] * 10
        time.sleep(0.4)

    source = pa.RecordBatchReader.from_batches(batch.schema, batches())
    seen: list[int] = []
    db.load("t", source, progress=lambda p: seen.append(p.rows))
    assert len(seen) > 2
    assert seen == sorted(seen)


def test_progress_callable_of_a_read_is_told(db: howdah.Database, rows: list[dict[str, object]]) -> None:
    db.load("t", rows)
    seen: list[tuple[int, int, float]] = []
    db.read("t", progress=lambda p: seen.append((p.rows, p.bytes, p.seconds))).to_arrow()
    check(seen)


def test_progress_that_uses_the_database_works(db: howdah.Database, rows: list[dict[str, object]]) -> None:
    seen: list[int] = []
    db.load("t", iter(rows), progress=lambda _: seen.append(db.read("t").to_arrow().num_rows))
    assert set(seen) <= {0, ROWS}
    assert seen


def test_progress_total_rows_is_told_or_none(db: howdah.Database, rows: list[dict[str, object]]) -> None:
    totals: set[int | None] = set()
    db.load("t", rows, progress=lambda p: totals.add(p.total_rows))
    assert totals <= {None, ROWS}


@pytest.mark.filterwarnings("ignore::tqdm.TqdmWarning")
def test_progress_bar_of_a_load_and_a_read_shows_rows(
    db: howdah.Database, rows: list[dict[str, object]], capfd: pytest.CaptureFixture[str]
) -> None:
    db.load("t", rows, progress=True)
    shown = capfd.readouterr().err
    assert "t:" in shown
    assert "300k" in shown
    assert "rows/s" in shown
    assert "MB" in shown
    db.read("SELECT * FROM t", progress=True).to_arrow()
    shown = capfd.readouterr().err
    assert "300k" in shown


def test_progress_bar_of_a_failed_load_is_closed(
    db: howdah.Database, sql: Sql, capfd: pytest.CaptureFixture[str]
) -> None:
    sql("CREATE TABLE t (id int)")
    with pytest.raises(howdah.ConversionError):
        db.load("t", [{"id": "x"}], progress=True)
    assert capfd.readouterr().err.endswith("\n")


def test_progress_false_shows_nothing(db: howdah.Database, sql: Sql, capfd: pytest.CaptureFixture[str]) -> None:
    sql("CREATE TABLE t (id int)")

    def some() -> Iterator[dict[str, int]]:
        yield {"id": 1}

    db.load("t", some())
    db.read("t").to_arrow()
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
