"""Data that was consumed before: it has no rows left, and a load of it says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import howdah
from tests.python.pool.faces import awaited, loops

if TYPE_CHECKING:
    from tests.python.conftest import Sql

MODES: list[Any] = ["append", "create", "replace", "truncate", "upsert"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "how", ["drained", "iterated", "streamed", "loaded", "closed", "failed", "generator", "closed generator"]
)
def test_data_that_was_consumed_before_is_refused_by_each_mode(
    db: howdah.Database, sql: Sql, how: str, mode: Any
) -> None:
    sql("CREATE TABLE t (n int PRIMARY KEY); INSERT INTO t VALUES (9); CREATE TABLE other (n int)")
    data: Any = db.read(
        "SELECT n FROM generate_series(1, 3) AS n"
        if how != "failed"
        else "SELECT 1 / (2 - n) AS n FROM generate_series(1, 3) AS n"
    )
    if how == "drained":
        data.to_arrow()
    elif how == "iterated":
        assert sum(batch.num_rows for batch in data) == 3
    elif how == "streamed":
        pa.RecordBatchReader.from_stream(data).read_all()
    elif how == "loaded":
        db.load("other", data)
    elif how == "closed":
        data.close()
    elif how == "failed":
        with pytest.raises(howdah.DataError):
            data.to_arrow()
    else:
        data = ({"n": n} for n in range(3))
        if how == "generator":
            list(data)
        else:
            data.close()
    with pytest.raises(howdah.InterfaceError, match=r"closed|failed before|no rows left"):
        db.load("new" if mode == "create" else "t", data, mode=mode, key="n" if mode == "upsert" else ())
    assert sql("SELECT n FROM t") == [(9,)]
    assert sql("SELECT to_regclass('new') IS NULL") == [(True,)]


@loops
def test_data_that_was_consumed_before_is_refused_by_awaited_loads(
    db: howdah.Database, url: str, sql: Sql, new_loop: Any
) -> None:
    sql("CREATE TABLE t (n int PRIMARY KEY); INSERT INTO t VALUES (9)")

    async def main() -> None:
        async with howdah.AsyncDatabase(url) as other:
            for mode in MODES:
                reader, numbers = db.read("SELECT 1 AS n"), ({"n": n} for n in range(3))
                reader.to_arrow()
                list(numbers)
                consumed: list[Any] = [reader, numbers]
                for data in consumed:
                    with pytest.raises(howdah.InterfaceError, match=r"closed|no rows left"):
                        await other.load(
                            "new" if mode == "create" else "t", data, mode=mode, key="n" if mode == "upsert" else ()
                        )

    awaited(main(), new_loop)
    assert sql("SELECT n FROM t") == [(9,)]
    assert sql("SELECT to_regclass('new') IS NULL") == [(True,)]


@pytest.mark.parametrize("begun", [False, True])
def test_reader_and_generator_with_rows_left_are_loaded(db: howdah.Database, sql: Sql, *, begun: bool) -> None:
    sql("CREATE TABLE t (n int)")
    reader = db.read("SELECT n FROM generate_series(1, 3) AS n", batch_rows=2)
    numbers = ({"n": n} for n in (3, 4, 5))
    if begun:
        next(iter(reader))
        next(numbers)
    db.load("t", reader, mode="truncate")
    db.load("t", numbers)
    assert sql("SELECT n FROM t ORDER BY n") == [(n,) for n in ((3, 4, 5) if begun else (1, 2, 3, 3, 4, 5))]


@pytest.mark.parametrize("mode", ["append", "truncate"])
def test_reader_without_rows_that_was_not_read_is_loaded(db: howdah.Database, sql: Sql, mode: Any) -> None:
    sql("CREATE TABLE t (n int); INSERT INTO t VALUES (9)")
    assert db.load("t", db.read("SELECT 1 AS n WHERE false"), mode=mode).rows == 0
    assert sql("SELECT count(*) FROM t") == [(0 if mode == "truncate" else 1,)]
