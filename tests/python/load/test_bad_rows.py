"""Rows that are none, and sources that hold no rows."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest

from howdah import ConversionError, ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import howdah
    from tests.python.conftest import Sql
    from tests.python.load.conftest import Refused

Pair = namedtuple("Pair", ["id", "name"])  # noqa: PYI024  (the untyped kind is tested too)


@dataclass
class Person:
    """A row."""

    id: int
    name: str


@pytest.fixture(autouse=True)
def people(sql: Sql) -> None:
    """Make a table with a row in it."""
    sql("CREATE TABLE t (id int, name text)")
    sql("INSERT INTO t VALUES (1, 'Ada')")


@pytest.mark.parametrize(
    "rows",
    [
        [(1, "a"), (2, "b"), (3,)],
        [(1, "a"), (2, "b"), (3, "c", "d")],
        [(1, "a"), (2, "b"), ()],
        [[1, "a"], [2, "b"], [3, "c", "d"]],
        [{"id": 1}, {"id": 2}, None],
        [(1, "a"), (2, "b"), None],
        [Person(1, "a"), Person(2, "b"), None],
        [{"id": 1}, {"id": 2}, (3,)],
        [(1, "a"), (2, "b"), {"id": 3, "name": "c"}],
        [(1, "a"), (2, "b"), "cd"],
        [Person(1, "a"), Person(2, "b"), {"id": 3, "name": "c"}],
        [{"id": 1}, {"id": 2}, {"id": 3, "name": "c"}],
        [{"id": 1}, {"id": 2}, {"name": "c"}],
        [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3}],
        [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}, {"id": 3, "nmae": "c"}],
        [{"id": 1}, {"id": 2}, {}],
        [{"id": 1}, {"id": 2}, 3],
    ],
    ids=str,
)
def test_row_unlike_the_first_is_named(refused: Refused, rows: list[Any]) -> None:
    error = refused(ConversionError, rows, row=2)
    assert "2" in str(error)


@pytest.mark.parametrize("first", [None, 1, "ab", b"ab", 1.5, Person], ids=str)
def test_first_row_that_is_none_is_named(refused: Refused, first: object) -> None:
    refused(ConversionError, [first], row=0)


@pytest.mark.parametrize("data", [5, None, "rows", b"rows", 1.5, object(), {"id": [1]}, Person(1, "x")], ids=str)
def test_data_that_is_no_rows_is_refused(refused: Refused, data: object) -> None:
    refused(ConversionError, data)


def test_tuple_of_another_length_than_the_table_is_refused_at_once(refused: Refused) -> None:
    refused(ConversionError, [(1, "a", "b")], row=0)


def test_key_that_is_no_text_is_refused(db: howdah.Database, sql: Sql) -> None:
    with pytest.raises((ConversionError, ProgrammingError, TypeError)):
        db.load("t", [{1: 1}])
    assert sql("SELECT count(*) FROM t") == [(1,)]


@pytest.mark.parametrize("mode", ["append", "truncate", "upsert"])
@pytest.mark.parametrize(
    "empty",
    [
        list,
        tuple,
        lambda: iter(()),
        lambda: pa.table({"id": pa.array([], pa.int32()), "name": pa.array([], pa.string())}),
        lambda: pl.DataFrame(schema={"id": pl.Int64, "name": pl.String}),
        lambda: pa.schema({"id": pa.int64()}).empty_table(),
        lambda: pa.table({}),
        pl.DataFrame,
    ],
    ids=[
        "list",
        "tuple",
        "iterator",
        "arrow",
        "polars",
        "one column",
        "arrow without columns",
        "polars without columns",
    ],
)
def test_data_without_rows_stores_none(db: howdah.Database, sql: Sql, mode: Any, empty: Any) -> None:
    sql("ALTER TABLE t ADD PRIMARY KEY (id)")
    report = db.load("t", empty(), mode=mode, key="id" if mode == "upsert" else ())
    assert (report.rows, report.inserted, report.updated) == (0, 0, 0)
    assert sql("SELECT count(*) FROM t") == [(0 if mode == "truncate" else 1,)]


@pytest.mark.parametrize("empty", [[], pa.table({}), pl.DataFrame()], ids=["list", "arrow", "polars"])
def test_create_from_data_without_columns_is_refused(db: howdah.Database, sql: Sql, empty: Any) -> None:
    with pytest.raises(ProgrammingError):
        db.load("new", empty, mode="create")
    assert sql("SELECT to_regclass('new')") == [(None,)]


def test_create_from_an_empty_frame_makes_an_empty_table(db: howdah.Database, sql: Sql) -> None:
    assert db.load("new", pl.DataFrame(schema={"a": pl.Int64, "B c": pl.String}), mode="create").rows == 0
    assert sql('SELECT a, "B c" FROM new') == []


@pytest.mark.parametrize("rows", [[{}], [{}, {}], [()]], ids=str)
def test_rows_without_columns_are_refused(db: howdah.Database, sql: Sql, rows: Any) -> None:
    with pytest.raises((ProgrammingError, ConversionError)):
        db.load("t", rows)
    assert sql("SELECT count(*) FROM t") == [(1,)]


def test_frame_with_rows_and_no_columns_is_refused(refused: Refused) -> None:
    batch = pa.record_batch({"id": [1, 2]}).select([])
    assert batch.num_rows == 2
    refused(ProgrammingError, batch)


class Boom(Exception):  # noqa: N818  (it is what it says)
    """What a caller's own generator raises."""


@pytest.mark.parametrize("at", [0, 1, 100_000])
@pytest.mark.parametrize("mode", ["append", "truncate", "replace", "upsert"])
def test_generator_that_raises_raises_its_own_error(db: howdah.Database, sql: Sql, at: int, mode: Any) -> None:
    sql("ALTER TABLE t ADD PRIMARY KEY (id)")
    before = sql("SELECT xmin::text, t::text FROM t")
    boom = Boom("mine")

    def rows() -> Iterator[Pair]:
        for number in range(at):
            yield Pair(number + 2, "x")
        raise boom

    with pytest.raises(Boom) as caught:
        db.load("t", rows(), mode=mode, key="id" if mode == "upsert" else ())
    assert caught.value is boom
    assert sql("SELECT xmin::text, t::text FROM t") == before
    assert db.load("t", [Pair(2, "b")]).rows == 1


def test_generator_that_raises_leaves_no_new_table(db: howdah.Database, sql: Sql) -> None:
    def rows() -> Iterator[dict[str, int]]:
        yield {"id": 1}
        raise Boom

    with pytest.raises(Boom):
        db.load("new", rows(), mode="create")
    assert sql("SELECT to_regclass('new')") == [(None,)]


def test_arrow_stream_that_raises_leaves_the_table(db: howdah.Database, sql: Sql) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"id": pa.array([2], pa.int32())})
        message = "mine"
        raise Boom(message)

    reader = pa.RecordBatchReader.from_batches(pa.schema({"id": pa.int32()}), batches())
    with pytest.raises(Exception, match="mine"):
        db.load("t", reader)
    assert sql("SELECT id FROM t") == [(1,)]


def test_mapping_that_raises_raises_its_own_error(db: howdah.Database, sql: Sql) -> None:
    class Broken(dict[str, int]):
        def __iter__(self) -> Iterator[str]:
            raise Boom

    with pytest.raises(Boom):
        db.load("t", [Broken(id=1)])
    assert sql("SELECT id FROM t") == [(1,)]
