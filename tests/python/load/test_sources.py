"""Sources of rows: frames of every library, and iterables of every kind of row."""

from __future__ import annotations

import datetime as dt
import decimal
import itertools
from collections import OrderedDict, UserDict, namedtuple
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import arro3.core
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.python.conftest import Sql

EXPECTED = [(1, "a", 1.5), (2, None, None), (3, "é", -0.5)]
COLUMNS: dict[str, list[Any]] = {"id": [1, 2, 3], "name": ["a", None, "é"], "x": [1.5, None, -0.5]}
ARROW = pa.table(COLUMNS)


def stream() -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(ARROW.schema, ARROW.to_batches(max_chunksize=1))


class OnlyStream:
    """Something of nobody's library that speaks the PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export."""
        return ARROW.__arrow_c_stream__(requested_schema)


FRAMES = {
    "pyarrow table": lambda: ARROW,
    "pyarrow batch": lambda: ARROW.to_batches()[0],
    "pyarrow reader": stream,
    "pyarrow scanner": lambda: ds.dataset(ARROW).scanner(),
    "polars frame": lambda: pl.DataFrame(COLUMNS),
    "polars lazy": lambda: pl.DataFrame(COLUMNS).lazy().filter(pl.col("id") > 0).collect(),
    "pandas": lambda: pd.DataFrame(COLUMNS).astype({"id": "int64"}).convert_dtypes(dtype_backend="pyarrow"),
    "pandas numpy": lambda: pd.DataFrame(COLUMNS),
    "duckdb": lambda: duckdb.from_arrow(ARROW),
    "arro3 table": lambda: arro3.core.Table.from_arrow(ARROW),
    "arro3 reader": lambda: arro3.core.RecordBatchReader.from_stream(ARROW),
    "capsule": OnlyStream,
}


@pytest.fixture(autouse=True)
def table(sql: Sql) -> None:
    """Make the table."""
    sql("CREATE TABLE t (id int, name text, x float8)")


@pytest.mark.parametrize("form", FRAMES)
def test_frame_of_every_library_goes_in(db: howdah.Database, sql: Sql, form: str) -> None:
    assert db.load("t", FRAMES[form]()).rows == 3
    assert sql("SELECT id, name, x FROM t ORDER BY id") == EXPECTED


def test_scanner_of_a_dataset_goes_in(db: howdah.Database, sql: Sql) -> None:
    assert db.load("t", ds.dataset(ARROW).scanner(filter=ds.field("id") > 1).to_reader()).rows == 2
    assert sql("SELECT count(*) FROM t") == [(2,)]


@pytest.mark.parametrize("index", [[7, 8, 9], [0, 2, 3], ["a", "b", "c"]])
def test_pandas_index_without_a_name_stays_out(db: howdah.Database, sql: Sql, index: list[Any]) -> None:
    frame = pd.DataFrame(COLUMNS).set_index(pd.Index(index))
    assert db.load("t", frame[frame["id"] != 2]).rows == 2
    assert sql("SELECT id FROM t ORDER BY id") == [(1,), (3,)]
    db.load("made", frame[frame["id"] != 2], mode="create")
    assert [
        name
        for (name,) in sql(
            "SELECT attname FROM pg_attribute WHERE attrelid = 'made'::regclass AND attnum > 0 ORDER BY attnum"
        )
    ] == [*COLUMNS]


@pytest.mark.parametrize("keys", [[1, 2, 3], [1, 3, 2]])
def test_pandas_index_goes_in_by_its_name(db: howdah.Database, sql: Sql, keys: list[int]) -> None:
    frame = pd.DataFrame({**COLUMNS, "id": keys})
    expected = sorted(zip(keys, COLUMNS["name"], strict=True))
    assert db.load("t", frame.set_index("id")).rows == 3
    assert sql("SELECT id, name FROM t ORDER BY id") == expected
    assert db.load("t", frame.set_index(["id", "name"]), mode="truncate").rows == 3
    assert sql("SELECT id, name FROM t ORDER BY id") == expected
    # A level without a name stays out.
    both = frame.set_index("id").set_index(pd.Index([5, 6, 9]), append=True)
    assert db.load("t", both, mode="truncate").rows == 3
    assert sql("SELECT id, name FROM t ORDER BY id") == expected


