"""Values of every type come back unchanged, as rows and as Arrow data."""

from __future__ import annotations

import datetime as dt
import itertools
import uuid
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import howdah

if TYPE_CHECKING:
    from collections.abc import Iterator

    from howdah import embedded

_serial = itertools.count()
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
NAIVE = st.datetimes()
KINDS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "bool": (pa.bool_(), st.booleans()),
    "int2": (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
    "int4": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "int8": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "oid": (pa.uint32(), st.integers(0, 2**32 - 1)),
    "float4": (pa.float32(), st.floats(width=32, allow_nan=False)),
    "float8": (pa.float64(), st.floats(allow_nan=False)),
    "numeric(7,0)": (pa.decimal128(7, 0), st.decimals(-9_999_999, 9_999_999, places=0)),
    "numeric(18,5)": (pa.decimal128(18, 5), st.decimals(-(10**12), 10**12, places=5)),
    "numeric(38,19)": (pa.decimal128(38, 19), st.decimals(-(10**8), 10**8, places=19)),
    "numeric(60,30)": (pa.decimal256(60, 30), st.decimals(-(10**8), 10**8, places=19)),
    "text": (pa.string(), TEXT),
    "varchar(40)": (pa.string(), TEXT),
    "bytea": (pa.binary(), st.binary(max_size=30)),
    "date": (pa.date32(), st.dates()),
    "time": (pa.time64("us"), st.times()),
    "timestamp": (pa.timestamp("us"), NAIVE),
    "timestamptz": (pa.timestamp("us", "UTC"), NAIVE.map(lambda value: value.replace(tzinfo=dt.UTC))),
    "uuid": (pa.uuid(), st.uuids()),
}


@pytest.fixture(scope="module")
def shared(server: embedded.Server) -> Iterator[howdah.Database]:
    """Give one database for all examples, in a schema that goes with its temporary tables."""
    with howdah.Database(server.url, max_size=1, reset=None) as database:
        yield database


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], list[list[Any]]]:
    """Give declarations and rows; some columns are arrays."""
    declarations = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=6))
    cells = []
    for index, declaration in enumerate(declarations):
        cell = st.none() | KINDS[declaration][1]
        if draw(st.booleans()):
            declarations[index] += "[]"
            cell = st.none() | st.lists(cell, max_size=4)
        cells.append(cell)
    rows = draw(st.lists(st.tuples(*cells), min_size=1, max_size=12))
    return declarations, [list(row) for row in rows]


def arrow(declaration: str) -> pa.DataType:
    kind = KINDS[declaration.removesuffix("[]")][0]
    return pa.list_(kind) if declaration.endswith("[]") else kind


def same(value: Any) -> Any:
    """Tell the zeros apart, which compare as equal."""
    if isinstance(value, list):
        return [same(item) for item in value]
    return repr(value) if isinstance(value, float) else value


def plain(value: Any) -> Any:
    """Give what pyarrow builds UUIDs of, below lists too."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.bytes if isinstance(value, uuid.UUID) else value


def stored(database: howdah.Database, declarations: list[str], data: Any) -> list[list[Any]]:
    """Load into a new temporary table, and give what is read back in the input's order."""
    name = f"property_{next(_serial)}"
    columns = ", ".join(f"c{n} {declaration}" for n, declaration in enumerate(declarations))
    database.execute(f"CREATE TEMPORARY TABLE {name} ({columns}, n serial)")
    try:
        database.load(name, data)
        table = database.read(f"SELECT * FROM {name} ORDER BY n", batch_rows=5).to_arrow().drop_columns("n")
        for field, declaration in zip(table.schema, declarations, strict=True):
            assert field.type.equals(arrow(declaration)) or declaration.endswith("[]")
        return [list(row.values()) for row in table.to_pylist()]
    finally:
        database.execute(f"DROP TABLE {name}")


@QUICK
@given(tables())
def test_typed_rows_come_back_the_same(shared: howdah.Database, table: tuple[list[str], list[list[Any]]]) -> None:
    declarations, rows = table
    data = [{f"c{n}": value for n, value in enumerate(row)} for row in rows]
    assert same(stored(shared, declarations, data)) == same(rows)


@QUICK
@given(tables(), st.integers(0, 3), st.integers(1, 5))
def test_typed_arrow_comes_back_the_same(
    shared: howdah.Database, table: tuple[list[str], list[list[Any]]], offset: int, chunk: int
) -> None:
    declarations, rows = table
    columns = {}
    for n, declaration in enumerate(declarations):
        if declaration == "uuid[]":
            storage = pa.array([plain(row[n]) for row in rows], pa.list_(pa.binary(16)))
        elif declaration == "uuid":
            storage = pa.array([plain(row[n]) for row in rows], pa.uuid())
        else:
            storage = pa.array([row[n] for row in rows], arrow(declaration))
        columns[f"c{n}"] = storage
    batch = pa.record_batch(columns).slice(offset)
    given_rows = rows[offset:]
    batches = pa.Table.from_batches([batch]).to_batches(max_chunksize=chunk)
    data = pa.Table.from_batches(batches, batch.schema)
    assert same(stored(shared, declarations, data)) == same(given_rows)


@QUICK
@given(st.lists(TEXT, min_size=1, max_size=20))
def test_hostile_strings_are_values(shared: howdah.Database, values: list[str]) -> None:
    assert stored(shared, ["text"], [{"c0": value} for value in values]) == [[value] for value in values]
    found = shared.read("SELECT $1::text AS a, $2::text[] AS b", values[0], values).to_arrow().to_pylist()
    assert found == [{"a": values[0], "b": values}]


# A name has 63 bytes at most; beyond, the server cuts it.
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=15)


@QUICK
@given(NAMES, st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_hostile_strings_are_names(shared: howdah.Database, table: str, names: list[str]) -> None:
    quoted = 'pg_temp."' + table.replace('"', '""') + '"'
    columns = ", ".join('"' + name.replace('"', '""') + '" int4 DEFAULT 5' for name in names)
    shared.execute(f"CREATE TEMPORARY TABLE {quoted.removeprefix('pg_temp.')} ({columns})")
    try:
        row = {name: n for n, name in enumerate(names)}
        shared.load(quoted, [row])
        shared.load(quoted, pa.Table.from_pylist([row]))
        assert shared.read(f"SELECT * FROM {quoted}").to_arrow().to_pylist() == [row, row]
    finally:
        shared.execute(f"DROP TABLE {quoted}")


@QUICK
@given(NAMES)
def test_hostile_name_of_no_table_is_only_a_name(shared: howdah.Database, name: str) -> None:
    with pytest.raises((howdah.ProgrammingError, howdah.InterfaceError)):
        shared.load(f'pg_temp."{name.replace(chr(34), chr(34) * 2)}"', [{"a": 1}])
    assert shared.execute("SELECT 1") == 1
