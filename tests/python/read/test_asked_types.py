"""Types requested by types=: every value is exact, or an error names it."""

from __future__ import annotations

import decimal
import random
import struct
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import howdah
from tests.python.pool.faces import awaited, loops

if TYPE_CHECKING:
    from tests.python.conftest import Sql

D = decimal.Decimal
SEED = 20_260_101


def read(db: howdah.Database, values: list[Any], declared: str, asked: str) -> list[Any]:
    """Read each value alone as the type that is asked for: what it is, or None where that is refused."""
    found: list[Any] = []
    rest, start = values, 0
    while rest:
        query = f"SELECT v::{declared} AS v FROM unnest($1::text[]) WITH ORDINALITY AS t (v, n) ORDER BY n"
        try:
            found += db.read(query, [str(one) for one in rest], types={"v": asked}).to_arrow()["v"].to_pylist()
            break
        except howdah.DataError as error:
            if error.column != "v" or error.row is None:
                raise
            good = rest[: error.row]
            if good:
                found += db.read(query, [str(one) for one in good], types={"v": asked}).to_arrow()["v"].to_pylist()
            found.append(None)
            start += error.row + 1
            rest = values[start:]
    return found


def seeded() -> random.Random:
    """Give numbers by chance, the same in every run."""
    return random.Random(SEED)  # noqa: S311  (nothing is to be kept secret)


def doubles(count: int) -> list[float]:
    """Give doubles of every size, and of few digits."""
    chance = seeded()
    whole = [float(chance.randrange(10**15)) for _ in range(count)]
    cents = [chance.randrange(10**12) / 100 for _ in range(count)]
    return [*whole, *cents, 941772587360949.0, 0.1, -0.1, 1e22, -1e15, 1e-2, 5e-324, 0.0]


def exact(text: str, precision: int, scale: int) -> D | None:
    """Give what a decimal holds of a number, or None if that is not all of it."""
    with decimal.localcontext(prec=400, Emax=10**6, Emin=-(10**6)):
        value = D(text)
        scaled = value.scaleb(scale)
        if scaled != scaled.to_integral_value() or abs(scaled) >= D(10) ** precision:
            return None
        return value


def digits_of(value: float, declared: str) -> str:
    """Give the fewest digits that give a float of the type back."""
    if declared == "float8":
        return repr(value)
    narrow = struct.unpack("f", struct.pack("f", value))[0]
    for digits in range(1, 10):
        text = f"{narrow:.{digits}g}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == narrow:
            return text
    raise AssertionError


@pytest.mark.parametrize(("precision", "scale"), [(38, 2), (18, 2), (9, 1), (60, 20), (76, 0), (38, 37)])
@pytest.mark.parametrize("declared", ["float8", "float4"])
def test_floats_as_decimals_keep_their_digits_or_are_refused(
    db: howdah.Database, declared: str, precision: int, scale: int
) -> None:
    values = doubles(1000) if declared == "float8" else [float(f"{v:.7g}") for v in doubles(1000) if v > 1e-30]
    expected = [exact(digits_of(value, declared), precision, scale) for value in values]
    kept = [(value, want) for value, want in zip(values, expected, strict=True) if want is not None]
    refused = [value for value, want in zip(values, expected, strict=True) if want is None]
    asked = f"decimal({precision},{scale})"
    assert read(db, [value for value, _ in kept], declared, asked) == [want for _, want in kept]
    assert read(db, refused[:40], declared, asked) == [None] * len(refused[:40])


@pytest.mark.parametrize("declared", ["numeric", "numeric(30,8)", "numeric(12,8)", "text"])
@pytest.mark.parametrize("asked", ["float64", "float32"])
def test_decimals_as_floats_keep_their_digits_or_are_refused(db: howdah.Database, declared: str, asked: str) -> None:
    chance = seeded()
    places = (1, 3, 8) * 18
    texts = [f"{chance.randrange(10**4)}.{chance.randrange(10**count):0{count}}" for count in places]
    texts += ["0.1", "0.30000001", "0.3", "16777217", "9007199254740993.5", "1.50", "123456789012345678.5"]
    texts = [text for text in texts if declared != "numeric(12,8)" or len(text.split(".")[0]) < 5]
    for text, found in zip(texts, read(db, texts, declared, asked), strict=True):
        if found is not None:
            assert D(digits_of(found, "float8" if asked == "float64" else "float4")) == D(text)
    if declared != "text":
        assert read(db, ["0.1", "1.50", "0.25"], declared, asked) == pytest.approx([0.1, 1.5, 0.25], rel=1e-7)
    assert read(db, ["0.30000001"], declared, "float32") == [None]


def test_numeric_as_another_decimal_keeps_its_digits_or_is_refused(db: howdah.Database) -> None:
    chance = seeded()
    texts = [f"{chance.randrange(10**7)}.{chance.randrange(1000):03}" for _ in range(500)]
    for declared in ("numeric", "numeric(20,3)", "text"):
        for precision, scale in ((10, 3), (9, 2), (38, 10), (50, 3)):
            expected = [exact(text, precision, scale) for text in texts[:60]]
            assert read(db, texts[:60], declared, f"decimal({precision},{scale})") == expected


@pytest.mark.parametrize("declared", ["int2", "int4", "int8"])
@pytest.mark.parametrize("asked", ["int8", "uint16", "int64", "float32", "float64", "decimal(5,2)", "decimal(40,0)"])
def test_integers_as_other_numbers_are_the_same_or_refused(db: howdah.Database, declared: str, asked: str) -> None:
    values = [0, 1, -1, 127, 128, 255, 999, 1000, 2**15 - 1, -(2**15)]
    values += [2**24 + 1, 2**31 - 1, 65_536] if declared != "int2" else []
    values += [2**53 + 1, 2**63 - 1, -(2**63)] if declared == "int8" else []
    found = read(db, values, declared, asked)
    for value, one in zip(values, found, strict=True):
        assert one is None or one == value
    assert found[:2] == [0, 1]


