"""Values are converted by their type, not by their text."""

from __future__ import annotations

import decimal
import enum
import fractions
import ipaddress
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import howdah
from tests.python.pool.faces import awaited, loops

if TYPE_CHECKING:
    from tests.python.conftest import Sql


class Money(decimal.Decimal):
    """Shows itself with its currency."""

    def __str__(self) -> str:
        """Show another number."""
        return "7"

    __repr__ = __str__

    def __format__(self, specifier: str, /, *_: Any, **__: Any) -> str:
        """Show another number."""
        return "7"


class Metres(float):
    """Shows itself as another number."""

    def __str__(self) -> str:
        """Show another number."""
        return "7"

    __repr__ = __str__


class Count(int):
    """Shows itself as another number."""

    def __str__(self) -> str:
        """Show another number."""
        return "7"

    __repr__ = __str__
    __index__ = __int__ = lambda _: 7


class Level(enum.IntEnum):
    """A number with a name."""

    HIGH = 3


class Host(ipaddress.IPv4Address):
    """Shows itself as another address."""

    def __str__(self) -> str:
        """Show another address."""
        return "9.9.9.9"


class Net(ipaddress.IPv4Interface):
    """Shows itself as another address."""

    def __str__(self) -> str:
        """Show another address."""
        return "9.9.9.9/8"


NUMBERS: list[tuple[str, Any, str]] = [
    ("numeric", Money("1.50"), "1.50"),
    ("numeric", Money("-1E+3"), "-1000"),
    ("numeric", Money("NaN"), "NaN"),
    ("numeric(9,2)", Money("1.5"), "1.50"),
    ("numeric(60,2)", Money("1.5"), "1.50"),
    ("numeric", Metres(0.1), "0.1"),
    ("numeric(9,2)", Metres(0.25), "0.25"),
    ("float8", Metres(0.1), "0.1"),
    ("float4", Metres(0.5), "0.5"),
    ("numeric", Count(5), "5"),
    ("numeric", Count(10**30), str(10**30)),
    ("int2", Count(5), "5"),
    ("int8", Count(5), "5"),
    ("float8", Count(5), "5"),
    ("numeric", Level.HIGH, "3"),
    ("int4", Level.HIGH, "3"),
    ("numeric", np.float16(0.1), "0.1"),
    ("numeric", np.float32(0.1), "0.1"),
    ("numeric", np.float64(0.1), "0.1"),
    ("numeric", np.float32("inf"), "Infinity"),
    ("numeric", np.uint64(2**64 - 1), str(2**64 - 1)),
    ("numeric", np.int8(-5), "-5"),
    ("int8", np.uint32(5), "5"),
    ("float8", np.float32(0.5), "0.5"),
    ("text", np.str_("12"), "12"),
    ("bytea", np.bytes_(b"12"), "\\x3132"),
    ("inet", Host("1.2.3.4"), "1.2.3.4/32"),
    ("inet", Net("1.2.3.4/24"), "1.2.3.4/24"),
]
OTHERS: list[Any] = [
    np.str_("12"),
    np.bytes_(b"12"),
    np.datetime64("2020"),
    np.datetime64("NaT"),
    np.timedelta64(5, "D"),
    np.bool_(True),  # noqa: FBT003  (numpy's own)
    np.complex64(1),
    np.array(5),
    np.array([5]),
    np.void(b"5"),
    True,
    "12",
    b"12",
    fractions.Fraction(1, 2),
    1j,
]


@pytest.mark.parametrize(("declared", "value", "text"), NUMBERS, ids=lambda v: type(v).__name__)
def test_value_is_stored_whatever_it_shows_itself_as(
    db: howdah.Database, sql: Sql, declared: str, value: Any, text: str
) -> None:
    sql(f"CREATE TABLE t (v {declared})")
    db.load("t", [{"v": value}])
    db.load("t", [(value,)])
    db.execute(f"INSERT INTO t VALUES ($1::{declared})", value)
    db.execute(f"INSERT INTO t SELECT unnest($1::{declared}[])", [value])
    db.execute_many(f"INSERT INTO t VALUES ($1::{declared})", [(value,)])
    assert sql("SELECT DISTINCT v::text, count(*) OVER () FROM t") == [(text, 5)]


@pytest.mark.parametrize("declared", ["numeric", "numeric(9,2)", "numeric(60,2)", "int4", "int8", "float4", "float8"])
@pytest.mark.parametrize("value", OTHERS, ids=lambda v: f"{type(v).__name__} {v}")
def test_value_that_is_no_number_is_refused_as_a_number(
    db: howdah.Database, sql: Sql, declared: str, value: Any
) -> None:
    sql(f"CREATE TABLE t (v {declared})")
    with pytest.raises(howdah.ConversionError) as caught:
        db.load("t", [{"v": None}, {"v": value}])
    assert (caught.value.column, caught.value.row) == ("v", 1)
    with pytest.raises(howdah.ConversionError, match=r"parameter \$1: expected"):
        db.execute(f"INSERT INTO t VALUES ($1::{declared})", value)
    assert sql("SELECT count(*) FROM t") == [(0,)]


def test_number_of_numpy_has_its_digits_whatever_numpy_prints(db: howdah.Database) -> None:
    with np.printoptions(precision=2, legacy="1.13"):
        assert db.fetch_value("SELECT $1::numeric", np.float32(0.123456)) == decimal.Decimal("0.123456")
        assert db.fetch_value("SELECT $1::numeric", np.float64(0.1234567890123456)) == decimal.Decimal(
            "0.1234567890123456"
        )


def test_wide_float_of_numpy_is_refused_where_digits_would_be_lost(db: howdah.Database) -> None:
    third = np.longdouble(1) / 3
    with pytest.raises(howdah.ConversionError):
        db.fetch_value("SELECT $1::float8", third)


@loops
def test_values_are_taken_by_their_type_by_awaited_verbs(url: str, sql: Sql, new_loop: Any) -> None:
    sql("CREATE TABLE t (v numeric)")

    async def main() -> None:
        async with howdah.AsyncDatabase(url) as db:
            for value in (Money("1.50"), Metres(0.1), Count(5)):
                await db.load("t", [{"v": value}])
                await db.execute("INSERT INTO t VALUES ($1)", value)
                await db.execute_many("INSERT INTO t VALUES ($1)", [(value,)])
            for value in OTHERS:
                with pytest.raises(howdah.ConversionError):
                    await db.load("t", [{"v": value}])
                with pytest.raises(howdah.ConversionError):
                    await db.execute("INSERT INTO t VALUES ($1)", value)

    awaited(main(), new_loop)
    assert sql("SELECT v::text, count(*) FROM t GROUP BY v ORDER BY v") == [("0.1", 3), ("1.50", 3), ("5", 3)]
