"""JSON values from fetch, sent back by any method, are the same; values without a JSON form are refused."""

from __future__ import annotations

import copy
import enum
import math
import pickle
from collections import OrderedDict, namedtuple
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from howdah import Json, JsonText
from tests.python.case import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql

# As the server prints them: what a value must be after a round trip, too.
JSONB = [
    *("null", '"null"', "1", '"1"', "true", '"true"', '""', '"{\\"a\\": 1}"', "[]", "{}", "[null]", '{"a": null}'),
    *("1.5", "0.1", "12345678901234567890", "100000000000000000000000", "-7", '"\\\\u0041"', '["1", 1, 1.25]'),
    *('{"1": 1, "01": 2}', '"é🐘\\n"'),
]
JSON = [*JSONB, '"\\u0000"', '"\\ud800"', "1e22", "5e-324", "1.0", "-0.0"]
VALUES = [*(("jsonb", text) for text in JSONB), *(("json", text) for text in JSON)]
values = pytest.mark.parametrize(("declaration", "text"), VALUES)


class Plain(enum.IntEnum):
    """Prints its name."""

    ONE = 1


class Loud(str):
    """Prints something else."""

    __slots__ = ()

    def __str__(self) -> str:
        """Shout."""
        return "LOUD"


class Odd(Decimal):
    """Prints something else."""

    def __str__(self) -> str:
        """Lie."""
        return "7"


Point = namedtuple("Point", "x y")  # noqa: PYI024  (json takes it for a list)

