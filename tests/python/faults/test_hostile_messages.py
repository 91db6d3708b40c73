"""A server that answers statements with malformed messages: an error in time, no hang, no panic, no wrong result."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.faults.faces import FACES, Face, in_time
from tests.python.faults.hostile import (
    BOUND,
    COPY_OUT,
    INT4,
    NO_DATA,
    PARSED,
    READY,
    TEXT,
    Column,
    Hostile,
    Script,
    columns,
    complete,
    copy_in,
    described,
    error,
    message,
    parameters,
    result,
    row,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
LIMIT_S = 2.0
ONE = struct.pack("!i", 1)
N = Column("n", INT4)
WIDE = columns(*[Column(f"c{n}", INT4) for n in range(32_767)])

QUERIES: dict[str, Callable[[Face], Any]] = {
    "fetch": lambda face: face.fetch("SELECT"),
    "fetch_one": lambda face: face.fetch_one("SELECT"),
    "fetch_value": lambda face: face.fetch_value("SELECT"),
    "stream": lambda face: face.stream("SELECT"),
    "read": lambda face: face.read("SELECT"),
}
EXECUTE: dict[str, Callable[[Face], Any]] = {"execute": lambda face: face.execute("UPDATE")}
VERBS = QUERIES | EXECUTE | {"execute_many": lambda face: face.execute_many("UPDATE", [(), ()])}

FRAMES: dict[str, bytes] = {
    "empty frame": message(b"D", length=0),
    "short frame": message(b"D", length=3),
    "negative frame": message(b"D", length=-1),
    "least frame": message(b"D", length=-(2**31)),
    "longest frame": message(b"D", length=2**31 - 1),
    "frame of a gibibyte": message(b"D", length=2**30),
    "unknown tag": message(b"\xfe", b"???") + READY,
    "tag of zero": message(b"\0", b"\0\0") + READY,
    "a client's tag": message(b"B", b"\0\0") + READY,
    "error without fields": message(b"E") + READY,
    "error with an end only": message(b"E", b"\0") + READY,
    "error without an end": message(b"E", b"SERROR\0C42601\0Mno") + READY,
    "error of no text": message(b"E", b"SERROR\0C\xff\xff\0M\xff\xfe\0P\xff\0\0") + READY,
    "error with an absurd position": error(S="ERROR", C="42601", M="no", P="-99999999999999999999") + READY,
    "error with an absurd context": error(S="ERROR", C="22P02", M="no", W="COPY t, line 0, column") + READY,
    "copy in": copy_in() + READY,
    "copy in without a body": message(b"G") + READY,
    "copy both": message(b"W", b"\0\0\0") + READY,
    "notification without a body": message(b"A") + READY,
    "notification without an end": message(b"A", b"\0\0\0\1channel") + READY,
    "setting without an end": message(b"S", b"TimeZone") + READY,
    "authentication request": message(b"R", struct.pack("!i", 3)) + READY,
    "ready without a status": complete() + message(b"Z"),
    "ready with an unknown status": complete() + message(b"Z", b"?"),
    "nothing but ready": READY,
}

DESCRIPTIONS: dict[str, bytes] = {
    "no parameters": PARSED + columns(N) + READY,
    "parameters without a body": PARSED + message(b"t") + columns(N) + READY,
    "parameters cut short": PARSED + message(b"t", b"\0\2\0\0\0\x17") + columns(N) + READY,
    "parameters that are not there": PARSED + message(b"t", b"\xff\xff") + columns(N) + READY,
    "neither columns nor their absence": PARSED + parameters() + READY,
    "columns without a body": PARSED + parameters() + message(b"T") + READY,
    "columns of garbage": PARSED + parameters() + message(b"T", b"\0\1garbage") + READY,
    "fewer columns than counted": PARSED + parameters() + columns(N, count=2) + READY,
    "a negative count of columns": PARSED + parameters() + columns(N, count=0xFFFF) + READY,
    "more columns than counted": PARSED + parameters() + columns(N, N, count=1) + READY,
    "32,767 columns that are not there": PARSED + parameters() + columns(N, count=32_767) + READY,
    "32,767 columns": PARSED + parameters() + WIDE + READY,
    "another number of columns": described(N, N),
    "no columns": described(),
    "an unasked parameter": described(N, takes=[INT4]),
    "32,767 unasked parameters": described(N, takes=[INT4] * 32_767),
}

RESULTS: dict[str, bytes] = {
    "a row without a body": BOUND + message(b"D") + complete() + READY,
    "a row with half a count": BOUND + message(b"D", b"\0") + complete() + READY,
    "a row of no columns": result(row()),
    "a row of too many columns": result(row(ONE, ONE)),
    "a row of fewer columns than counted": result(row(count=1)),
    "a row of 65,535 columns that are not there": result(row(ONE, count=65_535)),
    "a cell longer than its row": BOUND + message(b"D", b"\0\1\0\0\0\4ab") + complete() + READY,
    "a cell of 2 GiB": BOUND + message(b"D", b"\0\1\x7f\xff\xff\xff\0\0\0\1") + complete() + READY,
    "a cell of length -2": BOUND + message(b"D", b"\0\1\xff\xff\xff\xfe\0\0\0\1") + complete() + READY,
    "a cell with half a length": BOUND + message(b"D", b"\0\1\0\0") + complete() + READY,
    "bytes behind the cells": BOUND + message(b"D", b"\0\1\0\0\0\4\0\0\0\1more") + complete() + READY,
    "a row, and no end": BOUND + row(ONE) + READY,
    "no row, and no end": BOUND + READY,
    "an unasked suspension": BOUND + row(ONE) + message(b"s") + READY,
    "an error behind the rows": BOUND + row(ONE) + error(S="ERROR", C="22012", M="no") + READY,
    "rows behind an error": BOUND + error(S="ERROR", C="22012", M="no") + row(ONE) + complete() + READY,
    "copy out": BOUND + COPY_OUT + message(b"d", b"PGCOPY\n\xff\r\n\0") + message(b"c") + complete() + READY,
    "another description": BOUND + columns(N, N) + row(ONE) + complete() + READY,
}


def ask(kind: str, script: Script, call: Callable[[Face], Any]) -> Any:
    """Ask a server that answers by a script."""
    with Hostile(script) as hostile:
        face: Face = FACES[kind](hostile.url(), max_size=1, connect_timeout_s=1)
        try:
            return in_time(LIMIT_S, lambda: call(face), hostile.close)
        finally:
            face.close()


def is_refused(kind: str, script: Script, call: Callable[[Face], Any]) -> None:
    with pytest.raises(howdah.Error) as caught:
        ask(kind, script, call)
    assert str(caught.value)


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("verb", QUERIES)
def test_good_answer_of_the_scripted_server_is_taken(kind: str, verb: str) -> None:
    script = Script(P=described(N), B=result(row(ONE)), E=complete() + READY)
    good = {"fetch_one": {"n": 1}, "fetch_value": 1}
    assert ask(kind, script, QUERIES[verb]) == good.get(verb, [{"n": 1}])


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("case", FRAMES)
def test_first_answer_of_nonsense_is_an_error(kind: str, verb: str, case: str) -> None:
    is_refused(kind, Script(P=FRAMES[case], Q=FRAMES[case]), VERBS[verb])


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("verb", QUERIES)
@pytest.mark.parametrize("case", FRAMES)
def test_second_answer_of_nonsense_is_an_error(kind: str, verb: str, case: str) -> None:
    is_refused(kind, Script(P=described(N), B=FRAMES[case]), QUERIES[verb])


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("verb", QUERIES)
@pytest.mark.parametrize("case", FRAMES)
def test_nonsense_behind_a_row_is_an_error(kind: str, verb: str, case: str) -> None:
    is_refused(kind, Script(P=described(N), B=BOUND + row(ONE) + FRAMES[case]), QUERIES[verb])


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("verb", QUERIES)
@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_description_of_nonsense_is_an_error(kind: str, verb: str, case: str) -> None:
    is_refused(kind, Script(P=DESCRIPTIONS[case], B=result(row(ONE))), QUERIES[verb])


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("verb", QUERIES)
@pytest.mark.parametrize("case", RESULTS)
def test_result_of_nonsense_is_an_error(kind: str, verb: str, case: str) -> None:
    is_refused(kind, Script(P=described(N), B=RESULTS[case], E=complete() + READY), QUERIES[verb])


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("verb", ["fetch", "stream", "read"])
def test_bad_row_behind_a_good_one_is_an_error(kind: str, verb: str) -> None:
    script = Script(P=described(N), B=result(row(ONE), row(ONE, ONE)), E=complete() + READY)
    is_refused(kind, script, QUERIES[verb])


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("verb", QUERIES)
def test_answers_to_nothing_cost_the_connection_at_most(kind: str, verb: str) -> None:
    def twice(face: Face) -> None:
        for _ in range(2):
            assert QUERIES[verb](face) == good.get(verb, [{"n": 1}])

    good = {"fetch_one": {"n": 1}, "fetch_value": 1}
    for more in (READY, READY + READY, row(ONE) + READY, result(row(struct.pack("!i", 2))), complete()):
        script = Script(P=described(N), B=result(row(ONE)) + more, E=complete() + READY)
        try:
            ask(kind, script, twice)
        except howdah.Error:
            continue


@pytest.mark.parametrize("kind", FACES)
def test_names_of_no_text_are_an_error_or_shown(kind: str) -> None:
    script = Script(P=described(Column(b"\xff\xfe", INT4)), B=result(row(ONE)), E=complete() + READY)
    for verb in QUERIES.values():
        ask(kind, script, verb)


@pytest.mark.parametrize("kind", FACES)
def test_columns_of_one_name_lose_no_value_unseen(kind: str) -> None:
    script = Script(P=described(N, N), B=result(row(ONE, ONE)))
    assert ask(kind, script, QUERIES["fetch_value"]) == 1
    for verb in ("fetch", "read"):
        try:
            ask(kind, script, QUERIES[verb])
        except howdah.Error:
            continue


TYPES: dict[str, bytes] = {
    "no answer": PARSED + READY,
    "no row": PARSED + BOUND + columns(Column("typname", TEXT)) + complete("SELECT 0") + READY,
    "another number of columns": PARSED + BOUND + columns(Column("typname", TEXT)) + row(b"x") + complete() + READY,
    "other types": PARSED + BOUND + columns(*[N] * 6) + row(*[ONE] * 6) + complete() + READY,
    "nulls": PARSED + BOUND + columns(*[Column("x", TEXT)] * 6) + row(*[None] * 6) + complete() + READY,
    "an error": error(S="ERROR", C="42501", M="no") + READY,
    "garbage": message(b"\xfe") + READY,
}


def catalogued(kind: bytes, inner: int, labels: int = 0) -> bytes:
    """The answer to what a type is: of a kind, and made of another; with labels that are not there."""
    names = [Column(name, TEXT) for name in ("typname", "nspname", "kind")]
    shape = columns(*names, Column("inner", 26), Column("labels", 1009), Column("types", 1028))
    empty = struct.pack("!iiIii", 1, 0, TEXT, labels, 1) if labels else struct.pack("!iiI", 0, 0, TEXT)
    none = struct.pack("!iiI", 0, 0, 26)
    cells = row(b"endless", b"public", kind, struct.pack("!I", inner), empty, none)
    return PARSED + BOUND + shape + cells + complete() + READY


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("oid", [0, 2, 999_999, 2**32 - 1])
@pytest.mark.parametrize("case", TYPES)
def test_type_that_does_not_exist_is_an_error(kind: str, oid: int, case: str) -> None:
    script = Script(P=described(Column("v", oid)), PB=TYPES[case], B=result(row(b"abc")))
    for verb in ("fetch", "stream", "read"):
        is_refused(kind, script, QUERIES[verb])


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("made_of", [b"domain", b"array", b"range", b"multirange"])
def test_type_made_of_itself_is_an_error(kind: str, made_of: bytes) -> None:
    script = Script(P=described(Column("v", 999_999)), PB=catalogued(made_of, 999_999), B=result(row(b"abc")))
    is_refused(kind, script, QUERIES["fetch"])


def ask_for_absurd_labels(labels: int) -> None:
    """Ask a server whose enum has more labels than there is memory for; whoever makes room for them is killed."""
    resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))
    script = Script(P=described(Column("v", 999_999)), PB=catalogued(b"enum", 0, labels), B=result(row(b"abc")))
    for kind in FACES:
        is_refused(kind, script, QUERIES["fetch"])


@pytest.mark.parametrize("labels", [1, 2**28, 2**31 - 1])
def test_type_with_absurdly_many_labels_is_an_error(labels: int) -> None:
    code = f"from {__name__} import ask_for_absurd_labels as ask; ask({labels})"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]


# Prints by how many MB its memory grew at most.
SETTINGS = """
import asyncio, pathlib, sys, howdah
def memory(name):
    text = pathlib.Path("/proc/self/status").read_text("ascii")
    return int(text.partition(name + ":")[2].split()[0]) // 1024
