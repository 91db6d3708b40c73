"""Types without a codec: loaded as text, which the server casts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import howdah
from tests.python.versions import wants

if TYPE_CHECKING:
    from tests.python.conftest import Sql

# The declaration, its extension, what goes in, and what the server prints of it.
VALUES: dict[str, tuple[str | None, str, str]] = {
    "tsvector": (None, "'b':2A a:1", "'a':1 'b':2A"),
    "tsquery": (None, "a & !b", "'a' & !'b'"),
    "money": (None, "1.5", "$1.50"),
    "regclass": (None, "pg_class", "pg_class"),
    "pg_snapshot": (None, "10:20:10,14", "10:20:10,14"),
    "tsvector[]": (None, '{"a:1","b:2"}', "{'a':1,'b':2}"),
    "searched": (None, '(1,"a & b")', "(1,\"'a' & 'b'\")"),
    "short_words": (None, "a:1", "'a':1"),
    "seg": ("seg", "1.5 .. 2.25", "1.5 .. 2.25"),
    "isbn": ("isn", "0-306-40615-2", "0-306-40615-2"),
    "query_int": ("intarray", "1&(2|3)", "1 & ( 2 | 3 )"),
}


@pytest.fixture
def make(sql: Sql) -> Any:
    sql("CREATE TYPE searched AS (n int, words tsquery)")
    sql("CREATE DOMAIN short_words AS tsvector CHECK (length(VALUE) < 3)")

    def make(declaration: str) -> None:
        if extension := VALUES[declaration][0]:
            wants(extension, sql)
            sql(f"CREATE EXTENSION IF NOT EXISTS {extension}")
        sql(f"CREATE TABLE t (id int PRIMARY KEY, v {declaration}, n numeric(10, 2))")

    return make


def data(form: str, *texts: str | None) -> Any:
    rows = [{"id": place, "v": text, "n": None} for place, text in enumerate(texts)]
    if form == "rows":
        return rows
    schema = {"id": pa.int32(), "v": pa.string(), "n": pa.decimal128(10, 2)}
    return pa.Table.from_pylist(rows, pa.schema(schema.items()))


@pytest.mark.parametrize("form", ["rows", "arrow"])
@pytest.mark.parametrize("declaration", VALUES)
def test_text_is_the_value_that_the_server_casts_it_to(
    db: howdah.Database, sql: Sql, make: Any, declaration: str, form: str
) -> None:
    make(declaration)
    _, text, shown = VALUES[declaration]
    assert db.load("t", data(form, text, None)).inserted == 2
    assert sql("SELECT v::text FROM t ORDER BY id") == [(shown,), (None,)]
    assert db.load("t", data(form, text), mode="truncate").inserted == 1
    report = db.load("t", data(form, None, text), mode="upsert", key="id")
    assert (report.inserted, report.updated) == (1, 1)
    assert sql("SELECT v::text FROM t ORDER BY id") == [(None,), (shown,)]
    read = db.read("SELECT * FROM t ORDER BY id").to_arrow()
    assert db.load("t", read, mode="replace").inserted == 2
    assert sql("SELECT v::text FROM t ORDER BY id") == [(None,), (shown,)]
    if declaration != "short_words":
        db.load("made", db.read("SELECT * FROM t ORDER BY id"), mode="create")
        same = (
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attname = 'v' AND attrelid = %s::regclass"
        )
        assert sql(same, "made") == sql(same, "t")
        assert sql("SELECT v::text FROM made ORDER BY id") == [(None,), (shown,)]


@pytest.mark.parametrize("mode", ["append", "truncate", "replace", "upsert"])
def test_text_that_is_not_of_the_type_names_its_row(db: howdah.Database, sql: Sql, make: Any, mode: Any) -> None:
    make("tsquery")
    sql("INSERT INTO t VALUES (7, 'kept')")
    key = "id" if mode == "upsert" else ()
    with pytest.raises(howdah.Error, match="tsquery") as caught:
        db.load("t", data("arrow", "a", None, "a & b", "a & & b", "also ! &"), mode=mode, key=key)
    ((version,),) = sql("SELECT current_setting('server_version_num')::int / 10000")
    # Before PostgreSQL 16 a statement cannot tell which text is none of a type.
    if version >= 16:
        assert isinstance(caught.value, howdah.DataError)
        assert (caught.value.column, caught.value.row) == ("v", 3)
    assert "howdah_stage" not in str(caught.value)
    assert sql("SELECT id, v::text FROM t") == [(7, "'kept'")]
    with db.transaction() as tx:
        tx.execute("INSERT INTO t VALUES (8, 'kept')")
        with pytest.raises(howdah.Error, match="tsquery"):
            tx.load("t", data("rows", "a & & b"), mode="append")
        assert tx.load("t", data("rows", "a"), mode="append").inserted == 1
        assert tx.load("t", [{"id": 9, "v": "a"}], mode="append").inserted == 1
    assert sql("SELECT count(*) FROM t") == [(4,)]


def test_modifier_and_domain_cut_nothing(db: howdah.Database, sql: Sql, make: Any) -> None:
    make("short_words")
    with pytest.raises(howdah.CheckViolation):
        db.load("t", data("arrow", "a b c d"))
    assert sql("SELECT count(*) FROM t") == [(0,)]


def test_columns_beside_it_are_as_exact_as_without_it(db: howdah.Database, sql: Sql, make: Any) -> None:
    make("tsvector")
    rows = [{"id": 1, "v": "a", "n": None}, {"id": 2, "v": "b", "n": 1.234}]
    with pytest.raises(howdah.DataError, match=r'column "n", row 1: 1\.234 has more'):
        db.load("t", rows)
    sql("ALTER TABLE t ADD k int GENERATED ALWAYS AS IDENTITY, ADD g int GENERATED ALWAYS AS (id + 1) STORED")
    db.load("t", [{"id": 1, "v": "a", "k": 70}, {"id": 2, "v": "b", "k": 71}])
    assert sql("SELECT id, v::text, k, g FROM t ORDER BY id") == [(1, "'a'", 70, 2), (2, "'b'", 71, 3)]


@pytest.mark.parametrize(
    "values",
    [pa.array([1]), pa.array([b"a"]), pa.array([["a"]])],
    ids=str,
)
def test_what_is_no_text_is_refused(db: howdah.Database, sql: Sql, make: Any, values: pa.Array) -> None:
    make("tsvector")
    with pytest.raises(howdah.ProgrammingError, match=r'column "v": expected tsvector as text, got .*; cast it first'):
        db.load("t", pa.table({"id": [1], "v": values}))
    with pytest.raises(howdah.ConversionError, match='column "v", row 0: expected tsvector, got'):
        db.load("t", [{"id": 1, "v": values[0].as_py()}])
    with pytest.raises(howdah.DataError, match="NUL"):
        db.load("t", [{"id": 1, "v": "\0"}])
    assert sql("SELECT count(*) FROM t") == [(0,)]


def test_text_of_another_type_is_refused(db: howdah.Database, make: Any) -> None:
    make("tsvector")
    with pytest.raises(howdah.ProgrammingError, match=r"expected tsvector as text, got arrow\.opaque tsquery"):
        db.load("t", db.read("SELECT 1 AS id, 'a'::tsquery AS v"))


def test_load_casts_for_asyncio(url: str, sql: Sql, make: Any) -> None:
    make("tsquery")

    async def load() -> None:
        async with howdah.AsyncDatabase(url) as db:
            assert (await db.load("t", data("rows", "a", "b"))).inserted == 2
            with pytest.raises(howdah.Error, match="tsquery"):
                await db.load("t", data("rows", "& a"), mode="truncate")

    asyncio.run(load())
    assert sql("SELECT v::text FROM t ORDER BY id") == [("'a'",), ("'b'",)]
