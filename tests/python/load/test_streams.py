"""Streams of batches: a load is refused if a batch does not match the stream's schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import howdah
from howdah import ConversionError, ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql
    from tests.python.load.conftest import Refused

SCHEMA = pa.schema({"id": pa.int32(), "name": pa.string()})
GOOD = pa.record_batch({"id": pa.array([1, 2], pa.int32()), "name": ["a", "b"]})


class OnlyStream:
    """Something of nobody's library that speaks the PyCapsule interface."""

    def __init__(self, data: Any) -> None:
        """Keep what is exported."""
        self.data = data

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export."""
        return self.data.__arrow_c_stream__(requested_schema)


@pytest.fixture(autouse=True)
def table(sql: Sql) -> None:
    """Make a table with a row in it."""
    sql("CREATE TABLE t (id int, name text); INSERT INTO t VALUES (0, 'Ada')")


OTHERS = {
    "wider": (pa.record_batch({"id": pa.array([1, 2]), "name": ["a", "b"]}), ('"id" of Int32', '"id" of Int64')),
    "unsigned": (pa.record_batch({"id": pa.array([1], pa.uint32()), "name": ["a"]}), ('"id" of UInt32',)),
    "more columns": (GOOD.append_column("x", pa.array([1, 2])), ("the 2 columns", "got 3")),
    "fewer columns": (GOOD.select(["id"]), ("the 2 columns", "got 1")),
    "other names": (GOOD.rename_columns(["id", "nmae"]), ('"name" of Utf8', '"nmae"')),
    "other order": (GOOD.select(["name", "id"]), ('"id" of Int32', '"name"')),
    "other text": (
        pa.record_batch({"id": pa.array([1], pa.int32()), "name": pa.array(["a"], pa.large_string())}),
        ('"name" of LargeUtf8',),
    ),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("before", [0, 1, 3])
def test_batch_unlike_the_schema_of_its_reader_is_refused(refused: Refused, before: int, other: str) -> None:
    batch, says = OTHERS[other]
    reader = pa.RecordBatchReader.from_batches(SCHEMA, [*[GOOD] * before, batch, GOOD])
    refused(ProgrammingError, reader, says=(f"batch {before}:", *says))


@pytest.mark.parametrize("other", ["more columns", "fewer columns"])
def test_batch_of_other_columns_in_a_foreign_stream_is_refused(refused: Refused, other: str) -> None:
    reader = pa.RecordBatchReader.from_batches(SCHEMA, [GOOD, OTHERS[other][0]])
    refused(ProgrammingError, OnlyStream(reader), says=("begins at row 2", "columns"))


def test_batch_whose_parts_are_named_otherwise_goes_in(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE lists (v int[])")
    schema = pa.schema([pa.field("v", pa.list_(pa.field("item", pa.int32())), metadata={"a": "b"})])
    values = pa.ListArray.from_arrays(
        pa.array([0, 1], pa.int32()), pa.array([7], pa.int32()), pa.list_(pa.field("element", pa.int32()))
    )
    batch = pa.RecordBatch.from_arrays([values], names=["v"])
    db.load("lists", pa.RecordBatchReader.from_batches(schema, [batch]))
    assert sql("SELECT v FROM lists") == [([7],)]


def test_reader_of_pyarrow_that_raises_raises_its_own_error(db: howdah.Database, sql: Sql) -> None:
    boom = LookupError("mine")

    def batches() -> Iterator[pa.RecordBatch]:
        yield GOOD
        raise boom

    with pytest.raises(LookupError) as caught:
        db.load("t", pa.RecordBatchReader.from_batches(SCHEMA, batches()))
    assert caught.value is boom
    assert sql("SELECT id FROM t") == [(0,)]


def masked(valid: str) -> pa.StructArray:
    """Make rows, each of which is NULL where there is a 0."""
    arrays = [pa.array(range(len(valid)), pa.int32()), pa.array(["x"] * len(valid))]
    return pa.StructArray.from_arrays(arrays, names=["id", "name"], mask=pa.array([each == "0" for each in valid]))


@pytest.mark.parametrize("mode", ["append", "replace"])
@pytest.mark.parametrize(
    ("data", "row"),
    [
        (pa.chunked_array([masked("101")]), 1),
        (pa.chunked_array([masked("11"), masked("10")]), 3),
        (pa.chunked_array([masked("1101").slice(1)]), 1),
        (pl.Series([{"id": 1, "name": "a"}, None], dtype=pl.Struct({"id": pl.Int32, "name": pl.String})), 1),
    ],
    ids=["one chunk", "two chunks", "slice", "polars"],
)
def test_row_that_is_a_null_struct_is_refused(refused: Refused, mode: Any, data: Any, row: int) -> None:
    refused(ConversionError, data, row=row, says=("expected a row", "NULL"), mode=mode)


def test_rows_of_structs_go_in(db: howdah.Database, sql: Sql) -> None:
    db.load("t", pa.chunked_array([masked("1011").slice(2), masked("1")]), mode="truncate")
    db.load("t", pl.Series([{"id": 9, "name": "p"}], dtype=pl.Struct({"id": pl.Int32, "name": pl.String})))
    assert sql("SELECT id, name FROM t ORDER BY id, name") == [(0, "x"), (2, "x"), (3, "x"), (9, "p")]


def test_stream_of_plain_values_is_refused(refused: Refused) -> None:
    refused(ConversionError, pa.chunked_array([[1, 2]]), says=("a stream of Arrow's Int64", "give it a name"))


NOTHING = GOOD.slice(0, 0)
EMPTY: dict[str, Any] = {
    "reader": lambda: pa.RecordBatchReader.from_batches(SCHEMA, [NOTHING] * 3),
    "table": lambda: pa.Table.from_batches([NOTHING] * 2),
    "scan": lambda: ds.dataset(pa.Table.from_batches([GOOD] * 3)).scanner(filter=ds.field("id") > 5),
    "capsule": lambda: OnlyStream(pa.RecordBatchReader.from_batches(SCHEMA, [NOTHING] * 9)),
}


@pytest.mark.parametrize("mode", ["append", "create", "replace", "truncate", "upsert"])
@pytest.mark.parametrize("form", EMPTY)
def test_batches_that_are_all_empty_store_no_rows(db: howdah.Database, sql: Sql, form: str, mode: Any) -> None:
    sql("ALTER TABLE t ADD PRIMARY KEY (id)")
    table = "made" if mode == "create" else "t"
    report = db.load(table, EMPTY[form](), mode=mode, key="id" if mode == "upsert" else ())
    assert (report.rows, report.inserted, report.updated) == (0, 0, 0)
    assert sql(f"SELECT count(*) FROM {table}") == [(1 if mode in {"append", "upsert"} else 0,)]


OBJECTS = pl.Series("b", [object(), None], dtype=pl.Object)


@pytest.mark.parametrize("mode", ["append", "create", "replace"])
def test_polars_objects_are_refused_by_their_column(db: howdah.Database, sql: Sql, mode: Any) -> None:
    sql("CREATE TABLE raw (a int, b bytea)")
    before = sql("SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace")
    with pytest.raises(ProgrammingError, match=r'column "b".*Object'):
        db.load("made" if mode == "create" else "raw", pl.DataFrame({"a": [1, 2], "b": OBJECTS}), mode=mode)
    assert before == sql(
        "SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
    )
    assert sql("SELECT count(*) FROM raw") == [(0,)]


class Frame(pl.DataFrame):
    """A frame of somebody's own."""


