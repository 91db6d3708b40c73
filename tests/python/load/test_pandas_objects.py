"""Object columns of pandas frames: each value is converted or refused as in a dict."""

from __future__ import annotations

import asyncio
import datetime as dt
import decimal
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import howdah
from tests.python.case import shown

if TYPE_CHECKING:
    from tests.python.conftest import Sql

D = decimal.Decimal
DAY = dt.date(2020, 1, 2)
NAIVE = dt.datetime(2020, 1, 2, 3, 4, 5, 678)  # noqa: DTZ001  (a timestamp has no zone)
AWARE = NAIVE.replace(tzinfo=dt.timezone(dt.timedelta(hours=2)))
NS = pd.Timestamp(1)
ID = uuid.UUID(int=5)
MIXED: list[tuple[str, list[Any]]] = [
    ("timestamptz", [AWARE, NAIVE]),
    ("timestamptz", [AWARE, AWARE.astimezone(dt.UTC), pd.Timestamp(AWARE)]),
    ("timestamp", [NAIVE, AWARE]),
    ("timestamp", [NAIVE, DAY]),
    ("timestamp", [NAIVE, pd.Timestamp(NAIVE), pd.NaT]),
    ("timestamp", [NAIVE, NS]),
    ("date", [DAY, NAIVE]),
    ("date", [DAY, None, dt.date.max]),
    ("time", [dt.time(1), dt.time(1, tzinfo=dt.UTC)]),
    ("time", [dt.time(1), dt.time(1, 2, 3, 4)]),
    ("interval", [dt.timedelta(1), pd.Timedelta(days=2, hours=1)]),
    ("interval", [dt.timedelta(1), pd.Timedelta(1, "ns")]),
    ("interval", [dt.timedelta(1), 5]),
    ("numeric(10,2)", [D("1.2"), 3, D("1.234")]),
    ("numeric", [D("1.5"), 2, 0.1, D("NaN"), D("1E-30"), 10**40]),
    ("numeric", [D("1.5"), "2"]),
    ("text", ["a", b"b"]),
    ("text", ["a", 5]),
    ("text", ["a", "\ud800"]),
    ("bytea", [b"a", "b"]),
    ("bytea", [b"a", bytearray(b"b"), memoryview(b"c")]),
    ("bool", [True, 1]),
    ("int8", [1, True]),
    ("int8", [1, 2.0]),
    ("int4", [1, 2**40]),
    ("int4", [1, None, np.int16(7)]),
    ("float8", [1.5, 2, np.float32(0.5)]),
    ("float8", [1.5, 2**53 + 1]),
    ("jsonb", [{"a": [1, None]}, [1, 2], None]),
    ("uuid", [ID, str(ID), None]),
    ("uuid", [ID, "nothing"]),
    ("int4[]", [[1, None], None, [], (2,)]),
    ("int4[]", [[1], [2, "x"]]),
    ("timestamptz[]", [[AWARE], [AWARE, NAIVE]]),
    ("int4range", [howdah.Range(1, 5), None]),
    ("int4range", [howdah.Range(1, 5), 5]),
]


def outcome(db: howdah.Database, sql: Sql, data: Any) -> Any:
    """Load into `t`: give what it holds, or the error with its column and row."""
    sql("TRUNCATE t")
    try:
        db.load("t", data)
    except howdah.Error as error:
        assert sql("SELECT count(*) FROM t") == [(0,)]
        return type(error), getattr(error, "column", None), getattr(error, "row", None), str(error)
    return sql("SELECT n, v::text FROM t ORDER BY n")


def frame(values: list[Any]) -> pd.DataFrame:
    """Give a frame with a column of objects beside one that has a type."""
    return pd.DataFrame({"n": range(len(values)), "v": pd.Series(values, dtype=object)})


@pytest.mark.parametrize(("declared", "values"), MIXED, ids=shown)
def test_objects_of_a_frame_go_the_way_of_the_same_values_in_dicts(
    db: howdah.Database, sql: Sql, declared: str, values: list[Any]
) -> None:
    sql(f"CREATE TABLE t (n int, v {declared})")
    # What pandas means by nothing is NULL in either.
    rows = [{"n": n, "v": value} for n, value in enumerate(values)]
    assert outcome(db, sql, frame(values)) == outcome(db, sql, rows)


@pytest.mark.parametrize("mode", ["create", "replace"])
@pytest.mark.parametrize(
    "values",
    [
        [AWARE, NAIVE],
        [DAY, NAIVE],
        ["a", b"b"],
        [True, 1],
        [dt.timedelta(1), 5],
        [1, 2.5, None],
        [D("1.5"), 2],
        [{"a": 1}, None],
        [[1], [2, None]],
        [None] * 2000 + [DAY],
        [None] * 2000 + [DAY, NAIVE],
        [ID, None],
        [None, None],
    ],
    ids=shown,
)
def test_table_made_of_objects_is_that_of_the_same_values_in_dicts(
    db: howdah.Database, sql: Sql, values: list[Any], mode: Any
) -> None:
    def made(data: Any) -> Any:
        sql("DROP TABLE IF EXISTS made")
        try:
            db.load("made", data, mode=mode)
        except howdah.Error as error:
            return type(error), str(error)
        return (
            sql("SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'made'::regclass AND attnum > 0"),
            sql("SELECT n, v::text FROM made ORDER BY n"),
        )

    rows = [{"n": n, "v": value} for n, value in enumerate(values)]
    if values[:1000] == [None] * 1000:
        # Of rows only the first thousand are looked at: they are the others here.
        rows.reverse()
    in_frame, in_dicts = made(frame(values)), made(rows)
    if isinstance(in_frame[0], type):
        assert in_frame[0] is in_dicts[0]
        assert f'column "v", row {len(values) - 1 if len(values) > 1000 else 1}' in in_frame[1]
    else:
        assert in_frame == in_dicts