def test_pandas_levels_of_odd_names_go_in_by_them(db: howdah.Database, sql: Sql) -> None:
    index = pd.MultiIndex.from_tuples([(7, "a"), (8, "b")], names=[1, "0"])
    db.load("odd", pd.DataFrame({"x": [1, 2]}, index=index), mode="create")
    assert sql('SELECT "1", "0", x FROM odd ORDER BY x') == [(7, "a", 1), (8, "b", 2)]
    grouped = pd.DataFrame({"v": [1, 1, 2], "w": [3, 4, 5]}).groupby("v").agg({"w": ["min", "max"]})
    db.load("made", grouped, mode="create")
    assert sql("SELECT * FROM made ORDER BY v") == [(1, 3, 4), (2, 5, 5)]
    twice = pd.DataFrame({"x": [1]}, index=pd.MultiIndex.from_tuples([(1, 2)], names=["k", "k"]))
    with pytest.raises(howdah.InterfaceError, match='two levels of the index are named "k"'):
        db.load("made", twice)


class Corrupt:
    """Cannot be exported."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Fail."""
        message = "file xyz is corrupt"
        raise ValueError(message)


def test_error_of_an_export_is_raised_as_it_is(db: howdah.Database) -> None:
    with pytest.raises(ValueError, match=r"^file xyz is corrupt$"):
        db.load("t", Corrupt())


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (lambda: pl.DataFrame({"id": pl.Series([2**100], dtype=pl.Int128)}), "this Arrow data cannot be read"),
        (lambda: pl.LazyFrame({"id": [1]}), "load the result of its collect\\(\\)"),
    ],
)
def test_data_that_is_not_understood_is_an_error_of_ours(db: howdah.Database, data: Any, says: str) -> None:
    with pytest.raises(howdah.InterfaceError, match=says):
        db.load("t", data())


def test_error_of_a_reader_that_is_loaded_from_keeps_its_class(db: howdah.Database, sql: Sql) -> None:
    query = "SELECT 100 / (150000 - g) AS id FROM generate_series(1, 200000) g"
    with pytest.raises(howdah.DataError, match="division by zero") as caught:
        db.load("t", db.read(query))
    assert caught.value.sqlstate == "22012"
    assert sql("SELECT count(*) FROM t") == [(0,)]
    with db.read("SELECT g AS id FROM generate_series(1, 200000) g") as reader:
        next(iter(reader))
        assert db.load("t", reader).rows == 200000 - 65536
    with pytest.raises(howdah.InterfaceError, match="closed"):
        db.load("t", reader)


def test_polars_types_of_its_own_go_in(db: howdah.Database, sql: Sql) -> None:
    frame = pl.DataFrame(
        {
            "c": pl.Series(["a", "b", None], dtype=pl.Categorical),
            "e": pl.Series(["x", "y", "x"], dtype=pl.Enum(["x", "y"])),
            "d": pl.Series([decimal.Decimal("1.50"), None, decimal.Decimal("2.25")], dtype=pl.Decimal(10, 2)),
            "l": [[1], [], None],
            "s": [dt.timedelta(hours=36), None, dt.timedelta(0)],
            "t": [dt.time(1), None, dt.time(2)],
        }
    )
    db.load("made", frame, mode="create")
    assert sql("SELECT c, e, d::text, l, s::text, t::text FROM made ORDER BY d NULLS LAST") == [
        ("a", "x", "1.50", [1], "36:00:00", "01:00:00"),
        (None, "x", "2.25", None, "00:00:00", "02:00:00"),
        ("b", "y", None, [], None, None),
    ]


@pytest.mark.parametrize("mode", ["append", "create"])
def test_polars_null_column_goes_in(db: howdah.Database, sql: Sql, mode: Any) -> None:
    frame = pl.DataFrame({"id": [1, 2], "name": [None, None]})
    table = "t" if mode == "append" else "made"
    assert db.load(table, frame, mode=mode).rows == 2
    assert sql(f"SELECT id, name FROM {table} ORDER BY id") == [(1, None), (2, None)]


