"""Types by name: every spelling is the type that the server means, and values are the same as by `read`."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest
from psycopg.types.enum import EnumInfo

import howdah
from howdah import codec
from tests.python.codec.copies import copy_in, copy_out

if TYPE_CHECKING:
    from tests.python.conftest import Sql

# Types as users write them, each with a value.
VALUES = {
    "boolean": "true",
    "smallint": "-32768",
    "int": "7",
    "int8": "9223372036854775807",
    "oid": "4294967295",
    "real": "1.5",
    "double precision": "-0.1",
    "float": "2.5",
    "float(24)": "2.5",
    "numeric": "1.230",
    "numeric(12,2)": "-1234567890.12",
    "decimal(5)": "99999",
    "numeric(5,-2)": "1234500",
    "numeric(3, 5)": "0.00123",
    "numeric(76,20)": "1.00000000000000000001",
    "text": "é",
    "varchar": "x",
    "varchar(3)": "abc",
    "character varying(3)": "abc",
    "char(3)": "a",
    "character": "a",
    "bpchar": "a b",
    "name": "n",
    "bytea": "\\x00ff",
    "date": "2024-02-29",
    "time": "12:34:56.789",
    "time(0)": "23:59:59",
    "timestamp": "2024-02-29 12:34:56.789",
    "timestamp(3) without time zone": "2024-02-29 12:34:56.789",
    "timestamptz": "2024-02-29 12:34:56.789+02",
    "timestamp(0) with time zone": "2024-02-29 12:34:56+02",
    "interval": "1 mon 2 days 03:04:05.6",
    "interval(2)": "0.25 seconds",
    "interval year to month": "1 year 2 months",
    "interval day to second(1)": "2 days 0.5 seconds",
    "uuid": "00112233-4455-6677-8899-aabbccddeeff",
    "json": '{"a":  1}',
    "jsonb": '{"a": [1, null]}',
    "inet": "10.0.0.1/8",
    "cidr": "10.0.0.0/8",
    "int4range": "[1,5)",
    "numrange": "[0.5,)",
    "tstzmultirange": "{[2024-01-01 00:00+00,2024-01-02 00:00+00)}",
    "int[]": "{1,NULL,3}",
    "integer[][]": "{}",
    "numeric(12,2)[]": "{1.50,NULL}",
    "varchar(3)[]": "{abc}",
    "timestamp(3) with time zone[]": '{"2024-02-29 12:34:56.789+00"}',
    "daterange[]": '{"[2024-01-01,2024-01-02)"}',
}


def columns_at_server(sql: Sql, table: str) -> list[tuple[str, codec.Type]]:
    """Give the names and types of a table's columns, as the documentation shows it."""
    return [
        (name, kind)
        for name, kind in sql(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            f"WHERE attrelid = '{table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        )
    ]


@pytest.fixture
def written(sql: Sql) -> dict[str, codec.Type]:
    """Make a table with a column of each type; give its columns as they were written."""
    columns: dict[str, codec.Type] = {f"c{index}": kind for index, kind in enumerate(VALUES)}
    sql(f"CREATE TABLE t ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
    sql(f"INSERT INTO t VALUES ({', '.join(['%s'] * len(VALUES))})", *VALUES.values())
    sql("INSERT INTO t DEFAULT VALUES")
    return columns


def test_types_by_name_are_those_of_the_server(
    db: howdah.Database, url: str, sql: Sql, written: dict[str, codec.Type]
) -> None:
    expected = db.read("SELECT * FROM t").to_arrow()
    copied = copy_out(url, "SELECT * FROM t")
    with psycopg.connect(url) as connection:
        description = connection.execute("SELECT * FROM t").description or ()
        displayed: Any = [(column.name, column.type_display) for column in description]
    for columns in (written, columns_at_server(sql, "t"), displayed):
        found = codec.decode(copied, columns).to_arrow()
        # The metadata notes the schemas of user-defined types, which only a server knows.
        assert found.schema.equals(expected.schema)
        assert found.equals(expected)


def test_values_of_every_type_go_in_as_the_server_sent_them(
    db: howdah.Database, url: str, sql: Sql, written: dict[str, codec.Type]
) -> None:
    copied = copy_out(url, "SELECT * FROM t")
    assert b"".join(codec.encode(codec.decode(copied, written), written)) == copied
    assert b"".join(codec.encode(db.read("SELECT * FROM t").to_arrow(), columns_at_server(sql, "t"))) == copied
    sql("CREATE TABLE u (LIKE t)")
    assert copy_in(url, "u", codec.decode(copied, written), written) == 2
    same = " AND ".join(f"t.{name}::text IS NOT DISTINCT FROM u.{name}::text" for name in written)
    assert sql(f"SELECT count(*) FROM t JOIN u ON {same}") == [(2,)]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("numeric(5,2)", decimal.Decimal("0.001")),
        ("numeric(5,2)[]", [decimal.Decimal("0.001")]),
        ("timestamp(3)", dt.datetime.fromisoformat("2024-01-01T00:00:00.000100")),
        ("interval(0)", dt.timedelta(milliseconds=100)),
        ("interval year to month", dt.timedelta(days=1)),
    ],
)
def test_value_that_the_server_would_round_is_refused(kind: str, value: Any) -> None:
    with pytest.raises(howdah.DataError, match=r'^column "x", row 0: '):
        list(codec.encode([(value,)], {"x": kind}))


