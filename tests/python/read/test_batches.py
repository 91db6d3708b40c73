"""Reading: the schema first, then batch by batch, and a clean connection whatever happens."""

from __future__ import annotations

import contextlib
import gc
from typing import TYPE_CHECKING, Any

import arro3.core
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.conftest import Sql

SERIES = "SELECT n::int4 AS n, n::text AS v FROM generate_series(1, 100000) n"


@pytest.fixture
def one(url: str) -> Iterator[howdah.Database]:
    """Give a database of one connection."""
    with howdah.Database(url, max_size=1, acquire_timeout_s=0.2) as database:
        yield database


def test_schema_is_known_before_the_first_row(url: str, sql: Sql) -> None:
    (key,) = sql("SELECT hashtext(current_schema()::text)")[0]
    sql("SELECT pg_advisory_lock(%s::int8)", key)
    with howdah.Database(url, statement_timeout_s=5) as database:
        query = "SELECT 1::int2 AS a, pg_advisory_xact_lock($1) IS NULL AS b, 1.5::numeric(9,2) AS c"
        reader = database.read(query, key)
        assert isinstance(reader.schema, arro3.core.Schema)
        assert pa.schema(reader.schema) == pa.schema({"a": pa.int16(), "b": pa.bool_(), "c": pa.decimal128(9, 2)})
        sql("SELECT pg_advisory_unlock(%s::int8)", key)
        assert reader.to_arrow().num_rows == 1


@pytest.mark.parametrize(("batch_rows", "sizes"), [(1, [1] * 7), (2, [2, 2, 2, 1]), (7, [7]), (8, [7]), (65_536, [7])])
def test_batches_have_the_rows_asked_for(db: howdah.Database, batch_rows: int, sizes: list[int]) -> None:
    reader = db.read("SELECT n FROM generate_series(1, 7) n", batch_rows=batch_rows)
    batches = list(reader)
    assert all(isinstance(batch, arro3.core.RecordBatch) for batch in batches)
    assert [batch.num_rows for batch in batches] == sizes
    assert [n for batch in batches for n in pa.record_batch(batch)["n"].to_pylist()] == list(range(1, 8))


@pytest.mark.parametrize("batch_rows", [0, -1])
def test_batch_rows_that_make_no_sense_are_refused(db: howdah.Database, batch_rows: int) -> None:
    with pytest.raises((howdah.InterfaceError, ValueError, OverflowError)):
        db.read("SELECT 1", batch_rows=batch_rows)


def test_batches_are_cut_at_64_mib(db: howdah.Database) -> None:
    reader = db.read("SELECT repeat('x', 1000000) AS v FROM generate_series(1, 200)")
    sizes = [batch.num_rows for batch in reader]
    assert sum(sizes) == 200
    assert max(sizes) <= 64 * 2**20 // 1_000_000 + 1
    assert len(sizes) in {3, 4}


@pytest.mark.parametrize("source", ["SELECT 1 AS a WHERE false", "empty"])
def test_no_rows_keep_the_schema(db: howdah.Database, sql: Sql, source: str) -> None:
    sql("CREATE TABLE empty (a int)")
    assert pa.schema(db.read(source).schema).names == ["a"]
    assert sum(batch.num_rows for batch in db.read(source)) == 0
    assert db.read(source).to_arrow().shape == (0, 1)
    assert db.read(source).to_polars().schema == {"a": pl.Int32}
    assert db.read(source).to_pandas().shape == (0, 1)


