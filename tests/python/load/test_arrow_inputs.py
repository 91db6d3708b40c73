"""Every Arrow layout of a column: views, dictionaries, run-end encoding, lists, slices, many batches."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any

import arro3.core
import pyarrow as pa
import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql

D = decimal.Decimal


def stored(db: howdah.Database, sql: Sql, declaration: str, array: Any) -> list[Any]:
    """Load a column and give the texts that the server shows, in the input's order."""
    sql(f"CREATE TABLE t (n serial, v {declaration})")
    db.load("t", pa.table({"v": array}))
    return [text for (text,) in sql("SELECT v::text FROM t ORDER BY n")]


DICTIONARIES = [
    ("text", pa.array(["a", "b"]), ["a", "b"]),
    ("text", pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
    ("int4", pa.array([5, 6]), ["5", "6"]),
    ("int2", pa.array([5, 6], pa.uint8()), ["5", "6"]),
    ("float8", pa.array([1.5, 2.5]), ["1.5", "2.5"]),
    ("numeric(5,2)", pa.array([D("1.5"), D("2.5")]), ["1.50", "2.50"]),
    ("date", pa.array([dt.date(2020, 1, 1), dt.date(2020, 1, 2)]), ["2020-01-01", "2020-01-02"]),
    ("timestamp", pa.array([0, 10**9], pa.timestamp("ns")), ["1970-01-01 00:00:00", "1970-01-01 00:00:01"]),
    ("bytea", pa.array([b"a", b"b"]), ["\\x61", "\\x62"]),
    ("bool", pa.array([True, False]), ["true", "false"]),
    (
        "uuid",
        pa.array([bytes(16), b"\x01" * 16], pa.binary(16)),
        ["00000000-0000-0000-0000-000000000000", "01010101-0101-0101-0101-010101010101"],
    ),
]


@pytest.mark.parametrize(
    ("declaration", "values", "texts"), DICTIONARIES, ids=lambda v: str(getattr(v, "type", v))[:20]
)
def test_dictionary_of_any_value_type_goes_in(
    db: howdah.Database, sql: Sql, declaration: str, values: pa.Array, texts: list[str]
) -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([1, None, 0, 1], pa.int8()), values)
    assert stored(db, sql, declaration, array) == [texts[1], None, texts[0], texts[1]]


def test_dictionary_with_nulls_in_keys_and_values_goes_in(db: howdah.Database, sql: Sql) -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2], pa.uint16()), pa.array(["a", None, "c"]))
    assert stored(db, sql, "text", array) == ["a", None, None, "c"]


@pytest.mark.parametrize(
    ("declaration", "values", "texts"),
    [
        ("text", ["good", "bad\0", "fine"], ["good", "fine"]),
        ("int2", [1, 2**40, 3], ["1", "3"]),
        ("numeric(3,1)", [D("1.50"), D("1.55"), D("3.00")], ["1.5", "3.0"]),
        (
            "uuid",
            ["0" * 32, "bad", "1" * 32],
            ["00000000-0000-0000-0000-000000000000", "11111111-1111-1111-1111-111111111111"],
        ),
    ],
)
def test_dictionary_value_that_is_bad_and_unused_is_no_matter(
    db: howdah.Database, sql: Sql, declaration: str, values: list[Any], texts: list[str]
) -> None:
    array = pa.DictionaryArray.from_arrays(pa.array([0, 2, 0], pa.int32()), pa.array(values))
    assert stored(db, sql, declaration, array) == [texts[0], texts[1], texts[0]]
    with pytest.raises(howdah.DataError) as caught:
        db.load("t", pa.table({"v": pa.DictionaryArray.from_arrays(pa.array([0, 0, 1]), pa.array(values))}))
    assert (caught.value.column, caught.value.row) == ("v", 2)


LISTS = [
    pa.array([[1, None], [], None, [3]], pa.list_(pa.int32())),
    pa.array([[1, None], [], None, [3]], pa.large_list(pa.int64())),
    pa.array([[1, None], [], None, [3]], pa.list_view(pa.int16())),
    pa.array([[1, None], [], None, [3]], pa.large_list_view(pa.uint8())),
]


