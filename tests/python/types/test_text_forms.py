"""Types that Arrow and Python hold as text: binary in between, the server's own text at both ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import howdah
from tests.python.versions import wants

if TYPE_CHECKING:
    from tests.python.conftest import Sql
    from tests.python.types.conftest import Column

EXTENSIONS = {"citext": "citext", "ltree": "ltree", "lquery": "ltree", "ltxtquery": "ltree", "cube": "cube"}
# What goes in, and what the server prints of it.
VALUES: dict[str, list[tuple[str, str]]] = {
    "bit(5)": [("10101", "10101"), ("00000", "00000")],
    "varbit": [("", ""), ("1010101011", "1010101011")],
    '"char"': [("a", "a"), ("", ""), ("\\377", "\\377")],
    "macaddr": [("08:00:2b:01:02:03", "08:00:2b:01:02:03"), ("0800-2B01-0203", "08:00:2b:01:02:03")],
    "macaddr8": [("08:00:2b:01:02:03", "08:00:2b:ff:fe:01:02:03")],
    "pg_lsn": [("16/b374d848", "16/B374D848")],
    "tid": [("(4294967295,65535)", "(4294967295,65535)")],
    "jsonpath": [("$.a[*] ? (@ > 1)", '$."a"[*]?(@ > 1)')],
    "refcursor": [("très long", "très long")],
    "citext": [("AbC", "AbC")],
    "ltree": [("a.b.c_1", "a.b.c_1"), ("", "")],
    "lquery": [("a.*{1,2}", "a.*{1,2}")],
    "ltxtquery": [("a & b", "a & b")],
    "point": [("(0.1,-0)", "(0.1,-0)"), ("1e-300,NaN", "(1e-300,NaN)"), ("(Infinity,5e-324)", "(Infinity,5e-324)")],
    "line": [("{1,-1,0.1}", "{1,-1,0.1}"), ("[(0,0),(1,3)]", "{3,-1,0}"), ("(0.5,0),(0.5,7)", "{-1,0,0.5}")],
    "lseg": [("(1,2),(3,4)", "[(1,2),(3,4)]")],
    "box": [("(1,2),(3,4)", "(3,4),(1,2)")],
    "path": [("[(1,2),(3,4)]", "[(1,2),(3,4)]"), ("(1,2),(3,4)", "((1,2),(3,4))")],
    "polygon": [("((1,2),(3,4),(5,6.25))", "((1,2),(3,4),(5,6.25))")],
    "circle": [("<(1,2),3>", "<(1,2),3>"), ("((1,2),0)", "<(1,2),0>")],
    "cube": [("(1,2),(3,4.5)", "(1, 2),(3, 4.5)"), ("0.1", "(0.1)")],
}
# A value that is not of the type, and what the error says.
REFUSED: dict[str, list[tuple[Any, str]]] = {
    "bit(5)": [("1010", "4 bits for bit(5)"), ("abcde", "not all 0 or 1"), (21, "expected")],
    "varbit(3)": [("1010", "4 bits for bit varying(3)")],
    '"char"': [("ab", "one byte"), ("é", "one byte")],
    "macaddr": [("08:00", "write it as in 08:00:2b:01:02:03")],
    "pg_lsn": [("1", "16/B374D848")],
    "tid": [("1,2", "(42,7)")],
    "jsonpath": [("$\0", "NUL")],
    "point": [("(1)", "(1.5,2)"), ("(1e400,0)", "(1.5,2)"), ((1.0, 2.0), "expected point, got tuple")],
    "circle": [("<(1,2),-3>", "<(1,2),3>")],
    "line": [("(1,2),(1,2)", "Ax + By + C = 0")],
    "cube": [("x", "(1, 2),(3, 4)")],
}


def prepare(sql: Sql, declaration: str) -> None:
    if extension := EXTENSIONS.get(declaration):
        wants(extension, sql)
        sql(f"CREATE EXTENSION IF NOT EXISTS {extension}")


@pytest.mark.parametrize("declaration", VALUES)
def test_value_by_every_path_is_what_the_server_prints(
    db: howdah.Database, sql: Sql, column: Column, declaration: str
) -> None:
    prepare(sql, declaration)
    given = [value for value, _ in VALUES[declaration]]
    shown = [text for _, text in VALUES[declaration]]
    for road in ("rows", "tuples", "arrow"):
        values = pa.array([*given, None]) if road == "arrow" else [*given, None]
        assert column.load(declaration, values, road) == [*shown, None]
    frame = column.read()
    assert frame.to_pylist() == [*shown, None]
    assert column.load(declaration, frame) == [*shown, None]
    assert column.load(f"{declaration}[]", [given, None, []], "rows")[1] is None
    assert column.read().to_pylist() == [shown, None, []]
    assert db.fetch(f"SELECT v FROM {column.table} ORDER BY n") == [{"v": shown}, {"v": None}, {"v": []}]
    for value, text in VALUES[declaration]:
        db.execute(f"INSERT INTO {column.table} VALUES (9, ARRAY[$1::{declaration}])", value)
        assert db.fetch_value(f"SELECT ($1::{declaration})::text", value) == (
            text.rstrip() if declaration == '"char"' else text
        )
        assert db.fetch_value(f"SELECT $1::{declaration}", value) == text


@pytest.mark.parametrize("declaration", REFUSED)
def test_value_of_another_shape_is_an_error_that_says_what_to_write(
    db: howdah.Database, sql: Sql, declaration: str
) -> None:
    prepare(sql, declaration)
    sql(f"CREATE TABLE t (v {declaration})")
    for value, says in REFUSED[declaration]:
        with pytest.raises(howdah.DataError, match=r"column \"v\", row 1:") as caught:
            db.load("t", [{"v": None}, {"v": value}])
        assert says in str(caught.value)
        if isinstance(value, str):
            with pytest.raises(howdah.DataError, match=r"column \"v\", row 1:"):
                db.load("t", pa.table({"v": pa.array([None, value])}))
        with pytest.raises(howdah.Error):
            db.execute("INSERT INTO t VALUES ($1)", value)
    assert sql("SELECT count(*) FROM t") == [(0,)]


def test_floats_of_a_point_do_not_depend_on_settings(db: howdah.Database) -> None:
    with db.transaction():
        db.execute("SET LOCAL extra_float_digits = 0")
        for kind, text in {"point": "(0.1234567890123456,1e-300)", "circle": "<(0.1234567890123456,0),1>"}.items():
            assert db.fetch_value(f"SELECT '{text}'::{kind}") == text
            assert db.read(f"SELECT '{text}'::{kind} AS v").to_arrow().to_pylist() == [{"v": text}]


def test_table_made_of_what_was_read_has_the_same_types(db: howdah.Database, sql: Sql) -> None:
    kinds = [
        "varbit",
        "macaddr",
        "macaddr8",
        "pg_lsn",
        "tid",
        "jsonpath",
        "refcursor",
        "point",
        "line",
        "box",
        "circle",
    ]
    columns = ", ".join(f"c{index} {kind}" for index, kind in enumerate(kinds))
    sql(f'CREATE TABLE t ({columns}, last "char")')
    db.load("u", db.read("t"), mode="create")
    kept = sql(
        "SELECT a.attrelid::regclass::text, array_agg(format_type(atttypid, atttypmod) ORDER BY attnum) "
        "FROM pg_attribute a WHERE attrelid IN ('t'::regclass, 'u'::regclass) AND attnum > 0 GROUP BY 1 ORDER BY 1"
    )
    assert kept[0][1] == kept[1][1]


def test_transaction_ids_are_integers_of_their_width(db: howdah.Database, column: Column) -> None:
    for kind, arrow, greatest in (
        ("xid", pa.uint32(), 2**32 - 1),
        ("cid", pa.uint32(), 2**32 - 1),
        ("xid8", pa.uint64(), 2**64 - 1),
    ):
        assert column.load(kind, [0, greatest, None], "rows") == ["0", str(greatest), None]
        assert column.read().equals(pa.array([0, greatest, None], arrow))
        assert column.load(kind, pa.array([7, greatest], pa.uint64())) == ["7", str(greatest)]
        assert db.fetch_value(f"SELECT $1::{kind}", greatest) == greatest
        with pytest.raises(howdah.DataError, match="out of range"):
            column.load(kind, [greatest + 1], "rows")
        with pytest.raises(howdah.DataError, match="out of range"):
            db.fetch_value(f"SELECT $1::{kind}", -1)