def test_rows_that_read_from_the_database_work(db: howdah.Database, sql: Sql) -> None:
    def rows() -> Iterator[tuple[int, str, float]]:
        for n in range(5):
            found = db.read("SELECT $1::int4 AS n", n).to_arrow()["n"][0].as_py()
            yield (
                found,
                db.read("SELECT 'x' AS v").to_polars()["v"][0],
                next(iter(db.read("SELECT 1.5::float8 AS x")))["x"][0].as_py(),
            )

    assert db.load("t", rows()).rows == 5
    assert sql("SELECT id, name, x FROM t ORDER BY id") == [(n, "x", 1.5) for n in range(5)]


class Named(NamedTuple):
    """A row."""

    id: int
    name: str | None
    x: float | None


Old = namedtuple("Old", "id name x")  # noqa: PYI024


@dataclass
class Data:
    """A row."""

    id: int
    name: str | None
    x: float | None = field(default=None)


@dataclass(frozen=True, slots=True)
class Slots:
    """A row."""

    id: int
    name: str | None
    x: float | None


class Own(dict[str, Any]):
    """A dict of somebody's own."""


SHAPES: dict[str, Any] = {
    "dict": lambda *row: dict(zip(COLUMNS, row, strict=True)),
    "dict in another order": lambda *row: dict(reversed(list(zip(COLUMNS, row, strict=True)))),
    "dict subclass": lambda *row: Own(zip(COLUMNS, row, strict=True)),
    "OrderedDict": lambda *row: OrderedDict(zip(COLUMNS, row, strict=True)),
    "UserDict": lambda *row: UserDict(zip(COLUMNS, row, strict=True)),
    "MappingProxyType": lambda *row: MappingProxyType(dict(zip(COLUMNS, row, strict=True))),
    "tuple": lambda *row: row,
    "list": lambda *row: list(row),
    "NamedTuple": Named,
    "namedtuple": Old,
    "dataclass": Data,
    "slots": Slots,
}
HOLDERS: dict[str, Any] = {
    "list": list,
    "tuple": tuple,
    "generator": lambda rows: (row for row in rows),
    "map": lambda rows: map(lambda row: row, rows),  # noqa: C417  (a map is what is tested)
    "chain": lambda rows: itertools.chain(rows, []),
}


@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_row_of_every_shape_goes_in(db: howdah.Database, sql: Sql, shape: str, holder: str) -> None:
    rows: Iterable[Any] = HOLDERS[holder]([SHAPES[shape](*row) for row in EXPECTED])
    assert db.load("t", rows).rows == 3
    assert sql("SELECT id, name, x FROM t ORDER BY id") == EXPECTED


@pytest.mark.parametrize("shape", ["NamedTuple", "dataclass"])
def test_named_rows_go_by_name(db: howdah.Database, sql: Sql, shape: str) -> None:
    sql("CREATE TABLE other (x float8, more int DEFAULT 5, name text, number int)")
    db.load("other", [SHAPES[shape](*row) for row in EXPECTED], columns={"id": "number"})
    assert sql("SELECT number, name, x FROM other ORDER BY number") == EXPECTED


Turned = namedtuple("Turned", "x id name")  # noqa: PYI024


@dataclass
class More(Data):
    """A row of another class, with the same fields."""

    def shout(self) -> str:
        """Do what the rows of the other class cannot."""
        return f"{self.name}!"


@dataclass
class Backwards:
    """A row of a class that is kin to none."""

    x: float | None
    name: str | None
    id: int


@pytest.mark.parametrize("mode", ["append", "create"])
@pytest.mark.parametrize(
    "rows",
    [
        [Old(1, "a", 1.5), Turned(None, 2, None), Turned(-0.5, 3, "é")],
        [Old(1, "a", 1.5), Named(2, None, None), Turned(-0.5, 3, "é")],
        [Turned(1.5, 1, "a"), Old(2, None, None), Turned(-0.5, 3, "é")],
        [Old(1, "a", 1.5), (2, None, None), [3, "é", -0.5]],
        [Data(1, "a", 1.5), More(2, None), Backwards(-0.5, "é", 3)],
        [Data(1, "a", 1.5), Slots(2, None, None), Data(3, "é", -0.5)],
    ],
    ids=["turned", "three", "turned first", "plain", "dataclasses", "slots"],
)
def test_named_rows_of_several_classes_go_by_name(db: howdah.Database, sql: Sql, rows: list[Any], mode: Any) -> None:
    table = "made" if mode == "create" else "t"
    db.load(table, rows, mode=mode)
    assert sql(f"SELECT id, name, x FROM {table} ORDER BY id") == EXPECTED


