"""What is promised of howdah beside its peers: every threshold stands here and nowhere else."""

from __future__ import annotations

from typing import NamedTuple

HOWDAH = "howdah"
HOWDAH_DICTS = "howdah, dicts"
HOWDAH_TUPLES = "howdah, tuples"
PGPQ = "pgpq + psycopg COPY"
ADBC_INGEST = "ADBC adbc_ingest"
ASYNCPG = "asyncpg copy_records_to_table, tuples"
PSYCOPG = "psycopg binary COPY write_row, tuples"
CONNECTORX = "connectorx arrow, binary protocol"
ADBC_FETCH = "ADBC fetch_arrow_table"
PSYCOPG_PREPARED = "psycopg 3 (C), prepared"
PSYCOPG_BINARY = "psycopg 3 (C), prepared, binary"
PSYCOPG_MANY = "psycopg 3 (C) executemany"
HOWDAH_BLOCKING = "howdah, blocking"
HOWDAH_TRANSACTION = "howdah, in a transaction"
HOWDAH_MULTIPLEX = "howdah, multiplex=True"
PSYCOPG_PIPELINE = "psycopg 3 (C), pipeline mode"
ASYNCPG_HELD = "asyncpg, connection held"
ASYNCPG_POOL = "asyncpg pool"
ASYNCPG_FETCH = "asyncpg fetch + dict()"
ASYNCPG_MANY = "asyncpg executemany"
LIMIT_PGBENCH = "limit: pgbench -M prepared -c 1"
LIMIT_PGBENCH_POOL = "limit: pgbench -M prepared -c 10"
LIMIT_PGBENCH_INSERT = "limit: pgbench -M prepared -c 1, the same INSERT"
LIMIT_LOAD = "limit: tokio-postgres sending ready COPY bytes"
LIMIT_DRAIN = "limit: tokio-postgres draining raw DataRows"

ASYNCPG_FETCHROW = "asyncpg pool fetchrow, no objects"
SQLALCHEMY = "SQLAlchemy"
TORTOISE = "Tortoise ORM"
PICCOLO = "Piccolo"
YARA = "Yara ORM"
ORMS = (SQLALCHEMY, TORTOISE, PICCOLO, YARA)

LOOP_NAMES = ("uvloop", "asyncio")

STREAM_IN = "stream in"
STREAM_OUT = "stream out"
SOURCE_ALONE = "the source alone"

HELD_HOWDAH = "GIL held per lookup, howdah"
HELD_PSYCOPG = "GIL held per lookup, psycopg 3 (C)"
LOST_HOWDAH = "another thread's counting lost per lookup, howdah"
LOST_PSYCOPG = "another thread's counting lost per lookup, psycopg 3 (C)"
HANDOVER = "a hand-over of the GIL, taken off the two above"
EXTRACTION = "GIL held per row of a fetch, howdah"


def on(name: str, loop: str) -> str:
    """Return the name of a contestant that runs on an event loop."""
    return f"{name}, {loop}"


class Speed(NamedTuple):
    """Howdah's median time against a peer's, in one part of the run.

    ``at_least`` is how many times as fast as the peer howdah has to be; against a limit it is below 1.
    """

    part: str
    howdah: str
    peer: str
    at_least: float


class Fastest(NamedTuple):
    """Howdah's median time against that of the fastest of some peers, whichever it is in the run."""

    part: str
    howdah: str
    peers: tuple[str, ...]
    at_least: float


class Gil(NamedTuple):
    """The longest that a call, or a row, may keep another thread from running."""

    what: str
    at_most_us: float


class Memory(NamedTuple):
    """The most memory that streaming may take, above the interpreter with its imports."""

    what: str
    at_most_mib: float


def _on_loops(part: str, howdah: str, peer: str, at_least: float) -> list[Speed]:
    """Return a bar for each event loop, howdah and the peer on the same one."""
    return [Speed(part, on(howdah, loop), on(peer, loop), at_least) for loop in LOOP_NAMES]


