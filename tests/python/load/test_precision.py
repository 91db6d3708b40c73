"""Columns with a precision: values that fit are stored, and others are refused, not cut."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from howdah import DataError, Interval

if TYPE_CHECKING:
    import howdah
    from tests.python.conftest import Sql
    from tests.python.load.conftest import Refused

END_OF_YEAR = dt.datetime(2024, 12, 31, 23, 59, 59)  # noqa: DTZ001  (a timestamp has no zone)
TIMES = [dt.time(1, 2, 3, us) for us in (0, 100_000, 456_000, 456_789, 999_999)]
SPANS = [
    Interval(months=months, days=days, microseconds=us)
    for months in (0, 5, -24)
    for days in (0, -3)
    for us in (0, 3_600_000_000, -60_000_000, 5_000_000, 1_500_000, -1_000, 7)
]
FIELDS = ["year", "month", "day", "hour", "minute", "second", "year to month", "day to hour", "day to minute"]
FIELDS += ["day to second", "hour to minute", "hour to second", "minute to second"]
DECLARED: list[tuple[str, str, list[Any]]] = [
    *((f"time({digits})", "time", TIMES) for digits in range(7)),
    *(
        (f"timestamp({digits})", "timestamp", [END_OF_YEAR.replace(microsecond=t.microsecond) for t in TIMES])
        for digits in range(7)
    ),
    *(
        (
            f"timestamptz({digits})",
            "timestamptz",
            [END_OF_YEAR.replace(microsecond=t.microsecond, tzinfo=dt.UTC) for t in TIMES],
        )
        for digits in range(7)
    ),
    *((f"interval({digits})", "interval", SPANS) for digits in range(7)),
    *((f"interval {fields}", "interval", SPANS) for fields in FIELDS),
    ("interval second(2)", "interval", SPANS),
    ("interval day to second(0)", "interval", SPANS),
]


@pytest.mark.parametrize(("declared", "base", "values"), DECLARED)
def test_value_is_stored_if_the_server_keeps_all_of_it(
    db: howdah.Database, sql: Sql, declared: str, base: str, values: list[Any]
) -> None:
    sql(f"CREATE TABLE whole (k int, v {base}); CREATE TABLE t (k int, v {declared})")
    db.load("whole", list(enumerate(values)))
    # The server's own assignment rounds: where the text stays, nothing was lost.
    sql("INSERT INTO t SELECT * FROM whole")
    kept = {k for (k,) in sql("SELECT k FROM t JOIN whole USING (k) WHERE t.v::text = whole.v::text")}
    sql("TRUNCATE t")
    for number, value in enumerate(values):
        if number in kept:
            assert db.load("t", [(number, value)]).rows == 1
        else:
            with pytest.raises(DataError, match="round it first") as caught:
                db.load("t", [(0, None), (number, value)])
            assert (caught.value.table, caught.value.column, caught.value.row) == ("t", "v", 1)
    assert sql("SELECT count(*), count(*) FILTER (WHERE t.v::text = whole.v::text) FROM t JOIN whole USING (k)") == [
        (len(kept), len(kept))
    ]


ARROW = [
    ("timestamp(0)", pa.timestamp("ms"), [1000, 1600], "1970-01-01 00:00:01.6"),
    ("timestamp(0)", pa.timestamp("us"), [-1_000_000, -1], "1969-12-31 23:59:59.999999"),
    ("timestamp(3)", pa.timestamp("ns"), [1_000_000, 1_000], "00:00:00.000001"),
    ("timestamptz(2)", pa.timestamp("us", "Europe/Paris"), [10_000, 123_456], "00:00:00.123456+00"),
    ("time(3)", pa.time64("us"), [1_000, 1], "00:00:00.000001 has more digits after the point than time(3)"),
    ("time(0)", pa.time32("ms"), [1_000, 1], "time(0)"),
    ("time(3)", pa.time64("ns"), [1_000_000, 1_000], "time(3)"),
    ("interval(0)", pa.duration("ms"), [1_000, 1_500], "00:00:01.5 has more digits after the point than interval(0)"),
    ("interval(3)", pa.duration("ns"), [1_000_000, 1_000], "interval(3)"),
    ("interval minute", pa.duration("s"), [60, 61], "00:01:01 has more than interval minute holds"),
    ("interval day", pa.month_day_nano_interval(), [(0, 1, 0), (0, 1, 5 * 3_600_000_000_000)], "1 day 05:00:00"),
    ("interval year to month", pa.month_day_nano_interval(), [(13, 0, 0), (13, 1, 0)], "interval year to month"),
    ("interval year", pa.month_day_nano_interval(), [(12, 0, 0), (13, 0, 0)], "1 year 1 mon"),
]


@pytest.mark.parametrize("case", ARROW)
@pytest.mark.parametrize("within", ["column", "array", "domain", "array of a domain", "dictionary"])
def test_remainder_from_arrow_is_refused_wherever_it_stands(
    refused: Refused, db: howdah.Database, sql: Sql, case: tuple[str, Any, list[Any], str], within: str
) -> None:
    declared, arrow, (kept, cut), says = case
    many = within.startswith("array")
    if "domain" in within:
        sql(f"CREATE DOMAIN short AS {declared}; CREATE DOMAIN shorter AS short")
    sql(f"CREATE TABLE t (v {'shorter' if 'domain' in within else declared}{'[]' * many})")

    def column(*given: Any) -> pa.Array[Any]:
        values = [pa.scalar(value, arrow) if value is not None else pa.scalar(None, arrow) for value in given]
        flat = pa.array(values, arrow)
        if within == "dictionary":
            return pa.DictionaryArray.from_arrays(pa.array(range(len(flat)), pa.int32()), flat)
        return pa.ListArray.from_arrays(pa.array(range(len(flat) + 1), pa.int32()), flat) if many else flat

    refused(DataError, pa.table({"v": column(kept, None, cut)}), column="v", row=2, says=(says, "round it first"))
    assert db.load("t", pa.table({"v": column(kept, None)})).rows == 2


def test_remainder_below_a_null_does_no_harm(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (v timestamp(0))")
    below = pa.py_buffer(b"\1" + bytes(7))
    column = pa.Array.from_buffers(pa.timestamp("us"), 1, [pa.py_buffer(b"\0"), below])
    assert db.load("t", pa.table({"v": column})).rows == 1


@pytest.mark.parametrize("mode", ["truncate", "upsert", "replace"])
def test_remainder_is_refused_in_every_mode(refused: Refused, sql: Sql, mode: Any) -> None:
    sql("CREATE TABLE t (k int PRIMARY KEY, v timestamp(0))")
    rows = [{"k": 1, "v": END_OF_YEAR}, {"k": 2, "v": END_OF_YEAR.replace(microsecond=600_000)}]
    options: dict[str, Any] = {"key": "k"} if mode == "upsert" else {}
    refused(DataError, rows, column="v", row=1, says=("2024-12-31 23:59:59.6", "timestamp(0)"), mode=mode, **options)


@pytest.mark.parametrize("within", ["column", "array", "domain", "dictionary", "view", "rows"])
def test_spaces_that_a_varchar_would_cut_off_are_refused(
    refused: Refused, db: howdah.Database, sql: Sql, within: str
) -> None:
    sql("CREATE DOMAIN short AS varchar(3)")
    declared = {"array": "varchar(3)[]", "domain": "short"}.get(within, "varchar(3)")
    sql(f"CREATE TABLE t (v {declared})")

    def data(*texts: str | None) -> Any:
        if within == "rows":
            return [(text,) for text in texts]
        array = pa.array(texts, pa.string_view() if within == "view" else pa.string())
        if within == "array":
            array = pa.array([[text] for text in texts])
        return pa.table({"v": array.dictionary_encode() if within == "dictionary" else array})

    kept = ["abc", "ab ", "   ", "ééé", None, ""]
    assert db.load("t", data(*kept)).rows == len(kept)
    stored = "v[1]" if within == "array" else "v"
    assert [text for (text,) in sql(f"SELECT {stored}::text FROM t ORDER BY ctid")] == kept
    for cut in ("abc ", "ééé  ", "a      ", "    "):
        refused(DataError, data("ab ", None, cut), column="v", row=2, says=("varchar(3)", "strip them first"))


@pytest.mark.parametrize("mode", ["truncate", "upsert", "replace"])
def test_spaces_that_a_varchar_would_cut_off_are_refused_in_every_mode(refused: Refused, sql: Sql, mode: Any) -> None:
    sql("CREATE TABLE t (k int PRIMARY KEY, v varchar(3))")
    options: dict[str, Any] = {"key": "k"} if mode == "upsert" else {}
    refused(DataError, [{"k": 1, "v": "abc"}, {"k": 2, "v": "abc "}], column="v", row=1, mode=mode, **options)


def test_spaces_beyond_a_char_do_not_count(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (v char(3), w text, x varchar)")
    db.load("t", [("abc  ", "abc  ", "abc  ")])
    assert sql("SELECT v, w, x FROM t") == [("abc", "abc  ", "abc  ")]