@pytest.mark.parametrize("array", LISTS, ids=lambda array: str(array.type))
def test_list_of_every_form_goes_in(db: howdah.Database, sql: Sql, array: pa.Array) -> None:
    assert stored(db, sql, "int4[]", array) == ["{1,NULL}", "{}", None, "{3}"]
    sql("TRUNCATE t RESTART IDENTITY")
    db.load("t", pa.table({"v": array.slice(1, 3)}))
    assert [v for (v,) in sql("SELECT v::text FROM t ORDER BY n")] == ["{}", None, "{3}"]


def test_fixed_size_list_goes_in(db: howdah.Database, sql: Sql) -> None:
    array = pa.array([[1, 2], None, [3, None], [5, 6]], pa.list_(pa.int32(), 2))
    assert stored(db, sql, "int8[]", array) == ["{1,2}", None, "{3,NULL}", "{5,6}"]
    sql("TRUNCATE t RESTART IDENTITY")
    db.load("t", pa.table({"v": array.slice(2)}))
    assert [v for (v,) in sql("SELECT v::text FROM t ORDER BY n")] == ["{3,NULL}", "{5,6}"]


def test_list_view_with_shared_and_disordered_values_goes_in(db: howdah.Database, sql: Sql) -> None:
    values = pa.array(["a", "b", "c"])
    array = pa.ListViewArray.from_arrays(pa.array([1, 0, 2], pa.int32()), pa.array([2, 2, 0], pa.int32()), values)
    assert stored(db, sql, "text[]", array) == ["{b,c}", "{a,b}", "{}"]


def test_list_of_dictionaries_goes_in(db: howdah.Database, sql: Sql) -> None:
    inner = pa.DictionaryArray.from_arrays(pa.array([1, 0, None], pa.int8()), pa.array(["a", "b"]))
    array = pa.ListArray.from_arrays(pa.array([0, 2, 2, 3], pa.int32()), inner)
    assert stored(db, sql, "text[]", array) == ["{b,a}", "{}", "{NULL}"]


def test_list_whose_hidden_values_are_bad_goes_in(db: howdah.Database, sql: Sql) -> None:
    values = pa.array([2**40, 1, 2, 2**40])
    assert stored(db, sql, "int2[]", pa.ListArray.from_arrays(pa.array([1, 3], pa.int32()), values)) == ["{1,2}"]


@pytest.mark.parametrize("run", [pa.int16(), pa.int32(), pa.int64()], ids=str)
@pytest.mark.parametrize(
    ("declaration", "values", "texts"),
    [("text", ["a", None, "c"], ["a", None, "c"]), ("int4", [1, None, 3], ["1", None, "3"])],
)
def test_run_end_encoded_goes_in(  # noqa: PLR0917  (the parameters are pytest's)
    db: howdah.Database, sql: Sql, run: pa.DataType, declaration: str, values: list[Any], texts: list[str]
) -> None:
    array = pa.RunEndEncodedArray.from_arrays(pa.array([2, 3, 6], run), pa.array(values))
    want = [texts[0], texts[0], texts[1], texts[2], texts[2], texts[2]]
    assert stored(db, sql, declaration, array) == want
    sql("TRUNCATE t RESTART IDENTITY")
    db.load("t", pa.table({"v": array.slice(1, 4)}))
    assert [v for (v,) in sql("SELECT v::text FROM t ORDER BY n")] == want[1:5]


@pytest.mark.parametrize(
    "declaration", ["int4", "text", "bool", "numeric(5,2)", "jsonb", "uuid", "timestamptz", "interval", "int4[]"]
)
def test_null_column_goes_into_every_type(db: howdah.Database, sql: Sql, declaration: str) -> None:
    assert stored(db, sql, declaration, pa.nulls(3)) == [None, None, None]


