"""Values made by Hypothesis come back unchanged."""

from __future__ import annotations

import datetime as dt
import ipaddress
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from howdah import Interval

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Protocol

    import howdah

    class Run(Protocol):
        """Runs a coroutine to its end."""

        def __call__(self, coroutine: Coroutine[Any, Any, Any], /) -> Any:
            """Give what it returns."""


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50)
HALF_HOURS = st.builds(lambda n: dt.timezone(dt.timedelta(minutes=30 * n)), st.integers(-28, 28))
INT4, INT8 = st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1)
# Leaves out the very last one, which is infinity together with those of the other parts.
SPANS = st.builds(Interval, INT4, INT4, st.integers(-(2**63) + 1, 2**63 - 2))
JSON = st.recursive(
    st.none() | st.booleans() | INT8 | st.floats(-1e6, 1e6) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int2": st.integers(-(2**15), 2**15 - 1),
    "int4": INT4,
    "int8": INT8,
    "float4": st.floats(width=32),
    "float8": st.floats(),
    "numeric": st.decimals(allow_nan=False, min_value=-(10**40), max_value=10**40, places=12)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-1, max_value=1)
    | st.sampled_from([Decimal("Infinity"), Decimal("-Infinity")]),
    "text": TEXTS,
    "bytea": st.binary(max_size=100),
    "date": st.dates(),
    "time": st.times(),
    "timestamp": st.datetimes(),
    "timestamptz": st.datetimes(dt.datetime(2, 1, 1), dt.datetime(9998, 1, 1), timezones=HALF_HOURS),  # noqa: DTZ001
    "interval": SPANS,
    "uuid": st.uuids(),
    "inet": st.ip_addresses(),
    "cidr": st.builds(
        lambda address, bits: ipaddress.ip_network((address, bits), strict=False),
        st.ip_addresses(v=4),
        st.integers(0, 32),
    ),
    "jsonb": st.dictionaries(TEXTS, JSON, max_size=4) | st.lists(JSON, max_size=4),
}

few = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def same(found: Any, wanted: object) -> bool:
    """Compare, where NaN is NaN."""
    if isinstance(wanted, float) and math.isnan(wanted):
        return isinstance(found, float) and math.isnan(found)
    if isinstance(wanted, list):
        alike = isinstance(found, list) and len(found) == len(wanted)
        return alike and all(same(*pair) for pair in zip(found, wanted, strict=True))
    return type(found) is type(wanted) and found == wanted


@pytest.mark.parametrize("declaration", [name for name in VALUES if name != "jsonb"])
@few
@given(data=st.data())
def test_value_and_array_come_back(db: howdah.AsyncDatabase, run: Run, declaration: str, data: st.DataObject) -> None:
    value = data.draw(VALUES[declaration])
    values = data.draw(st.lists(st.none() | VALUES[declaration], max_size=8))
    row = run(db.fetch_one(f"SELECT $1::{declaration} AS one, $2::{declaration}[] AS many", value, values))
    assert same(row["one"], value)
    assert same(row["many"], values)


@few
@given(value=VALUES["jsonb"])
def test_json_comes_back(db: howdah.AsyncDatabase, run: Run, value: object) -> None:
    assert run(db.fetch_value("SELECT $1::json", value)) == value
    assert run(db.fetch_value("SELECT $1::jsonb", value)) == value


@few
@given(rows=st.lists(st.tuples(st.none() | INT4, st.none() | TEXTS, st.none() | VALUES["numeric"]), max_size=40))
def test_rows_of_execute_many_come_back_in_order(
    db: howdah.AsyncDatabase, run: Run, rows: list[tuple[Any, Any, Any]]
) -> None:
    run(db.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (n serial, a int4, b text, c numeric)"))
    assert run(db.execute_many("INSERT INTO t (a, b, c) VALUES ($1, $2, $3)", rows)) == len(rows)
    found = run(db.fetch("SELECT a, b, c FROM t ORDER BY n"))
    assert [tuple(row.values()) for row in found] == rows


@few
@given(data=st.data())
def test_row_of_many_columns_of_any_types_comes_back(db: howdah.AsyncDatabase, run: Run, data: st.DataObject) -> None:
    declarations = data.draw(st.lists(st.sampled_from([*VALUES, "point"]), min_size=1, max_size=20))
    points = st.just("(1,2)")
    values = [data.draw(st.none() | VALUES.get(declaration, points)) for declaration in declarations]
    columns = ", ".join(f"${n}::{declaration} AS c{n}" for n, declaration in enumerate(declarations, 1))
    found = run(db.fetch_one(f"SELECT {columns}", *values))
    assert same(list(found.values()), values)
