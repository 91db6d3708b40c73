"""inet and cidr: text in Arrow, classes of ipaddress in Python; no bits right of a cidr's prefix."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from howdah import ConversionError, DataError

if TYPE_CHECKING:
    import howdah
    from tests.python.conftest import Sql
    from tests.python.types.conftest import Column

# What goes in and comes back, and what the server makes of it as text.
INET = [
    ("192.168.0.1", "192.168.0.1/32"),
    ("10.1.2.3/8", "10.1.2.3/8"),
    ("0.0.0.0/0", "0.0.0.0/0"),
    ("2001:db8::1", "2001:db8::1/128"),
    ("fe80::1/64", "fe80::1/64"),
    ("::1.2.3.4", "::1.2.3.4/128"),
    ("::ffff:1.2.3.4/96", "::ffff:1.2.3.4/96"),
]
CIDR = [
    (text, text) for text in ("10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0", "2001:db8::/32", "::/0", "::ffff:1.2.3.0/120")
]
CASES = [("inet", INET), ("cidr", CIDR)]


@pytest.mark.parametrize("road", ["rows", "tuples", "arrow"])
@pytest.mark.parametrize(("declaration", "pairs"), CASES)
def test_network_texts_come_back_the_same(
    column: Column, declaration: str, pairs: list[tuple[str, str]], road: Any
) -> None:
    column.round_trip(declaration, pa.string(), pairs, road)


@pytest.mark.parametrize("arrow", [pa.large_string(), pa.string_view()], ids=str)
def test_network_takes_every_string(column: Column, arrow: pa.DataType) -> None:
    given = pa.array([text for text, _ in INET] + [None], arrow)
    assert column.load("inet", given) == [*(shown for _, shown in INET), None]


def test_network_takes_dictionaries(column: Column) -> None:
    given = pa.array(["10.0.0.0/8", None, "10.0.0.0/8"]).dictionary_encode()
    assert column.load("cidr", given) == ["10.0.0.0/8", None, "10.0.0.0/8"]


def test_network_takes_python_s_own_addresses(column: Column) -> None:
    given = [
        ipaddress.ip_address("10.0.0.1"),
        ipaddress.ip_interface("10.1.2.3/8"),
        ipaddress.ip_network("2001:db8::/32"),
        None,
    ]
    assert column.load("inet", given, "rows") == ["10.0.0.1/32", "10.1.2.3/8", "2001:db8::/32", None]
    networks = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_address("::1")]
    assert column.load("cidr", networks, "rows") == ["10.0.0.0/8", "::1/128"]
    assert column.load("inet[]", [given], "rows") == ["{10.0.0.1,10.1.2.3/8,2001:db8::/32,NULL}"]


UNFIT = [
    ("inet", "10.0.0.256"),
    ("inet", "10.1"),
    ("inet", "10.0.0.1/33"),
    ("inet", "::1/129"),
    ("inet", ""),
    ("inet", ipaddress.ip_address("fe80::1%eth0")),
    ("cidr", "10.0.0.1/8"),
    ("cidr", ipaddress.ip_interface("10.0.0.1/8")),
]


@pytest.mark.parametrize(("declaration", "value"), UNFIT, ids=str)
def test_network_that_is_none_names_its_place(db: howdah.Database, sql: Sql, declaration: str, value: object) -> None:
    sql(f"CREATE TABLE t (v {declaration})")
    fine = "10.0.0.0/8"
    for rows in ([{"v": fine}, {"v": value}], pa.table({"v": [fine, str(value)]})):
        with pytest.raises(DataError) as caught:
            db.load("t", rows)
        assert (caught.value.column, caught.value.row) == ("v", 1)
    assert sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize("value", [5, b"\x0a\0\0\1", ["10.0.0.1"]], ids=str)
def test_network_of_another_type_is_refused(db: howdah.Database, sql: Sql, value: object) -> None:
    sql("CREATE TABLE t (v inet)")
    with pytest.raises(ConversionError, match="expected inet, got") as caught:
        db.load("t", [{"v": "10.0.0.1"}, {"v": value}])
    assert (caught.value.column, caught.value.row) == ("v", 1)