def test_enum_and_arrays_of_it_are_described(url: str, sql: Sql) -> None:
    sql("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    sql("CREATE TABLE t (m mood, a mood[])")
    with psycopg.connect(url) as connection:
        info = EnumInfo.fetch(connection, "mood")
    assert info is not None
    mood = codec.Enum(info.name, info.labels)
    columns: dict[str, codec.Type] = {"m": mood, "a": codec.Array(mood, info.oid)}
    assert copy_in(url, "t", [("ok", ["sad", None]), (None, [])], columns) == 2
    copied = copy_out(url, "SELECT * FROM t")
    found = codec.decode(copied, columns).to_arrow()
    assert found.schema.field("m").type == pa.dictionary(pa.int32(), pa.string())
    assert found.to_pylist() == [{"m": "ok", "a": ["sad", None]}, {"m": None, "a": []}]
    with pytest.raises(howdah.DataError, match="row 1: not a label of mood; its labels are sad, ok"):
        list(codec.encode([("ok", None), ("glad", None)], columns))
    columns["a"] = codec.Array(mood, 1)
    with pytest.raises(howdah.DataError, match='column "a", row 0: '):
        codec.decode(copied, columns).to_arrow()
    columns["a"] = codec.Array(mood, -1)
    with pytest.raises(howdah.InterfaceError, match='column "a": element_oid is not the OID of a type'):
        codec.decode(copied, columns)


def test_domain_is_named_by_its_base_type(url: str, sql: Sql) -> None:
    sql("CREATE DOMAIN price AS numeric(9,2) CHECK (VALUE > 0)")
    sql("CREATE TABLE t (p price)")
    assert copy_in(url, "t", [(5,)], {"p": "numeric(9,2)"}) == 1
    with pytest.raises(psycopg.errors.CheckViolation):
        copy_in(url, "t", [(-5,)], {"p": "numeric(9,2)"})


def test_types_of_extensions_are_known_by_name() -> None:
    columns: dict[str, codec.Type] = {"v": "vector(3)", "h": "public.halfvec", "a": codec.Array("vector(2)", 16_500)}
    row: dict[str, Any] = {"v": [1.0, 2.0, 3.0], "h": [0.5], "a": [[1.0, 2.0], None]}
    found = codec.decode(codec.encode([row], columns), columns).to_arrow()
    assert found.schema.field("v").type == pa.list_(pa.float32(), 3)
    assert found.to_pylist() == [row]
    with pytest.raises(howdah.DataError, match='column "v", row 0: '):
        list(codec.encode([{**row, "v": [1.0]}], columns))
