"""numeric: every digit, whatever the precision, and nothing rounded."""

from __future__ import annotations

import decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from howdah import DataError

if TYPE_CHECKING:
    from tests.python.types.conftest import Column

D = decimal.Decimal


def edges(precision: int, scale: int) -> list[tuple[decimal.Decimal, str]]:
    """Give the values at the edges of numeric(p,s), with all their digits."""
    with decimal.localcontext(prec=100):
        greatest = (D(10) ** precision - 1).scaleb(-scale)
        least = D(1).scaleb(-scale)
        values = [D(0).scaleb(-scale), least, -least, greatest, -greatest]
        return [(value, f"{value:f}") for value in values]


SHAPES = [
    (1, 0),
    (1, 1),
    (4, 4),
    (5, 2),
    (9, 0),
    (15, 2),
    (18, 9),
    (28, 10),
    (29, 1),
    (38, 0),
    (38, 10),
    (38, 37),
    (38, 38),
]
WIDE = [(39, 0), (39, 3), (50, 25), (57, 2), (75, 74), (76, 0), (76, 38), (76, 76)]


@pytest.mark.parametrize("road", ["rows", "tuples", "arrow"])
@pytest.mark.parametrize(("precision", "scale"), [*SHAPES, *WIDE])
def test_numeric_with_precision_comes_back_the_same(column: Column, precision: int, scale: int, road: Any) -> None:
    arrow = pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)
    column.round_trip(f"numeric({precision},{scale})", arrow, edges(precision, scale), road)


FREE = [
    "0",
    "1",
    "-1",
    "0.00",
    "1.50",
    "10000",
    "0.0001",
    "123456789012345678901234567890.123456789012345678901234567890",
]
VAST = [*FREE, "9" * 200 + "." + "1" * 300, "1" + "0" * 1000, "0." + "0" * 1000 + "1", "-" + "9" * 5000]


@pytest.mark.parametrize("road", ["rows", "tuples"])
def test_numeric_without_precision_keeps_every_digit(column: Column, road: Any) -> None:
    assert column.load("numeric", [D(text) for text in VAST], road) == VAST
    back = column.read()
    assert back.type.storage_type if hasattr(back.type, "storage_type") else back.type == pa.string()
    storage = back.storage if isinstance(back, pa.ExtensionArray) else back
    assert storage.to_pylist() == VAST


def test_numeric_without_precision_says_what_its_text_is(column: Column) -> None:
    column.store("numeric", ["1.5"])
    reader = column.db.read(f"SELECT v FROM {column.table}")
    field = reader.schema.field("v")
    metadata = {key.decode(): value.decode() for key, value in field.metadata.items()}
    assert metadata["ARROW:extension:name"] == "arrow.opaque"
    assert '"numeric"' in metadata["ARROW:extension:metadata"]
    assert '"PostgreSQL"' in metadata["ARROW:extension:metadata"]
    reader.close()


def test_numeric_without_precision_goes_in_as_it_came_out(column: Column) -> None:
    column.store("numeric", [*VAST, "NaN", "Infinity", "-Infinity", None])
    out = column.db.read(f"SELECT n, v FROM {column.table} ORDER BY n").to_arrow()
    column.sql(f"CREATE TABLE copy (LIKE {column.table})")
    column.db.load("copy", out)
    assert column.sql(f"SELECT count(*) FROM copy JOIN {column.table} t USING (n) WHERE copy.v::text = t.v::text") == [
        (len(VAST) + 3,)
    ]


def test_numeric_without_precision_in_arrays_keeps_every_digit(column: Column) -> None:
    column.load("numeric[]", [[D(text) for text in VAST], [None], []], "rows")
    assert column.sql(f"SELECT v::text[] FROM {column.table} ORDER BY n") == [(VAST,), ([None],), ([],)]


@pytest.mark.parametrize(("low", "high"), [(0, 2000), (-2000, 0)])
def test_numeric_powers_of_ten_keep_their_place(column: Column, low: int, high: int) -> None:
    values = [D(f"{sign}1E{power}") for power in range(low, high, 37) for sign in ("", "-")]
    texts = column.load("numeric", values, "rows")
    assert [D(text) for text in texts if text] == values


@pytest.mark.parametrize(
    "arrow", [pa.decimal32(9, 3), pa.decimal64(18, 3), pa.decimal128(20, 3), pa.decimal256(60, 3)], ids=str
)
@pytest.mark.parametrize(
    ("declaration", "texts"),
    [("numeric(8,3)", ["1.500", "-0.250"]), ("numeric(8,2)", None), ("numeric(30,5)", ["1.50000", "-0.25000"])],
)
def test_numeric_takes_every_decimal_that_fits(
    column: Column, arrow: pa.DataType, declaration: str, texts: list[str] | None
) -> None:
    given = pa.array([D("1.5"), D("-0.25")], arrow)
    if texts is None:
        texts = ["1.50", "-0.25"]
    assert column.load(declaration, given) == texts


@pytest.mark.parametrize("declaration", ["numeric(5,-2)", "numeric(2,5)"])
def test_numeric_with_an_odd_scale_comes_back_the_same(column: Column, declaration: str) -> None:
    values = [D("123400"), D("0")] if "-2" in declaration else [D("0.00012"), D("0")]
    assert [D(text) for text in column.load(declaration, values, "rows") if text] == values
    assert [D(str(value)) for value in column.read().to_pylist()] == values


@pytest.mark.parametrize("road", ["rows", "arrow"])
@pytest.mark.parametrize(
    ("declaration", "texts"),
    [
        ("numeric", ["0.1", "1E+22", "-2.5", "1"]),
        ("numeric(30,3)", ["0.100", "10000000000000000000000.000", "-2.500", "1.000"]),
    ],
)
def test_numeric_takes_floats_by_their_shortest_digits(
    column: Column, declaration: str, texts: list[str], road: Any
) -> None:
    values = [0.1, 1e22, -2.5, 1.0]
    stored = column.load(declaration, pa.array(values) if road == "arrow" else values, road)
    assert [D(text) for text in stored if text] == [D(text) for text in texts]


@pytest.mark.parametrize("road", ["rows", "arrow"])
@pytest.mark.parametrize("declaration", ["numeric", "numeric(20,0)"])
def test_numeric_takes_uint64_whole(column: Column, declaration: str, road: Any) -> None:
    values = [2**64 - 1, 0, 2**63]
    given = pa.array(values, pa.uint64()) if road == "arrow" else values
    assert column.load(declaration, given, road) == [str(value) for value in values]


def test_numeric_takes_python_ints_of_any_size(column: Column) -> None:
    assert column.load("numeric", [10**500, -(10**40), np.int32(5)], "rows") == [str(10**500), str(-(10**40)), "5"]


@pytest.mark.parametrize("text", ["12.340", "1.2E1", "12.3E-1", "-0.0", "1200E-2"])
def test_numeric_takes_decimals_however_they_are_written(column: Column, text: str) -> None:
    (stored,) = column.load("numeric(9,3)", [D(text)], "rows")
    assert stored is not None
    assert D(stored) == D(text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_numeric_that_is_no_number_goes_through_text(column: Column, text: str) -> None:
    column.store("numeric", [text])
    assert [str(value) for value in column.read().to_pylist()] == [text]


def test_numeric_nan_of_fixed_scale_out_is_an_error_by_default(column: Column) -> None:
    column.store("numeric(5,2)", ["1.5", "NaN"])
    with pytest.raises(DataError) as caught:
        column.read()
    assert (caught.value.column, caught.value.row) == ("v", 1)