TAKEN = [
    ({Plain.ONE: Plain.ONE}, '{"1": 1}'),
    (Loud("low"), '"low"'),
    ({"a": Odd("1.10")}, '{"a": 1.10}'),
    (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
    ([Decimal("1E+2"), Decimal("-0"), Decimal("1E-7")], "[1E+2, -0, 1E-7]"),
    (2**80, "1208925819614629174706176"),
    ({None: None, True: False, 1.5: 2}, '{"null": null, "true": false, "1.5": 2}'),
    (OrderedDict(b=1, a=2), '{"b": 1, "a": 2}'),
    (Point(1, "2"), '[1, "2"]'),
    ({"a": Json({"b": Json(None)})}, '{"a": {"b": null}}'),
    (JsonText('{"b" : 1,  "b": 1e400}'), '{"b" : 1,  "b": 1e400}'),
    ("\ud800", '"\\ud800"'),
    ({"\udc00": "é"}, '{"\\udc00": "é"}'),
]

circle: list[Any] = []
circle.append({"again": circle})
shared: list[Any] = []

REFUSED = [
    (math.nan, "not a JSON number"),
    ({"a": [math.inf]}, "not a JSON number"),
    (Decimal("NaN"), "not a JSON number"),
    ([Decimal("-Infinity")], "not a JSON number"),
    ({1: "a", "1": "b"}, "two keys that are equal in JSON"),
    ({None: "a", "null": "b"}, "two keys that are equal in JSON"),
    ({(1, 2): "a"}, "a key of type tuple"),
    ({b"a": 1}, "a key of type bytes"),
    (circle, "contains itself"),
    ({"a": object()}, "a value of type object inside it"),
    ({"a": {1, 2}}, "a value of type set inside it"),
    ([JsonText("1")], "howdah.JsonText inside it"),
    (b"{}", "expected json, got bytes"),
    ({"n": 10**5000}, "4300"),
]


@values
async def test_json_that_was_fetched_goes_back_as_the_same(
    db: howdah.AsyncDatabase, sql: Sql, declaration: str, text: str
) -> None:
    await db.execute(f"CREATE TABLE t (n int, v {declaration}, many {declaration}[])")
    query = "SELECT $1::text::" + declaration + " AS v, ARRAY[$1::text::" + declaration + ", NULL] AS many"
    row = await db.fetch_one(query, text)
    assert row is not None
    assert row["v"] is not None
    (printed,) = sql(f"SELECT '{text}'::{declaration}::text")[0]
    await db.execute("INSERT INTO t VALUES (1, $1, $2)", row["v"], row["many"])
    await db.execute_many("INSERT INTO t VALUES ($1, $2, $3)", [(2, row["v"], row["many"])] * 2)
    await db.load("t", [{"n": 3, **row}])
    await db.load("t", iter([(4, row["v"], row["many"])]))
    found = sql("SELECT v::text, many[1]::text, many[2] IS NULL FROM t")
    if text in {"1e22", "5e-324"}:
        # The number is the same, by other digits.
        assert {(float(v), float(one)) for v, one, _ in found} == {(float(text),) * 2}
    else:
        assert set(found) == {(printed, printed, True)}
    assert len(found) == 5


@pytest.mark.parametrize(("value", "text"), TAKEN, ids=shown)
async def test_json_is_written_by_its_rules(db: howdah.AsyncDatabase, sql: Sql, value: Any, text: str) -> None:
    await db.execute("CREATE TABLE t (v json)")
    await db.execute("INSERT INTO t VALUES ($1), ($2)", value, Json(value) if type(value) is not JsonText else value)
    await db.execute_many("INSERT INTO t VALUES ($1)", [(value,)])
    await db.load("t", [{"v": value}])
    assert sql("SELECT v::text FROM t") == [(text,)] * 4


@pytest.mark.parametrize(("value", "says"), REFUSED, ids=shown)
async def test_value_without_a_json_form_is_refused_by_every_verb(
    db: howdah.AsyncDatabase, sql: Sql, value: Any, says: str
) -> None:
    await db.execute("CREATE TABLE t (v json)")
    for verb in (
        lambda: db.execute("INSERT INTO t VALUES ($1)", value),
        lambda: db.execute_many("INSERT INTO t VALUES ($1)", [(1,), (value,)]),
        lambda: db.load("t", [{"v": 1}, {"v": value}]),
    ):
        with pytest.raises(howdah.DataError, match=says):
            await verb()
    assert sql("SELECT count(*) FROM t") == [(0,)]


async def test_list_that_stands_in_two_places_is_no_circle(db: howdah.AsyncDatabase) -> None:
    value = {1: [shared, shared], "b": {"c": shared}}
    assert await db.fetch_value("SELECT $1::jsonb", value) == {"1": [[], []], "b": {"c": []}}


async def test_json_of_many_levels_goes_there_and_back(db: howdah.AsyncDatabase) -> None:
    text = "[" * 800 + "]" * 800
    value = await db.fetch_value("SELECT $1::jsonb", JsonText(text))
    assert await db.fetch_value("SELECT ($1::json)::text", value) == text


@pytest.mark.parametrize(
    "text", ["0.1234567890123456789", '{"a": [1, 33.3333333333333333]}', "1e400", "[1e-400]", "9007199254740993.0"]
)
async def test_number_that_a_float_would_change_is_an_error_or_a_decimal(
    db: howdah.AsyncDatabase, opened: Callable[..., Any], url: str, text: str
) -> None:
    for query in (f"SELECT '{text}'::json AS odd", f"SELECT ARRAY['{text}'::json] AS odd"):
        with pytest.raises(howdah.DataError, match=r'column "odd", row 0: .*json_decimals=True') as caught:
            await db.fetch(query)
        assert "3333" not in str(caught.value)
    exact = opened(url, json_decimals=True)
    value = await exact.fetch_value(f"SELECT '{text}'::json")
    back = await exact.fetch_value("SELECT ($1::json)::text", value)
    assert back.lower().replace("+", "") == text
    assert await exact.fetch_value(f"SELECT $1::jsonb = '{text}'::jsonb", value) is True
    assert await exact.fetch_value("SELECT '[1, 1.50, {\"a\": 2.0}]'::jsonb") == [
        1,
        Decimal("1.50"),
        {"a": Decimal("2.0")},
    ]
    deep = "[" * 300 + "1.10" + "]" * 300
    assert await exact.fetch_value("SELECT ($1::json)::text", await exact.fetch_value(f"SELECT '{deep}'::json")) == deep


async def test_number_with_many_digits_that_a_float_keeps_is_a_float(db: howdah.AsyncDatabase) -> None:
    row = await db.fetch_value("SELECT jsonb_build_array(0.1::float8 + 0.2::float8, 1.5, 2.50, pi())")
    assert row == [0.1 + 0.2, 1.5, 2.5, math.pi]


@pytest.mark.parametrize("text", ['{"b" : 1,  "b": 2}', '[{"a": {"b": 1, "c": 2, "b": 1}}]'])
async def test_json_with_a_key_twice_is_refused(db: howdah.AsyncDatabase, text: str) -> None:
    with pytest.raises(howdah.DataError, match=r'column "odd", row 0: .*an object has the same key twice'):
        await db.fetch(f"SELECT '{text}'::json AS odd")
    assert await db.fetch_value(f"SELECT '{text}'::json::jsonb") is not None


def test_json_wrappers_compare_copy_and_print() -> None:
    assert Json(None) == Json(None) != None  # noqa: E711
    assert Json([1]) != Json([2])
    assert not Json(None)
    assert Json("x")
    for value in (Json({"a": None}), JsonText("1")):
        assert copy.deepcopy(value) == value == pickle.loads(pickle.dumps(value))  # noqa: S301  (its own)
        assert eval(repr(value), {"Json": Json, "JsonText": JsonText}) == value  # noqa: S307  (its own)
    with pytest.raises(TypeError, match=r"Json\(\) takes a value"):
        JsonText({"a": 1})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