def test_polars_objects_in_a_subclass_are_refused(refused: Refused) -> None:
    refused(ProgrammingError, Frame({"id": [1, 2], "name": OBJECTS}), says=('"name"', "Object"))


@pytest.mark.parametrize(
    ("dtype", "values", "declared", "texts"),
    [
        (pl.List(pl.Null), [[], None, [None]], "text[]", ["{}", None, "{NULL}"]),
        (pl.Array(pl.Null, 2), [[None, None], None], "text[]", ["{NULL,NULL}", None]),
        (pl.Null, [None, None], "text", [None, None]),
    ],
    ids=str,
)
def test_polars_columns_of_nothing_go_in(  # noqa: PLR0917  (the parameters are pytest's)
    db: howdah.Database, sql: Sql, dtype: Any, values: list[Any], declared: str, texts: list[Any]
) -> None:
    frame = pl.DataFrame({"n": range(len(values)), "^v.*$": pl.Series(values, dtype=dtype), "v": ["x"] * len(values)})
    db.load("made", frame, mode="create")
    assert sql('SELECT "^v.*$"::text FROM made ORDER BY n') == [(text,) for text in texts]
    assert sql('SELECT pg_typeof("^v.*$")::text, v FROM made LIMIT 1') == [(declared, "x")]
    sql(f"CREATE TABLE there (n int, v {declared.replace('text', 'int')})")
    db.load("there", frame.drop("v"), columns={"^v.*$": "v"})
    assert sql("SELECT v::text FROM there ORDER BY n") == [(text,) for text in texts]


def test_polars_ranges_without_an_end_go_in(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE ranges (n int, v int4range)")
    frame = pl.DataFrame({"n": [1, 2, 3], "v": [{"lower": 1, "upper": None}, None, {"lower": 3, "upper": None}]})
    assert frame.schema["v"] == pl.Struct({"lower": pl.Int64, "upper": pl.Null})
    for part in (frame, frame.slice(1), pl.concat([frame, frame], rechunk=False)):
        sql("TRUNCATE ranges")
        db.load("ranges", part)
        texts = {1: "[1,)", 2: None, 3: "[3,)"}
        assert sql("SELECT n, v::text FROM ranges ORDER BY n") == sorted((n, texts[n]) for n in part["n"])
