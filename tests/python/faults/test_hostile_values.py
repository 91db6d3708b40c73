"""A server whose values do not have their type's format: an error by every method, never a panic or a wrong value."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import pytest

import howdah
from tests.python.faults.faces import FACES
from tests.python.faults.hostile import READY, Column, Script, complete, described, result, row
from tests.python.faults.test_hostile_messages import QUERIES, ask

INT4, TEXT = 23, 25

# Types by the bytes that a value of them has.
SIZES = {
    "bool": (16, 1),
    "int2": (21, 2),
    "int4": (23, 4),
    "int8": (20, 8),
    "oid": (26, 4),
    "float4": (700, 4),
    "float8": (701, 8),
    "date": (1082, 4),
    "time": (1083, 8),
    "timestamp": (1114, 8),
    "timestamptz": (1184, 8),
    "interval": (1186, 16),
    "uuid": (2950, 16),
}


def numeric(count: int, *digits: int, weight: int = 0, sign: int = 0, scale: int = 0) -> bytes:
    """A numeric: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/numeric.c."""
    return struct.pack(f"!hhHH{len(digits)}H", count, weight, sign, scale, *digits)


def array(ndim: int, *lengths: int, oid: int = INT4, flags: int = 0, body: bytes = b"") -> bytes:
    """An array: https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/arrayfuncs.c."""
    return struct.pack("!iiI", ndim, flags, oid) + b"".join(struct.pack("!ii", n, 1) for n in lengths) + body


def cell(value: bytes, length: int | None = None) -> bytes:
    """An element of an array, with a length that may not be its own."""
    return struct.pack("!i", len(value) if length is None else length) + value


ONE = cell(struct.pack("!i", 1))
MOST = 2**31 - 1

BAD: dict[str, tuple[int, bytes]] = {
    **{
        f"{name} of {wrong} bytes": (oid, b"\1" * wrong)
        for name, (oid, size) in SIZES.items()
        for wrong in {0, size - 1, size + 1, 2 * size, 1000} - {size}
    },
    "time before midnight": (1083, struct.pack("!q", -1)),
    "time beyond midnight": (1083, struct.pack("!q", 86_400_000_001)),
    "time of the largest number": (1083, struct.pack("!q", 2**63 - 1)),
    "numeric without a header": (1700, b""),
    "numeric with half a header": (1700, b"\0\1\0\0\0\0\0"),
    "numeric with fewer digits than counted": (1700, numeric(4, 1, 2)),
    "numeric with more digits than counted": (1700, numeric(1, 1, 2)),
    "numeric of 32,767 digits that are not there": (1700, numeric(32_767, 1)),
    "numeric with a negative count": (1700, numeric(-1, 1)),
    "numeric with a digit of 10,000": (1700, numeric(1, 10_000)),
    "numeric with a digit of 65,535": (1700, numeric(1, 65_535)),
    "numeric with an unknown sign": (1700, numeric(1, 1, sign=0x1234)),
    "numeric with half a digit": (1700, numeric(2, 1) + b"\0"),
    "inet without a header": (869, b""),
    "inet with half a header": (869, b"\2\x20"),
    "inet of an unknown family": (869, b"\x09\x20\0\4\1\2\3\4"),
    "inet with 33 bits": (869, b"\2\x21\0\4\1\2\3\4"),
    "inet6 with 129 bits": (869, b"\3\x81\0\x10" + bytes(16)),
    "inet with fewer bytes than counted": (869, b"\2\x20\0\4\1\2\3"),
    "inet with more bytes than counted": (869, b"\2\x20\0\4\1\2\3\4\5"),
    "inet of three bytes": (869, b"\2\x18\0\3\1\2\3"),
    "inet of sixteen bytes": (869, b"\2\x20\0\x10" + bytes(16)),
    "inet6 of four bytes": (869, b"\3\x20\0\4\1\2\3\4"),
    "cidr with 255 bits": (650, b"\2\xff\1\4\1\2\3\4"),
    "jsonb without a version": (3802, b""),
    "jsonb of version 2": (3802, b"\2{}"),
    "jsonb of no text": (3802, b"\1\xff"),
    "text of no UTF-8": (25, b"\xff\xfe"),
    "text cut in a character": (25, b"abc\xe2\x82"),
    "text of a surrogate": (25, b"\xed\xa0\x80"),
    "text of an overlong zero": (25, b"\xc0\x80"),
    "varchar of no UTF-8": (1043, b"caf\xe9"),
    "bpchar of no UTF-8": (1042, b"caf\xe9"),
    "name of no UTF-8": (19, b"caf\xe9"),
    "json of no UTF-8": (114, b'"caf\xe9"'),
    "array without a header": (1007, b""),
    "array with half a header": (1007, b"\0\0\0\1\0\0\0\0"),
    "array of -1 dimensions": (1007, array(-1)),
    "array of 7 dimensions": (1007, array(7, *[1] * 7, body=ONE)),
    "array of 2,147,483,647 dimensions": (1007, array(MOST)),
    "array of 1 dimension that is not there": (1007, array(1)),
    "array of 2 dimensions, one of which is not there": (1007, array(2, 1)),
    "array of a negative length": (1007, array(1, -1)),
    "array of 2,147,483,647 elements that are not there": (1007, array(1, MOST)),
    "array of too many elements to count": (1007, array(6, *[65_536] * 6)),
    "array of more elements than 64 bits count": (1007, array(6, *[MOST] * 6)),
    "array of elements of another type": (1007, array(1, 1, oid=TEXT, body=ONE)),
    "array of elements of no type": (1007, array(1, 1, oid=0, body=ONE)),
    "array with an element of three bytes": (1007, array(1, 1, body=cell(b"abc"))),
    "array with an element of length -2": (1007, array(1, 1, body=cell(b"abcd", -2))),
    "array with an element longer than it": (1007, array(1, 1, body=cell(b"abcd", MOST))),
    "array with an element that is not there": (1007, array(1, 2, body=ONE)),
    "array with bytes behind its elements": (1007, array(1, 1, body=ONE + b"\0")),
    "empty array with bytes behind it": (1007, array(0, body=ONE)),
    "array of texts, one of no UTF-8": (1009, array(1, 1, oid=TEXT, body=cell(b"\xff"))),
    "array of numerics, one cut short": (1231, array(1, 1, oid=1700, body=cell(b"\0\4\0\0\0\0\0\0"))),
}

# An answer may be made of these, if it is no lie; what it must not be is a panic.
ODD: dict[str, tuple[int, bytes]] = {
    "bool of 2": (16, b"\2"),
    "least date": (1082, struct.pack("!i", -(2**31))),
    "greatest date": (1082, struct.pack("!i", 2**31 - 1)),
    "date before all": (1082, struct.pack("!i", -(2**31) + 1)),
    "least timestamp": (1114, struct.pack("!q", -(2**63))),
    "greatest timestamp": (1114, struct.pack("!q", 2**63 - 1)),
    "timestamp before all": (1114, struct.pack("!q", -(2**63) + 1)),
    "timestamp after all": (1184, struct.pack("!q", 2**63 - 2)),
    "greatest interval": (1186, struct.pack("!qii", 2**63 - 1, MOST, MOST)),
    "least interval": (1186, struct.pack("!qii", -(2**63), -MOST - 1, -MOST - 1)),
    "mixed interval": (1186, struct.pack("!qii", 2**63 - 1, -MOST, MOST)),
    "numeric of the greatest weight": (1700, numeric(1, 9999, weight=32_767)),
    "numeric of the least weight": (1700, numeric(1, 1, weight=-32_768, scale=16_383)),
    "numeric with an absurd scale": (1700, numeric(1, 1, scale=65_535)),
    "numeric without digits": (1700, numeric(0, weight=-32_768, scale=65_535)),
    "numeric that is no number, with digits": (1700, numeric(1, 1, sign=0xC000)),
    "negative zero": (1700, numeric(0, sign=0x4000)),
    "cidr with bits behind its mask": (650, b"\2\x08\1\4\x0a\xff\xff\xff"),
    "inet that is a cidr": (869, b"\2\x20\1\4\1\2\3\4"),
    "json of nonsense": (114, b"{"),
    "json of deep arrays": (114, b"[" * 100_000),
    "json of a long number": (114, b"9" * 10_000),
    "jsonb of nonsense": (3802, b"\1{"),
    "text of zeros": (25, b"\0\0"),
    "float4 of a signalling NaN": (700, b"\x7f\xa0\0\0"),
    "array with absurd bounds": (1007, struct.pack("!iiIii", 1, 0, INT4, 1, MOST) + ONE),
    "array of unknown flags": (1007, array(1, 1, flags=77, body=ONE)),
    "array of one dimension without elements": (1007, array(1, 0)),
    "array of three dimensions, one of none": (1007, array(3, 2**16, 0, 2**16)),
    "an enum's text of no UTF-8": (705, b"\xff"),
    "a range of garbage": (3904, b"\xff\xff\xff\xff"),
    "a composite of garbage": (2249, b"\x7f\xff\xff\xff"),
    "a bit string of garbage": (1560, b"\x7f\xff\xff\xff\1"),
    "a MAC of garbage": (829, b"\1"),
    "a point of garbage": (600, b"\1"),
    "a timetz of garbage": (1266, b"\1" * 11),
    "money of garbage": (790, b"\1"),
    "void": (2278, b"xyz"),
    "a vector of garbage": (30, array(7, body=b"x")),
}


def script(oid: int, *cells: bytes | None) -> Script:
    """Answers every query with rows of one column."""
    rows = result(*[row(value) for value in cells])
    return Script(P=described(Column("v", oid)), B=rows, E=complete() + READY)


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("verb", QUERIES)
@pytest.mark.parametrize("case", BAD)
def test_value_that_is_none_of_its_type_is_an_error(kind: str, verb: str, case: str) -> None:
    oid, value = BAD[case]
    with pytest.raises(howdah.Error) as caught:
        ask(kind, script(oid, value), QUERIES[verb])
    assert str(caught.value)


@pytest.mark.parametrize("verb", ["fetch", "stream", "read"])
@pytest.mark.parametrize("case", BAD)
def test_bad_value_behind_good_ones_is_an_error(verb: str, case: str) -> None:
    oid, value = BAD[case]
    with pytest.raises(howdah.Error):
        ask("blocking", script(oid, None, None, value), QUERIES[verb])


@pytest.mark.parametrize("verb", QUERIES)
@pytest.mark.parametrize("case", ODD)
def test_odd_value_is_an_answer_or_an_error(verb: str, case: str) -> None:
    oid, value = ODD[case]
    # Arrow holds days and times that Python has none for.
    calls = QUERIES | {"read": lambda face: face.rows_read("SELECT")}
    for kind in FACES:
        with contextlib.suppress(howdah.Error):
            ask(kind, script(oid, value), calls[verb])


@pytest.mark.parametrize("verb", QUERIES)
@pytest.mark.parametrize("oid", [16, 20, 21, 23, 25, 26, 114, 700, 701, 1007, 1082, 1114, 1184, 1186, 1700, 2950])
def test_null_of_every_type_is_none(verb: str, oid: int) -> None:
    wanted: dict[str, Any] = {"fetch_value": None, "fetch_one": {"v": None}}
    assert ask("blocking", script(oid, None), QUERIES[verb]) == wanted.get(verb, [{"v": None}])
