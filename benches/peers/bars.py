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
LIMIT_LOAD = "limit: tokio-postgres sending ready COPY bytes"
LIMIT_DRAIN = "limit: tokio-postgres draining raw DataRows"

STREAM_IN = "stream in"
STREAM_OUT = "stream out"
SOURCE_ALONE = "the source alone"


class Speed(NamedTuple):
    """Howdah's median time against a peer's, in one part of the run.

    ``at_least`` is how many times as fast as the peer howdah has to be; against a limit it is below 1.
    """

    part: str
    howdah: str
    peer: str
    at_least: float


class Memory(NamedTuple):
    """The most memory that streaming may take, above the interpreter with its imports."""

    what: str
    at_most_mib: float


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
)
MEMORY = (
    Memory(STREAM_IN, 128.0),
    Memory(STREAM_OUT, 128.0),
)