SPEEDS = (
    Speed("load", HOWDAH, PGPQ, 1.25),
    Speed("load", HOWDAH, ADBC_INGEST, 2.3),
    Speed("load", HOWDAH, LIMIT_LOAD, 0.90),
    Speed("dicts", HOWDAH_DICTS, ASYNCPG, 3.0),
    Speed("dicts", HOWDAH_DICTS, PSYCOPG, 2.5),
    Speed("small", HOWDAH_TUPLES, ASYNCPG, 1.0),
    Speed("read", HOWDAH, CONNECTORX, 1.7),
    Speed("read", HOWDAH, ADBC_FETCH, 2.3),
    Speed("read", HOWDAH, LIMIT_DRAIN, 0.90),
    Speed("rows-blocking", HOWDAH, PSYCOPG_PREPARED, 1.25),
    Speed("rows-blocking", HOWDAH, PSYCOPG_BINARY, 1.25),
    Speed("rows-blocking", HOWDAH, LIMIT_PGBENCH, 0.80),
    *_on_loops("rows-held", HOWDAH, ASYNCPG_HELD, 1.10),
    *_on_loops("rows-held", HOWDAH_TRANSACTION, ASYNCPG_HELD, 1.10),
    *_on_loops("rows-pool", HOWDAH, ASYNCPG_POOL, 1.8),
    *(bar for part in ("rows-10", "rows-100") for bar in _on_loops(part, HOWDAH, ASYNCPG_POOL, 2.2)),
    *(
        Speed(part, on(HOWDAH, loop), LIMIT_PGBENCH_POOL, 0.9)
        for part in ("rows-10", "rows-100")
        for loop in LOOP_NAMES
    ),
    *(bar for part in ("rows-10", "rows-100") for bar in _on_loops(part, HOWDAH_MULTIPLEX, ASYNCPG_POOL, 4.0)),
    Speed("rows-pipeline", HOWDAH_BLOCKING, PSYCOPG_PIPELINE, 1.5),
    *(Speed("rows-pipeline", on(HOWDAH, loop), PSYCOPG_PIPELINE, 1.5) for loop in LOOP_NAMES),
    *(Speed("rows-fetch", HOWDAH_BLOCKING, on(ASYNCPG_FETCH, loop), 1.5) for loop in LOOP_NAMES),
    *_on_loops("rows-fetch", HOWDAH, ASYNCPG_FETCH, 1.5),
    *(Speed("rows-insert", HOWDAH_BLOCKING, on(ASYNCPG_MANY, loop), 1.0) for loop in LOOP_NAMES),
    *_on_loops("rows-insert", HOWDAH, ASYNCPG_MANY, 1.0),
    Speed("rows-update", HOWDAH_BLOCKING, PSYCOPG_MANY, 1.5),
    *(Speed("rows-update", on(HOWDAH, loop), PSYCOPG_MANY, 1.5) for loop in LOOP_NAMES),
    Speed("orm-find", HOWDAH, ASYNCPG_FETCHROW, 1.3),
    Speed("orm-save", HOWDAH, LIMIT_PGBENCH_INSERT, 0.7),
    Speed("orm-save-unflushed", HOWDAH, LIMIT_PGBENCH_INSERT, 0.7),
    Speed("orm-frame", HOWDAH, SQLALCHEMY, 8.0),
)
FASTEST = (
    Fastest("orm-find", HOWDAH, ORMS, 1.8),
    Fastest("orm-save", HOWDAH, ORMS, 1.8),
    Fastest("orm-save-unflushed", HOWDAH, ORMS, 1.8),
    Fastest("orm-update", HOWDAH, ORMS, 1.8),
    Fastest("orm-update-unflushed", HOWDAH, ORMS, 1.8),
    Fastest("orm-insert-many", HOWDAH, ORMS, 3.0),
    Fastest("orm-insert-few", HOWDAH, ORMS, 1.5),
    Fastest("orm-fetch", HOWDAH, ORMS, 1.2),
    Fastest("orm-load", HOWDAH, ORMS, 1.5),
)
GILS = (
    Gil(HELD_HOWDAH, 15.0),
    Gil(LOST_HOWDAH, 15.0),
    Gil(EXTRACTION, 5.0),
)
MEMORY = (
    Memory(STREAM_IN, 128.0),
    Memory(STREAM_OUT, 128.0),
)