def test_named_tuple_after_plain_ones_goes_in_if_it_is_in_order(db: howdah.Database, sql: Sql) -> None:
    db.load("t", [EXPECTED[0], Old(*EXPECTED[1]), Named(*EXPECTED[2])])
    assert sql("SELECT id, name, x FROM t ORDER BY id") == EXPECTED


def test_rows_of_a_set_and_of_dict_values_go_in(db: howdah.Database, sql: Sql) -> None:
    db.load("t", {(1, "a", 1.5)})
    db.load("t", {"k": (2, None, None)}.values())
    assert sql("SELECT count(*) FROM t") == [(2,)]


def test_rows_are_taken_only_once(db: howdah.Database, sql: Sql) -> None:
    rows = iter([(n, "x", None) for n in range(20_000)])
    db.load("t", rows)
    assert list(rows) == []
    assert sql("SELECT count(*), count(DISTINCT id) FROM t") == [(20_000, 20_000)]


def test_pandas_markers_of_what_is_missing_are_null(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE marks (a int, b timestamp, c text)")
    db.load("marks", [{"a": pd.NA, "b": pd.NaT, "c": pd.NA}, {"a": 1, "b": pd.Timestamp("2020-01-01"), "c": "x"}])
    assert sql("SELECT a, b::text, c FROM marks ORDER BY a") == [(1, "2020-01-01 00:00:00", "x"), (None, None, None)]


@pytest.mark.parametrize(
    ("value", "declared", "text"),
    [
        (1, "bigint", "1"),
        (1.5, "double precision", "1.5"),
        ("x", "text", "x"),
        (pd.Timestamp("2020-01-01"), "timestamp without time zone", "2020-01-01 00:00:00"),
        (pd.Timestamp("2020-01-01", tz="UTC"), "timestamp with time zone", "2020-01-01 00:00:00+00"),
        (dt.date(2020, 1, 1), "date", "2020-01-01"),
        ([1, 2], "bigint[]", "{1,2}"),
    ],
    ids=str,
)
@pytest.mark.parametrize("marker", [pd.NA, pd.NaT], ids=str)
def test_pandas_markers_tell_no_type_of_a_table_that_is_made(  # noqa: PLR0917  (the parameters are pytest's)
    db: howdah.Database, sql: Sql, marker: object, value: object, declared: str, text: str
) -> None:
    db.load("made", [{"n": 0, "v": marker}, {"n": 1, "v": value}, {"n": 2, "v": marker}], mode="create")
    assert sql("SELECT pg_typeof(v)::text FROM made LIMIT 1") == [(declared,)]
    assert sql("SELECT v::text FROM made ORDER BY n") == [(None,), (text,), (None,)]


def test_pandas_markers_alone_make_a_column_of_text(db: howdah.Database, sql: Sql) -> None:
    db.load("made", [(pd.NA, pd.NaT)], mode="create", columns={"a": "a", "b": "b"})
    assert sql("SELECT pg_typeof(a)::text, pg_typeof(b)::text, a, b FROM made") == [("text", "text", None, None)]


def test_pandas_markers_in_a_list_are_null_in_a_table_that_is_made(db: howdah.Database, sql: Sql) -> None:
    db.load("made", [{"v": [1, pd.NA, pd.NaT]}], mode="create")
    assert sql("SELECT v FROM made") == [([1, None, None],)]


def test_pandas_timestamp_with_nanoseconds_is_an_error(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE marks (b timestamp)")
    with pytest.raises(howdah.DataError) as caught:
        db.load("marks", [{"b": pd.Timestamp(1)}])
    assert (caught.value.column, caught.value.row) == ("b", 0)