@pytest.mark.parametrize(
    "declared", ["text", "int4", "float8", "numeric(5,2)", "date", "timestamptz", "jsonb", "int4[]"]
)
def test_what_pandas_means_nothing_by_is_null_in_every_type(db: howdah.Database, sql: Sql, declared: str) -> None:
    sql(f"CREATE TABLE t (n int, v {declared})")
    values = [None, float("nan"), np.float32("nan"), pd.NA, pd.NaT, np.datetime64("NaT"), np.timedelta64("NaT")]
    assert outcome(db, sql, frame(values)) == [(n, None) for n in range(len(values))]


def test_infinity_of_a_frame_stays_one(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (n int, v float8)")
    assert outcome(db, sql, frame([float("inf"), 1])) == [(0, "Infinity"), (1, "1")]


def test_text_of_a_frame_is_the_same_whatever_its_dtype(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (n int, v jsonb)")
    # Text of a frame is JSON text, as text of Arrow is.
    values = ['{"a": 1}', None, "5"]
    expected = [(0, '{"a": 1}'), (1, None), (2, "5")]
    for dtype in (object, "str", "string", "string[pyarrow]", "category", pd.CategoricalDtype(values[::2])):
        assert outcome(db, sql, frame(values).astype({"v": dtype})) == expected


def test_arrays_and_times_of_numpy_in_a_frame_are_lists_and_times(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (n int, v int8[])")
    values = [np.array([1, 2]), np.array([], dtype=np.int16), None, [np.int64(3)], np.array([4, None], dtype=object)]
    assert outcome(db, sql, frame(values)) == [(0, "{1,2}"), (1, "{}"), (2, None), (3, "{3}"), (4, "{4,NULL}")]
    assert outcome(db, sql, frame([np.array([1.5])]))[1:3] == ("v", 0)
    sql("ALTER TABLE t ALTER v TYPE timestamp[] USING NULL")
    times = np.array(["2020-01-02T03:04:05.000006", "NaT"], dtype="datetime64[ns]")
    assert outcome(db, sql, frame([times])) == [(0, '{"2020-01-02 03:04:05.000006",NULL}')]
    kind, column, row, _ = outcome(db, sql, frame([times, np.array([1], dtype="datetime64[ns]")]))
    assert (kind, column, row) == (howdah.DataError, "v", 1)
    sql("ALTER TABLE t ALTER v TYPE timestamp USING NULL")
    assert outcome(db, sql, frame([np.datetime64("2020-01-02", "D")])) == [(0, "2020-01-02 00:00:00")]
    assert outcome(db, sql, frame([NAIVE, np.datetime64(1, "ns")]))[1:3] == ("v", 1)
    sql("ALTER TABLE t ALTER v TYPE interval USING NULL")
    assert outcome(db, sql, frame([np.timedelta64(36, "h")])) == [(0, "1 day 12:00:00")]


def test_exception_of_pandas_is_an_error_with_column_and_row(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (n int, v timestamp)")
    # pandas has the first of them, and no datetime of Python's has it; the second is out of pandas' bounds.
    for value in (np.datetime64(10**6, "Y"), np.datetime64(10**15, "D")):
        kind, column, row, says = outcome(db, sql, frame([NAIVE, value]))
        assert (kind, column, row) == (howdah.DataError, "v", 1)
        assert 'column "v", row 1' in says


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("timestamp", pd.Timestamp(np.datetime64("-0043-03-15", "s"))),
        ("timestamp", pd.Timestamp(np.datetime64("12020-05-06", "s"))),
        ("timestamptz", pd.Timestamp(np.datetime64("12020-05-06", "s")).tz_localize("UTC")),
        ("interval", pd.Timedelta(np.timedelta64(10**9 + 5, "D").astype("timedelta64[s]"))),
    ],
    ids=["before", "after", "aware", "span"],
)
def test_time_of_pandas_beyond_those_of_python_is_refused(
    db: howdah.Database, sql: Sql, declared: str, value: Any
) -> None:
    sql(f"CREATE TABLE t (n int, v {declared})")
    for data in (frame([None, value]), [{"n": 0, "v": None}, {"n": 1, "v": value}]):
        kind, column, row, _ = outcome(db, sql, data)
        assert (kind, column, row) == (howdah.DataError, "v", 1)
    with pytest.raises(howdah.DataError, match=r"parameter \$1"):
        db.execute(f"INSERT INTO t VALUES (0, $1::{declared})", value)


@pytest.mark.parametrize(
    "values",
    [pd.Series([1 + 2j]), pd.Series([pd.Interval(1, 2)]), pd.Series([pd.Interval(1, 2)], dtype="category")],
    ids=lambda v: str(v.dtype)[:20],
)
def test_column_that_has_no_type_is_an_error_of_ours_that_names_it(
    db: howdah.Database, sql: Sql, values: pd.Series[Any]
) -> None:
    sql("CREATE TABLE t (n int, v text)")
    with pytest.raises(howdah.Error, match='column "v"'):
        db.load("t", pd.DataFrame({"n": [0], "v": values}))


def test_categories_that_are_objects_are_looked_at(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (n int, v date)")
    values = frame([DAY, None, DAY]).astype({"v": "category"})
    assert outcome(db, sql, values) == [(0, str(DAY)), (1, None), (2, str(DAY))]
    categories = pd.CategoricalDtype(pd.Index([DAY, "x"], dtype=object))
    mixed = pd.DataFrame({"n": range(2), "v": pd.Categorical([DAY, "x"], dtype=categories)})
    assert outcome(db, sql, mixed)[1:3] == ("v", 1)


def test_level_of_an_index_that_is_objects_is_looked_at(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (n int, v date)")
    index = pd.Index([DAY, DAY], dtype=object, name="v")
    assert outcome(db, sql, pd.DataFrame({"n": [0, 1]}, index=index)) == [(0, str(DAY)), (1, str(DAY))]
    index = pd.Index([DAY, NAIVE], dtype=object, name="v")
    assert outcome(db, sql, pd.DataFrame({"n": [0, 1]}, index=index))[1:3] == ("v", 1)


def test_long_frame_keeps_its_rows_together_and_names_the_bad_one(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (n int, v numeric, w text, d date)")
    rows = 20_000
    columns = {
        "d": pd.Series([DAY + dt.timedelta(n % 1000) for n in range(rows)], dtype=object),
        "n": range(rows),
        "v": pd.Series([D(n) / 4 for n in range(rows)], dtype=object),
        "w": [f"w{n}" for n in range(rows)],
    }
    long = pd.DataFrame(columns)
    assert db.load("t", long).rows == rows
    assert sql("SELECT count(*) FROM t WHERE v = n / 4.0 AND w = 'w' || n AND d = %s::date + n %% 1000", DAY) == [
        (rows,)
    ]
    long.loc[15_000, "d"] = NAIVE
    long.loc[15_001, "v"] = "x"
    with pytest.raises(howdah.ConversionError) as caught:
        db.load("t", long, mode="truncate")
    assert (caught.value.table, caught.value.column, caught.value.row) == ("t", "d", 15_000)
    assert sql("SELECT count(*) FROM t") == [(rows,)]


@pytest.mark.parametrize("empty", [{}, {"n": []}, {"v": []}, {"n": [], "v": []}])
def test_frame_without_rows_loads_nothing(db: howdah.Database, sql: Sql, empty: dict[str, list[Any]]) -> None:
    sql("CREATE TABLE t (n int, v date)")
    data = pd.DataFrame(empty).astype({name: object if name == "v" else int for name in empty})
    assert db.load("t", data).rows == 0


def test_class_made_of_a_frame_is_looked_at_unless_it_exports_itself(db: howdah.Database, sql: Sql) -> None:
    class Own(pd.DataFrame):
        """A frame of somebody's own."""

    class Exported(pd.DataFrame):
        """A frame that is exported as something else."""

        def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
            """Export."""
            return pd.DataFrame({"n": [7]}).__arrow_c_stream__(requested_schema)

    sql("CREATE TABLE t (n int, v date)")
    assert outcome(db, sql, Own(frame([DAY, NAIVE])))[1:3] == ("v", 1)
    assert outcome(db, sql, Exported(frame([DAY]))) == [(7, None)]


@pytest.mark.parametrize("level", ["the column", "another"])
def test_level_of_an_index_named_like_a_column_is_an_error(db: howdah.Database, sql: Sql, level: str) -> None:
    sql("CREATE TABLE t (n int, v text)")
    data = pd.DataFrame({"n": [1, 2], "v": ["a", "b"]})
    data = data.set_index("n", drop=False) if level == "the column" else data.set_index(pd.Index([8, 9], name="n"))
    with pytest.raises(howdah.InterfaceError, match='both named "n"; rename one, or drop the level'):
        db.load("t", data)
    assert db.load("t", data.reset_index(drop=True)).rows == 2


def test_objects_of_a_frame_are_looked_at_under_asyncio(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (n int, v date)")

    async def load() -> None:
        async with howdah.AsyncDatabase(url) as db:
            assert (await db.load("t", frame([DAY, None]))).rows == 2
            await db.load("t", frame([DAY, NAIVE]))

    with pytest.raises(howdah.ConversionError) as caught:
        asyncio.run(load())
    assert (caught.value.column, caught.value.row) == ("v", 1)
