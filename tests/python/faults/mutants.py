"""Replays a recorded session with bytes flipped, put in and left out.

It is a program of its own, lest a crash takes pytest along. It writes what was neither an answer nor a `howdah.Error`,
and at the end how many of each there were.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import random
import resource
import socket
import sys
import threading
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import howdah
from tests.python.faults.faces import FACES
from tests.python.faults.proxy import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.faults.faces import Face

CASE_LIMIT_S = 20.0
MEMORY_BYTES = 2 << 30
# What lengths and counts are like when they are wrong.
NUMBERS = [b"\0\0\0\0", b"\0\0\0\3", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\0\0\0"]
# When the client has nothing more to say, and when it waits in vain for the rest of an answer.
SAID_S = 0.003
IN_VAIN_S = 0.03

PREPARE = """
DROP TABLE IF EXISTS mutants;
CREATE TABLE mutants (id int PRIMARY KEY, v text);
DROP TYPE IF EXISTS mood CASCADE;
CREATE TYPE mood AS ENUM ('calm', 'musth')
"""

MANY_TYPES = """
SELECT true AS b, 1::int2 AS i2, 2::int4 AS i4, 3::int8 AS i8, 1.5::float4 AS f4, 2.5::float8 AS f8, 'text' AS t,
'name'::name AS n, '\\xdeadbeef'::bytea AS by, 123456.789::numeric AS num, date '2026-01-02' AS d,
time '03:04:05' AS ti, timestamp '2026-01-02 03:04:05' AS ts,
timestamptz '2026-01-02 03:04:05Z' AS tz, interval '1 mon 2 days 3 s' AS iv,
'6a5a3a40-0000-4000-8000-000000000001'::uuid AS u, '{"a": [1, null]}'::json AS j, '{"b": {"c": 2}}'::jsonb AS jb,
ARRAY[1, NULL, 3] AS ia, ARRAY['x', NULL] AS ta, ARRAY[1.5, 2.25]::numeric[] AS na, NULL::int AS nothing
FROM generate_series(1, 3)
"""


MATRIX = "ARRAY[['x', 'y'], ['z', NULL]] AS m"


def in_transaction(face: Face) -> None:
    """Run two statements, one of which fails."""
    with contextlib.suppress(howdah.DataError):
        face.in_transaction("SELECT 1", "SELECT 1 / 0")


STEPS: dict[str, Callable[[Face], Any]] = {
    "execute": lambda face: face.execute("SELECT 1"),
    "fetch": lambda face: face.fetch(MANY_TYPES),
    "fetch inet": lambda face: face.fetch(f"SELECT inet '10.0.0.1/8' AS i, cidr '10.0.0.0/8' AS c, {MATRIX}"),
    "fetch enum": lambda face: face.fetch("SELECT 'calm'::mood AS m, ARRAY['musth'::mood] AS ms"),
    "fetch_one": lambda face: face.fetch_one("SELECT $1::int AS n, $2::text AS t", 7, "x"),
    "stream": lambda face: face.stream("SELECT n, repeat('x', 20) AS t FROM generate_series(1, 5) AS n", batch_rows=2),
    "read": lambda face: face.rows_read(MANY_TYPES.replace("AS nothing", "AS none")),
    "execute_many": lambda face: face.execute_many("UPDATE mutants SET v = $2 WHERE id = $1", [(1, "a"), (2, "b")]),
    "load": lambda face: face.load("mutants", [{"id": 1, "v": "x"}, {"id": 2, "v": None}]),
    "fails": in_transaction,
    "delete": lambda face: face.execute("DELETE FROM mutants"),
}


def session(face: Face, done: Callable[[str], object]) -> None:
    """Do all that is recorded, and then replayed."""
    for name, step in STEPS.items():
        step(face)
        done(name)


def mutated(turns: list[bytes], dice: random.Random) -> list[bytes]:
    """Change some bytes of a recording, in one place to three."""
    turns = list(turns)
    for _ in range(dice.randint(1, 3)):
        turn = dice.randrange(len(turns))
        data = bytearray(turns[turn])
        at = dice.randrange(len(data))
        match dice.randrange(6):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                data[at] = dice.randrange(256)
            case 2:
                data[at:at] = dice.randbytes(dice.randint(1, 8))
            case 3:
                del data[at : at + dice.randint(1, 8)]
            case 4:
                data[at : at + 4] = dice.choice(
                    [b"\0\0\0\0", b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\3", b"\x80\0\0\0"]
                )
            case _:
                end = at + dice.randint(1, 40)
                data[at:at] = data[at:end]
        turns[turn] = bytes(data) or b"\0"
    return turns


def replay(client: socket.socket, turns: list[bytes]) -> None:
    """Answer with a recording, whatever is asked."""
    vain = 0
    with client, contextlib.suppress(OSError):
        for turn in turns:
            client.settimeout(IN_VAIN_S)
            vain += 1
            with contextlib.suppress(TimeoutError):
                while True:
                    if not client.recv(1 << 16):
                        return
                    vain = 0
                    client.settimeout(SAID_S)
            if vain > 1:
                break
            client.settimeout(1)
            client.sendall(turn)
        client.shutdown(socket.SHUT_WR)
        while client.recv(1 << 16):
            pass


def run_case(kind: str, turns: list[bytes], serving: socket.socket) -> str:
    """Give how a session ended against a recording: at which step, and by which error."""
    threads: list[threading.Thread] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = serving.accept()
                thread = threading.Thread(target=replay, args=(client, turns), daemon=True)
                thread.start()
                threads.append(thread)

    accepting = threading.Thread(target=serve, daemon=True)
    accepting.start()
    url = f"postgresql://postgres@{LOOPBACK}:{serving.getsockname()[1]}/postgres?sslmode=disable"
    face = FACES[kind](url, max_size=1, connect_timeout_s=1, acquire_timeout_s=1, application_name="mutant")
    steps = ["login"]
    try:
        session(face, steps.append)
    except howdah.Error as error:
        return type(error).__name__
    else:
        return "answer"
    finally:
        face.close()
        serving.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for thread in threads:
            thread.join()


def main() -> None:
    """Run the cases."""
    recording, seed, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    first = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    turns = [bytes.fromhex(turn) for turn in json.loads(recording.read_text())]
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    outcomes: Counter[str] = Counter()
    for case in range(first, first + count):
        sys.stdout.write(f"case {case}\n")
        sys.stdout.flush()
        faulthandler.dump_traceback_later(CASE_LIMIT_S, exit=True)
        dice = random.Random(f"{seed}-{case}")  # noqa: S311  (chance that can be had again)
        with socket.create_server((LOOPBACK, 0)) as serving:
            try:
                outcomes[run_case(dice.choice(list(FACES)), mutated(turns, dice), serving)] += 1
            except BaseException:  # noqa: BLE001  (a panic is no Exception)
                sys.stdout.write(f"bad {case}\n{traceback.format_exc()}\n")
    sys.stdout.write(f"{json.dumps(outcomes)}\n")


if __name__ == "__main__":
    main()