@pytest.mark.parametrize(
    "asked", ["list<int64>", pa.list_(pa.int64()), pa.list_(pa.string()), pa.struct({"a": pa.int64()})]
)
@pytest.mark.parametrize("value", ["'[]'::jsonb", "'[1]'::json", "'{\"a\": 1}'::jsonb", "'[]'::text", "5"])
def test_value_that_is_no_list_is_read_as_none(db: howdah.Database, value: str, asked: Any) -> None:
    with pytest.raises(howdah.Error) as caught:
        db.read(f"SELECT {value} AS v", types={"v": asked}).to_arrow()
    assert "v" in str(caught.value)


@pytest.mark.parametrize("value", ["'{NULL}'::int4[]", "'{}'::text[]", "'{1,2}'::int4[]", "int4range(1, 2)"])
def test_list_or_range_is_not_read_as_text_that_arrow_makes_up(db: howdah.Database, value: str) -> None:
    with pytest.raises(howdah.DataError, match="cast it in SQL"):
        db.read(f"SELECT {value} AS v", types={"v": "large_string"}).to_arrow()


def test_items_of_lists_and_ends_of_ranges_are_exact_or_refused(db: howdah.Database) -> None:
    def items(values: str, item: pa.DataType) -> Any:
        query = f"SELECT v FROM (VALUES (1, NULL), (2, {values})) t (n, v) ORDER BY n"
        return db.read(query, types={"v": pa.list_(item)}).to_arrow()["v"].to_pylist()

    assert items("'{941772587360949,0.1,NULL}'::float8[]", pa.decimal128(38, 2)) == [
        None,
        [D("941772587360949.00"), D("0.10"), None],
    ]
    assert items("'{1,2}'::int4[]", pa.int64()) == [None, [1, 2]]
    assert items("'{1.5}'::numeric[]", pa.decimal128(5, 2)) == [None, [D("1.50")]]
    for values, item in [
        ("'{0.5,0.125}'::float8[]", pa.decimal128(38, 2)),
        ("'{1,70000}'::int4[]", pa.int16()),
        ("'{0.30000001}'::numeric(12,8)[]", pa.float32()),
    ]:
        with pytest.raises(howdah.DataError) as caught:
            items(values, item)
        assert (caught.value.column, caught.value.row) == ("v", 1)
    flags = [(name, pa.bool_(), False) for name in ("lower_inc", "upper_inc", "empty")]
    ends = [pa.field("lower", pa.int64()), pa.field("upper", pa.int64())]
    ranges = pa.struct([*ends, *(pa.field(name, kind, nullable=null) for name, kind, null in flags)])
    read_back = db.read("SELECT int4range(1, 5) AS v", types={"v": ranges}).to_arrow()["v"].to_pylist()
    assert read_back == [{"lower": 1, "upper": 5, "lower_inc": True, "upper_inc": False, "empty": False}]


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        ("'2020-06-01'::timestamp", "timestamp[us, UTC]"),
        ("'2020-06-01'::timestamp", "timestamp[us, Europe/Paris]"),
        ("'2020-06-01 00:00Z'::timestamptz", "timestamp[us]"),
        ("'2020-06-01 00:00Z'::timestamptz", "date32"),
        ("'2020-06-01'::date", "timestamp[us, UTC]"),
    ],
)
def test_time_gets_no_zone_and_loses_none(db: howdah.Database, value: str, asked: str) -> None:
    with pytest.raises(howdah.DataError, match="cast it in SQL"):
        db.read(f"SELECT {value} AS v", types={"v": asked}).to_arrow()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("'2020-06-01 01:02:03'::timestamp", "2020-06-01 01:02:03"),
        ("'1 mon 2 days'::interval", "1 mon 2 days"),
        ("'0044-03-15 BC'::date", "0044-03-15 BC"),
    ],
)
@pytest.mark.parametrize("asked", ["string", "large_string", "string_view"])
def test_text_of_a_time_is_the_servers_in_every_type_of_text(
    db: howdah.Database, value: str, text: str, asked: str
) -> None:
    assert db.read(f"SELECT {value} AS v", types={"v": asked}).to_arrow()["v"].to_pylist() == [text]


def test_float_that_is_no_number_is_refused_as_a_decimal(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (n int, v float8)")
    for value in ("NaN", "Infinity", "-Infinity"):
        sql("TRUNCATE t")
        sql("INSERT INTO t VALUES (0, NULL), (1, 1.5), (2, %s)", value)
        with pytest.raises(howdah.DataError) as caught:
            db.read("SELECT v FROM t ORDER BY n", types={"v": "decimal(38,2)"}).to_arrow()
        assert (caught.value.column, caught.value.row) == ("v", 2)


@loops
def test_awaited_reads_give_the_exact_digits_or_are_refused(url: str, new_loop: Any) -> None:
    async def main() -> None:
        async with howdah.AsyncDatabase(url) as db:
            query = "SELECT 941772587360949::float8 AS v"
            table = await db.read(query, types={"v": "decimal(38,2)"}).to_arrow()
            assert table["v"].to_pylist() == [D("941772587360949.00")]
            for value, asked in (("0.125::float8", "decimal(38,2)"), ("'[]'::jsonb", "list<int64>")):
                with pytest.raises(howdah.Error) as caught:
                    await db.read(f"SELECT {value} AS v", types={"v": asked}).to_arrow()
                assert "v" in str(caught.value)

    awaited(main(), new_loop)
