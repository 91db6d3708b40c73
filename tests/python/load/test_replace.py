"""replace and truncate: the new rows replace the old ones at once, or the old ones stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest

import howdah
from howdah import DataError, ProgrammingError, UniqueViolation
from tests.python.load.replaced import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql


@pytest.mark.parametrize("mode", ["replace", "truncate"])
def test_new_rows_take_the_place_of_the_old(db: howdah.Database, sql: Sql, mode: Any) -> None:
    sql("CREATE TABLE t (id int, v text)")
    sql("INSERT INTO t SELECT n, 'old' FROM generate_series(1, 100) n")
    report = db.load("t", ROWS, mode=mode)
    assert (report.rows, report.inserted, report.updated) == (3, 3, 0)
    assert sql("SELECT id, v FROM t ORDER BY id") == [(0, "0"), (1, "1"), (2, "2")]


@pytest.mark.parametrize("mode", ["replace", "truncate"])
def test_failed_load_keeps_the_old_rows(db: howdah.Database, sql: Sql, mode: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    sql("INSERT INTO t VALUES (1, 'old')")
    oid = sql("SELECT 't'::regclass::oid")
    with pytest.raises(DataError):
        db.load("t", [{"id": 1, "v": "x"}, {"id": 2**40, "v": "y"}], mode=mode)
    with pytest.raises(UniqueViolation):
        db.load("t", [{"id": 1, "v": "x"}, {"id": 1, "v": "y"}], mode=mode)
    assert sql("SELECT id, v FROM t") == [(1, "old")]
    assert sql("SELECT 't'::regclass::oid") == oid
    assert sql(
        "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    ) == [(1,)]


def test_replace_shows_old_rows_until_commit(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, v text)")
    sql("INSERT INTO t VALUES (99, 'old')")
    seen: list[Any] = []

    def rows() -> Iterator[dict[str, Any]]:
        for n in range(50_000):
            if n in {1, 20_000, 49_999}:
                seen.append(sql("SELECT id, v FROM t"))
            yield {"id": n, "v": "new"}

    db.load("t", rows(), mode="replace")
    assert seen == [[(99, "old")]] * 3
    assert sql("SELECT count(*), min(v) FROM t") == [(50_000, "new")]


def test_replace_of_no_table_creates_it(db: howdah.Database, sql: Sql) -> None:
    assert db.load("t", ROWS, mode="replace").rows == 3
    assert sql("SELECT count(*) FROM t") == [(3,)]


def test_truncate_with_a_foreign_key_pointing_here_is_the_server_s_error(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    sql("CREATE TABLE child (of int REFERENCES t)")
    sql("INSERT INTO t VALUES (1, 'old')")
    with pytest.raises(howdah.DatabaseError, match="child"):
        db.load("t", ROWS, mode="truncate")
    assert sql("SELECT id, v FROM t") == [(1, "old")]


def test_truncate_is_undone_when_rows_fail_and_seen_by_none(db: howdah.Database, sql: Sql, url: str) -> None:
    sql("CREATE TABLE t (id int, v text)")
    sql("INSERT INTO t VALUES (1, 'old')")
    stopped: list[str] = []

    def rows() -> Iterator[dict[str, Any]]:
        yield {"id": 1, "v": "new"}
        with psycopg.connect(url) as other, pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("LOCK TABLE t IN ACCESS SHARE MODE NOWAIT")
        stopped.append("here")
        raise KeyError

    with pytest.raises(KeyError):
        db.load("t", rows(), mode="truncate")
    assert stopped == ["here"]
    assert sql("SELECT id, v FROM t") == [(1, "old")]


def test_replace_and_truncate_of_nothing_empty_the_table(db: howdah.Database, sql: Sql) -> None:
    for mode in ("truncate", "replace"):
        sql("DROP TABLE IF EXISTS t; CREATE TABLE t (id int4, v text)")
        sql("INSERT INTO t VALUES (1, 'old')")
        empty = pa.table({"id": pa.array([], pa.int32()), "v": pa.array([], pa.string())})
        assert db.load("t", empty, mode=mode).rows == 0
        assert sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize("rows", [0, 1_000, 300_000])
def test_a_table_is_replaced_by_what_is_read_from_it(db: howdah.Database, sql: Sql, rows: int) -> None:
    sql(f"CREATE TABLE t AS SELECT n AS id, 'a text of some length ' || n AS v FROM generate_series(1, {rows}) n")
    before = sql("SELECT count(*), sum(hashtext(t::text)) FROM t")
    with db.read("SELECT * FROM t", batch_rows=10_000) as reader:
        assert db.load("t", reader, mode="replace").rows == rows
    assert sql("SELECT count(*), sum(hashtext(t::text)) FROM t") == before


@pytest.mark.parametrize("source", ["t", "t_1"])
def test_a_table_is_not_emptied_while_it_is_read(db: howdah.Database, sql: Sql, source: str) -> None:
    sql("CREATE TABLE t (id int4, v text) PARTITION BY RANGE (id); CREATE TABLE t_1 PARTITION OF t DEFAULT")
    sql("INSERT INTO t SELECT n, 'a text of some length ' || n FROM generate_series(1, 300000) n")
    before = sql("SELECT count(*), sum(hashtext(t::text)) FROM t")
    with (
        db.read(source, batch_rows=10_000) as reader,
        pytest.raises(ProgrammingError, match='table "t" cannot be emptied while the data is read from it'),
    ):
        db.load("t", reader, mode="truncate")
    assert sql("SELECT count(*), sum(hashtext(t::text)) FROM t") == before


def test_a_table_is_emptied_for_what_is_read_from_another_or_was_read_whole(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int4, v text); CREATE TABLE other (id int4, v text)")
    sql("INSERT INTO other SELECT n, 'a text of some length ' || n FROM generate_series(1, 300000) n")
    with db.read("other", batch_rows=10_000) as reader:
        assert db.load("t", reader, mode="truncate").rows == 300_000
    sql("DELETE FROM t WHERE id > 1000")
    with db.read("t") as reader:
        assert db.load("t", reader, mode="truncate").rows == 1_000
    assert sql("SELECT count(*), min(id), max(id) FROM t") == [(1_000, 1, 1_000)]