def test_no_columns_keep_the_rows(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE nothing ()")
    sql("INSERT INTO nothing SELECT FROM generate_series(1, 5)")
    for source in ("SELECT FROM generate_series(1, 5)", "nothing"):
        assert sum(batch.num_rows for batch in db.read(source)) == 5
        assert db.read(source, batch_rows=2).to_arrow().num_rows == 5


def test_columns_of_one_name_are_all_read(db: howdah.Database) -> None:
    table = db.read("SELECT 1 AS a, 'x' AS a, 2 AS \"A b\"").to_arrow()
    assert table.column_names == ["a", "a", "A b"]
    assert [column[0].as_py() for column in table.columns] == [1, "x", 2]


@pytest.mark.parametrize("batch_rows", [1, 10, 1000])
def test_reader_closed_early_leaves_the_connection_clean(one: howdah.Database, batch_rows: int) -> None:
    reader = one.read("SELECT generate_series(1, 100000000) AS n", batch_rows=batch_rows)
    next(iter(reader))
    reader.close()
    reader.close()
    with pytest.raises(howdah.InterfaceError, match="closed"):
        list(reader)
    assert one.read("SELECT 7 AS seven").to_arrow().to_pylist() == [{"seven": 7}]


def test_reader_never_begun_and_dropped_gives_the_connection_back(one: howdah.Database) -> None:
    for _ in range(3):
        one.read(SERIES)
        gc.collect()
    with one.read(SERIES) as reader:
        next(iter(reader))
    assert one.execute("SELECT 1") == 1


def test_reader_read_to_its_end_gives_the_connection_back(one: howdah.Database) -> None:
    reader = one.read(SERIES)
    assert sum(batch.num_rows for batch in reader) == 100_000
    assert one.execute("SELECT 1") == 1
    assert list(reader) == []


@pytest.mark.parametrize("consumer", ["to_arrow", "to_polars", "to_pandas", "iterated"])
def test_reader_that_failed_does_not_read_as_empty(one: howdah.Database, consumer: str) -> None:
    reader = one.read("SELECT 100 / (150000 - g) AS x FROM generate_series(1, 200000) g")

    def read() -> Any:
        return list(reader) if consumer == "iterated" else getattr(reader, consumer)()

    with pytest.raises(howdah.DataError, match="division by zero"):
        read()
    for _ in range(2):
        with pytest.raises(howdah.InterfaceError, match="the reader failed before its end"):
            read()
    assert one.fetch_value("SELECT 1") == 1


def test_reader_half_iterated_gives_the_rest(db: howdah.Database) -> None:
    reader = db.read(SERIES, batch_rows=30_000)
    first = next(iter(reader))
    rest = reader.to_arrow()
    assert first.num_rows == 30_000
    assert rest["n"].to_pylist() == list(range(30_001, 100_001))


def counted_by_name(reader: Any) -> int:  # noqa: ARG001  (DuckDB finds it by its name)
    found = duckdb.sql("SELECT count(*) FROM reader")
    assert found is not None
    return int(found.fetchall()[0][0])


CONSUMERS: dict[str, Callable[[Any], int]] = {
    "pyarrow": lambda reader: pa.table(reader).num_rows,
    "pyarrow stream": lambda reader: pa.RecordBatchReader.from_stream(reader).read_all().num_rows,
    "polars": lambda reader: pl.DataFrame(reader).height,
    "pandas": lambda reader: len(pd.DataFrame.from_arrow(reader)),  # type: ignore[attr-defined]  # new in pandas 3
    "arro3": lambda reader: arro3.core.Table.from_arrow(reader).num_rows,
    "duckdb": lambda reader: (
        duckdb.from_arrow(pa.RecordBatchReader.from_stream(reader)).aggregate("count(*)").fetchall()[0][0]
    ),
    "duckdb by name": counted_by_name,
}


@pytest.mark.parametrize("consumer", CONSUMERS)
def test_reader_is_taken_by_every_library(db: howdah.Database, consumer: str) -> None:
    assert CONSUMERS[consumer](db.read(SERIES, batch_rows=1000)) == 100_000


def test_to_arrow_polars_and_pandas_agree(db: howdah.Database) -> None:
    query = (
        "SELECT n::int4 AS i, CASE WHEN n % 3 > 0 THEN n::int8 END AS l, n / 7.0::float8 AS f, "
        "(n / 8.0)::numeric(9,3) AS d, "
        "n::text AS t, n % 2 = 0 AS b, DATE '2020-01-01' + n AS day, "
        "TIMESTAMP '2020-01-01' + n * interval '1 s' AS ts, "
        "TIMESTAMPTZ '2020-01-01 00:00Z' + n * interval '1 s' AS tz, ARRAY[n, NULL]::int4[] AS a, "
        "decode(lpad(to_hex(n), 8, '0'), 'hex') AS bytes FROM generate_series(1, 1000) n"
    )
    arrow = db.read(query).to_arrow()
    frame = db.read(query).to_polars()
    pandas = db.read(query).to_pandas()
    assert frame.to_arrow().cast(arrow.schema).equals(arrow)
    assert all(isinstance(dtype, pd.ArrowDtype) for dtype in pandas.dtypes)
    assert pa.Table.from_pandas(pandas, preserve_index=False).cast(arrow.schema).to_pylist() == arrow.to_pylist()


def test_to_pandas_keeps_integers_with_nulls_exact(db: howdah.Database) -> None:
    frame = db.read("SELECT * FROM (VALUES (9007199254740993::int8), (NULL)) v (a)").to_pandas()
    assert frame["a"].tolist()[0] == 2**53 + 1
    assert frame["a"].isna().tolist() == [False, True]


def test_to_polars_of_json_uuid_enum_and_numeric_is_usable(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    frame = db.read(
        "SELECT '{}'::jsonb AS j, 'ok'::mood AS m, 1.5::numeric AS n, repeat('1', 32)::uuid AS u"
    ).to_polars()
    assert frame["m"].to_list() == ["ok"]
    assert frame["j"].to_list() == ["{}"]
    assert frame.height == 1


def test_to_polars_of_what_polars_lacks_says_so(db: howdah.Database) -> None:
    with pytest.raises(howdah.NotSupportedError, match="span"):
        db.read("SELECT interval '1 month' AS span").to_polars()
    assert db.read("SELECT interval '1 month' AS span", out_of_range="string").to_polars()["span"].to_list() == [
        "1 mon"
    ]


def test_table_is_read_by_its_name(db: howdah.Database, sql: Sql) -> None:
    sql('CREATE TABLE "T x" (a int, b int GENERATED ALWAYS AS (a + 1) STORED); INSERT INTO "T x" VALUES (1)')
    sql('CREATE VIEW v AS SELECT a * 10 AS a FROM "T x"')
    assert db.read("v").to_arrow().to_pylist() == [{"a": 10}]
    with pytest.raises(howdah.ProgrammingError, match="nowhere"):
        db.read("nowhere").to_arrow()


@pytest.mark.parametrize("statement", ["CREATE TABLE t (a int)", "SELECT 1; SELECT 2", "", "   ", "BEGIN"])
def test_statement_that_gives_no_table_is_an_error_or_nothing(one: howdah.Database, statement: str) -> None:
    with contextlib.suppress(howdah.Error):
        assert one.read(statement).to_arrow().num_rows == 0
    assert one.read("SELECT 7 AS seven").to_arrow().to_pylist() == [{"seven": 7}]


def test_insert_returning_is_read_and_stored(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id serial, v text)")
    given = db.read("INSERT INTO t (v) VALUES ($1), ($2) RETURNING id, v", "a", "b").to_arrow().to_pylist()
    assert given == [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]
    assert sql("SELECT id, v FROM t ORDER BY id") == [(1, "a"), (2, "b")]


def test_many_readers_at_once_do_not_mix(db: howdah.Database) -> None:
    readers = [iter(db.read("SELECT $1::int4 AS k FROM generate_series(1, 1000)", k, batch_rows=100)) for k in range(5)]
    for _ in range(10):
        for k, reader in enumerate(readers):
            assert set(pa.record_batch(next(reader))["k"].to_pylist()) == {k}


def test_table_with_white_space_in_a_quoted_name_is_read(db: howdah.Database, sql: Sql) -> None:
    [(schema,)] = sql("SELECT current_schema()")
    for table in (f'{schema}."a b"', '"a  b"', f'"{schema}"."a. ""b"', f'{schema}."SELECT 1"'):
        db.load(table, [{"id": 1}], mode="create")
        assert db.read(table).to_arrow().to_pydict() == {"id": [1]}


@pytest.mark.parametrize(
    "query",
    [
        'SELECT t."a b" FROM (SELECT 1 AS "a b") AS t',
        'SELECT\tt."a b"FROM(SELECT 1 AS "a b")AS t',
        'SELECT"a b"FROM(SELECT 1 AS "a b")AS t',
        'SELECT(t."a b")FROM(SELECT 1 AS "a b")AS t',
    ],
)
def test_query_of_quoted_names_is_no_table(db: howdah.Database, query: str) -> None:
    assert db.read(query).to_arrow().to_pydict() == {"a b": [1]}
