"""Arrow's extension types: known ones are loaded, others are refused and not loaded as their storage."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from howdah import ProgrammingError

if TYPE_CHECKING:
    import howdah
    from tests.python.conftest import Sql
    from tests.python.load.conftest import Refused


def named(name: str, array: pa.Array, metadata: str = "") -> pa.Table:
    """Make a table whose column is marked as one of an extension that pyarrow does not know itself."""
    mark = {"ARROW:extension:name": name, "ARROW:extension:metadata": metadata}
    return pa.table([array], schema=pa.schema([pa.field("v", array.type, metadata=mark)]))


def opaque(array: pa.Array, name: str, vendor: str) -> pa.Table:
    return pa.table({"v": pa.ExtensionArray.from_storage(pa.opaque(array.type, name, vendor), array)})


def of_duckdb(expression: str) -> pa.Table:
    """Ask DuckDB for what it exports where nothing is to be lost."""
    with duckdb.connect(config={"arrow_lossless_conversion": "true"}) as connection:
        return connection.sql(f"SELECT {expression} AS v").to_arrow_table()


PERIODS = pd.DataFrame({"v": pd.period_range("2020-01", periods=2, freq="M")})
INTEGERS, BYTES = pa.array([1]), pa.array([b"\1" * 16], pa.binary(16))
LISTS = pa.ListArray.from_arrays(
    pa.array([0, 1], pa.int32()),
    INTEGERS,
    pa.list_(pa.field("item", pa.int64(), metadata={"ARROW:extension:name": "acme.money"})),
)
FOREIGN: dict[str, tuple[Any, str, tuple[str, ...]]] = {
    "hugeint": (lambda: of_duckdb("-5::hugeint"), "bytea", ("arrow.opaque", "hugeint", "DuckDB")),
    "bits": (lambda: of_duckdb("'101'::bit"), "bytea", ("arrow.opaque", "bit", "DuckDB")),
    "period": (lambda: pa.Table.from_pandas(PERIODS), "bigint", ("pandas.period",)),
    "pandas": (lambda: PERIODS, "bigint", ("pandas.period",)),
    "own": (lambda: named("acme.money", INTEGERS), "bigint", ("acme.money", "Int64")),
    "dictionary": (lambda: named("acme.money", INTEGERS.dictionary_encode()), "bigint", ("acme.money",)),
    "list": (lambda: pa.table({"v": LISTS}), "bigint[]", ("acme.money",)),
    "opaque number": (lambda: opaque(INTEGERS, "money", "acme"), "numeric", ("money", "acme")),
    "opaque text": (lambda: opaque(pa.array(["x"]), "secret", "acme"), "text", ("secret", "acme")),
    "opaque bytes": (lambda: opaque(BYTES, "macaddr", "PostgreSQL"), "bytea", ("macaddr", "PostgreSQL")),
    "opaque without metadata": (lambda: named("arrow.opaque", INTEGERS, "?"), "bigint", ("arrow.opaque",)),
}


@pytest.mark.parametrize("mode", ["append", "create", "replace"])
@pytest.mark.parametrize("form", FOREIGN)
def test_extension_that_is_not_known_is_refused(
    db: howdah.Database, sql: Sql, refused: Refused, form: str, mode: Any
) -> None:
    make, storage, says = FOREIGN[form]
    sql(f"CREATE TABLE t (v {storage})")
    if mode != "create":
        refused(ProgrammingError, make(), mode=mode, says=('column "v"', *says, "cast it first"))
        return
    with pytest.raises(ProgrammingError) as caught:
        db.load("made", make(), mode=mode)
    for part in ('column "v"', *says, "cast it first"):
        assert part in str(caught.value)
    assert sql("SELECT to_regclass('made')") == [(None,)]


KNOWN: dict[str, tuple[Any, str, str]] = {
    "uuid": (lambda: of_duckdb("'00000000-0000-0000-0000-000000000001'::uuid"), "uuid", "0" * 8),
    "bool8": (lambda: of_duckdb("true"), "boolean", "true"),
    "json": (lambda: pa.table({"v": pa.array(['{"a": 1}'], pa.json_())}), "jsonb", '{"a": 1}'),
    "geometry": (lambda: named("geoarrow.wkb", pa.array([b"\1\2"])), "bytea", "\\x0102"),
    "old geometry": (lambda: named("ogc.wkb", pa.array([b"\1\2"])), "bytea", "\\x0102"),
    "bigquery": (
        lambda: named("google:sqlType:datetime", pa.array([0], pa.timestamp("us"))),
        "timestamp without time zone",
        "1970-01-01 00:00:00",
    ),
    "numeric": (lambda: opaque(pa.array(["1e3"]), "numeric", "PostgreSQL"), "numeric", "1000"),
    "printed": (lambda: opaque(pa.array(["((0,0),(1,1))"]), "polygon", "PostgreSQL"), "polygon", "((0,0)"),
    "tensor": (
        lambda: pa.table({"v": pa.FixedShapeTensorArray.from_numpy_ndarray(pa.array([1, 2]).to_numpy().reshape(1, 2))}),
        "bigint[]",
        "{1,2}",
    ),
}


@pytest.mark.parametrize("mode", ["append", "create"])
@pytest.mark.parametrize("form", KNOWN)
def test_extension_that_is_known_goes_in(db: howdah.Database, sql: Sql, form: str, mode: Any) -> None:
    make, declared, text = KNOWN[form]
    if mode == "append":
        sql(f"CREATE TABLE t (v {declared})")
    db.load("t", make(), mode=mode)
    [(made, shown)] = sql("SELECT pg_typeof(v)::text, v::text FROM t")
    assert made == declared
    assert shown.startswith(text)


def test_text_of_any_extension_goes_into_a_column_of_text(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (v text)")
    db.load("t", named("acme.email", pa.array(["a@b"])))
    assert sql("SELECT v FROM t") == [("a@b",)]


def test_printed_text_of_another_type_is_no_numeric(refused: Refused, sql: Sql) -> None:
    sql("CREATE TABLE t (v numeric)")
    refused(ProgrammingError, opaque(pa.array(["1"]), "money", "PostgreSQL"), says=('column "v"', "money"))
