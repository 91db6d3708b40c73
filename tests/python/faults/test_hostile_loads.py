"""A server that answers a load with malformed messages: an error in time, and never a wrong count of rows."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import pytest

from tests.python.faults.faces import FACES
from tests.python.faults.hostile import (
    BOUND,
    COPY_OUT,
    INT4,
    READY,
    TEXT,
    Column,
    Script,
    complete,
    copy_in,
    described,
    error,
    message,
    result,
    row,
)
from tests.python.faults.test_hostile_messages import FRAMES, ask, is_refused

if TYPE_CHECKING:
    from tests.python.faults.faces import Face

# The columns of the question that a load asks first.
ASKED = [
    *[Column("x", TEXT)],
    *[Column("x", 16)] * 2,
    *[Column("x", TEXT)] * 2,
    Column("x", 26),
    Column("x", INT4),
    Column("x", 16),
]
DESCRIBED = described(*ASKED, takes=[TEXT])
ID = row(b"id", b"\0", b"\0", b"", b"", struct.pack("!I", INT4), struct.pack("!i", -1), b"\1")

COPIES: dict[str, bytes] = {
    "no copy": complete("COPY 1") + READY,
    "copy out": COPY_OUT,
    "copy out, and all of it": COPY_OUT + message(b"c") + complete("COPY 1") + READY,
    "copy both": message(b"W", b"\1\0\1\0\1"),
}
ENDS: dict[str, bytes] = {
    "no count": READY,
    "an error without fields": message(b"E") + READY,
    "an error that names a row beyond all": error(S="ERROR", C="22P02", M="no", W="COPY t, line 99999999999999999999")
    + READY,
    "another copy": copy_in() + READY,
    "an error and a count": error(S="ERROR", C="23505", M="no") + complete("COPY 1") + READY,
}
COLUMNS: dict[str, bytes] = {
    "no rows": result(),
    "other columns": result(row(b"id")),
    "nulls": result(row(*[None] * 8)),
    "wrong lengths": result(row(b"id", b"", b"", b"", b"", b"\0", b"\0", b"\1")),
    "a name of no text": result(
        row(b"\xff", b"\0", b"\0", b"", b"", struct.pack("!I", INT4), b"\xff\xff\xff\xff", b"\1")
    ),
    "a type that does not exist": result(
        row(b"id", b"\0", b"\0", b"", b"", struct.pack("!I", 999_999), b"\xff\xff\xff\xff", b"\1")
    ),
    "no end": BOUND + ID + READY,
}


def few(face: Face) -> Any:
    return face.load("t", [{"id": 1}])


def many(face: Face) -> Any:
    return face.load("t", ({"id": n} for n in range(100_000)))


LOADS = {"few": few, "many": many}


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("load", LOADS)
def test_good_answers_of_the_scripted_server_are_taken(kind: str, load: str) -> None:
    count = {"few": 1, "many": 100_000}[load]
    script = Script(P=DESCRIBED, B=result(ID), c=complete(f"COPY {count}") + READY)
    assert ask(kind, script, LOADS[load]) == count


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("case", sorted((FRAMES | COPIES).keys() - {"copy in"}))
def test_copy_answered_with_nonsense_is_an_error(kind: str, load: str, case: str) -> None:
    answer = (FRAMES | COPIES)[case]
    # After this the server knows no more of a COPY: whatever comes of it is answered as one that failed.
    script = Script(P=DESCRIBED, B=result(ID), COPY=answer, c=error(S="ERROR", C="08P01", M="no COPY") + READY)
    is_refused(kind, script, LOADS[load])


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("load", LOADS)
@pytest.mark.parametrize("case", sorted((FRAMES | ENDS).keys()))
def test_end_of_a_copy_answered_with_nonsense_is_an_error(kind: str, load: str, case: str) -> None:
    answer = (FRAMES | ENDS)[case]
    is_refused(kind, Script(P=DESCRIBED, B=result(ID), c=answer, f=READY), LOADS[load])


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("case", COLUMNS)
def test_table_described_with_nonsense_is_an_error(kind: str, case: str) -> None:
    nothing = described()
    is_refused(kind, Script(P=DESCRIBED, B=COLUMNS[case], PB=nothing, c=complete("COPY 1") + READY), few)