SLICED = [
    ("bool", pa.array([True, None, False] * 10)),
    ("int4", pa.array([1, None, 3] * 10, pa.int32())),
    ("text", pa.array(["a", None, "ccc"] * 10)),
    ("text", pa.array(["a", None, "longer than twelve bytes"] * 10, pa.string_view())),
    ("text", pa.array(["a", None, "ccc"] * 10).dictionary_encode()),
    ("bytea", pa.array([b"a", None, b"c"] * 10, pa.binary(1))),
    ("numeric(9,2)", pa.array([D("1.25"), None, D("-3.00")] * 10, pa.decimal128(9, 2))),
    ("timestamptz", pa.array([1, None, 3] * 10, pa.timestamp("ms", "UTC"))),
    ("interval", pa.array([(1, 2, 3000), None, (0, 0, 0)] * 10, pa.month_day_nano_interval())),
]


@pytest.mark.parametrize(("declaration", "array"), SLICED, ids=lambda v: str(getattr(v, "type", v)))
@pytest.mark.parametrize(("offset", "length"), [(1, 5), (7, 16), (8, 9), (29, 1), (30, 0)])
def test_slice_of_an_array_is_what_goes_in(  # noqa: PLR0917  (the parameters are pytest's)
    db: howdah.Database, sql: Sql, declaration: str, array: pa.Array, offset: int, length: int
) -> None:
    whole = stored(db, sql, declaration, array)
    assert whole[1] is None
    assert len(set(whole)) == 3
    sql("TRUNCATE t RESTART IDENTITY")
    db.load("t", pa.table({"v": array}).slice(offset, length))
    assert [v for (v,) in sql("SELECT v::text FROM t ORDER BY n")] == whole[offset : offset + length]


def test_slice_of_a_record_batch_is_what_goes_in(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (a int, b text)")
    batch = pa.record_batch({"a": pa.array(range(100), pa.int32()), "b": [str(n) for n in range(100)]})
    db.load("t", batch.slice(33, 3))
    assert sql("SELECT a, b FROM t ORDER BY a") == [(33, "33"), (34, "34"), (35, "35")]


def test_empty_batches_between_full_ones_are_passed_over(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (a int4)")
    full = [pa.record_batch({"a": pa.array([n], pa.int32())}) for n in range(3)]
    none = full[0].slice(0, 0)
    report = db.load("t", pa.Table.from_batches([none, full[0], none, none, full[1], full[2], none]))
    assert report.rows == 3
    bad = pa.record_batch({"a": pa.array([2**31])})
    with pytest.raises(howdah.DataError) as caught:
        db.load("t", pa.Table.from_batches([bad.slice(0, 0), bad.slice(1), bad]))
    assert caught.value.row == 0


def test_many_small_batches_arrive_in_order(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (n serial, a int4)")
    schema = pa.schema({"a": pa.int32()})
    batches = [pa.record_batch({"a": pa.array([n, n + 1], pa.int32())}, schema) for n in range(0, 20_000, 2)]
    assert db.load("t", pa.RecordBatchReader.from_batches(schema, batches)).rows == 20_000
    assert sql("SELECT count(*) FROM t WHERE n = a + 1") == [(20_000,)]


def test_one_large_batch_arrives_whole(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (a int8, v text)")
    rows = 500_000
    data = pa.table({"a": pa.array(range(rows)), "v": pa.array([str(n) for n in range(rows)])})
    assert db.load("t", data).rows == rows
    assert sql("SELECT count(*), sum(a), count(*) FILTER (WHERE a::text = v) FROM t") == [
        (rows, rows * (rows - 1) // 2, rows)
    ]


def test_stream_of_batches_is_consumed_as_it_comes(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (a int4)")
    schema = pa.schema({"a": pa.int32()})
    most = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal most
        for n in range(50):
            most = max(most, pa.total_allocated_bytes())
            yield pa.record_batch({"a": pa.array([n] * 250_000, pa.int32())}, schema)

    before = pa.total_allocated_bytes()
    assert db.load("t", pa.RecordBatchReader.from_batches(schema, batches())).rows == 50 * 250_000
    assert most - before < 20 * 1_000_000


def test_record_batch_of_arro3_goes_in(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (a int4)")
    array = arro3.core.Array.from_arrow(pa.array([1, 2], pa.int32()))
    db.load("t", arro3.core.RecordBatch.from_pydict({"a": array}))
    assert sql("SELECT a FROM t ORDER BY a") == [(1,), (2,)]