def blocking(url):
    with howdah.Database(url, max_size=1) as db:
        db.execute("UPDATE")
async def awaiting(url):
    async with howdah.AsyncDatabase(url, max_size=1) as db:
        await db.execute("UPDATE")
before = memory("VmRSS")
blocking(sys.argv[2]) if sys.argv[1] == "blocking" else asyncio.run(awaiting(sys.argv[2]))
print(memory("VmHWM") - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the figures are of /proc")
@pytest.mark.parametrize("kind", FACES)
def test_settings_without_an_end_are_bounded(kind: str) -> None:
    flood = b"".join(message(b"S", text(f"app.s{n}") + text("x" * 10_000)) for n in range(20_000))
    answers = {"Q": flood + complete("UPDATE 0") + READY, "P": PARSED + parameters() + NO_DATA + READY}
    with Hostile(Script(**answers, B=flood + BOUND + complete("UPDATE 0") + READY)) as hostile:
        command = [sys.executable, "-c", SETTINGS, kind, hostile.url()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    # A thousand names are kept of 200 MB.
    assert int(done.stdout) < 80


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("tag", ["", "SELECT", "UPDATE -5", "UPDATE 99999999999999999999999", "UPDATE 1 2 3 x", "\xff"])
def test_command_tags_of_nonsense_are_an_error_or_no_rows(kind: str, tag: str) -> None:
    script = Script(Q=message(b"C", text(tag.encode("latin-1"))) + READY)
    try:
        assert ask(kind, script, EXECUTE["execute"]) == 0
    except howdah.Error:
        return
