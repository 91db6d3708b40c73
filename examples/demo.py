"""howdah in a minute: real rows go into PostgreSQL by binary COPY and come back as Arrow.

Run it with ``make demo``. It starts a private PostgreSQL, loads the flights that left New York in 2013
(datasets/README.md), compares every value that comes back with the one that went in, upserts a changed
day, asks a question with parameters, and measures howdah beside the server's own COPY. Nothing stays
behind: no server, no files.
"""

from __future__ import annotations

import datetime as dt
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow.parquet as pq

import howdah as pg
from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DATASETS = Path(__file__).resolve().parent.parent / "datasets"
KEYS = {
    "airlines": ["carrier"],
    "airports": ["faa"],
    "planes": ["tailnum"],
    "weather": ["origin", "time_hour"],
    "flights": ["time_hour", "carrier", "flight", "origin"],
}
BUSIEST_DAY = dt.date(2013, 11, 27)
ROUNDS = 5


def main() -> None:
    """Run the demo from a fresh server to an empty disk."""
    started = time.perf_counter()
    say("The flights that left New York in 2013, into PostgreSQL and back.")
    frames = {table: pl.read_parquet(DATASETS / f"{table}.parquet") for table in KEYS}
    with embedded.server() as server, pg.Database(server.url) as db:
        folder = server_folder(db)
        heading("1. Load five tables", 'db.load("flights", frame, mode="create", progress=True)')
        load_all(db, frames)
        heading("2. Read them back and compare every value", 'db.read("flights").to_polars()')
        compare_all(db, frames)
        heading("3. Upsert a changed day", 'db.load("flights", day, mode="upsert", key=[…])')
        upsert_day(db, frames["flights"])
        heading("4. Ask a question", "db.read(question, *parameters).to_polars()")
        ask(db, "JFK", 7)
        heading("5. How fast?", f"medians of {ROUNDS} rounds taken in turn, on the same data")
        measure(db, folder)
    check(not folder.exists(), f"the server's folder is still there: {folder}")
    say(f"\nDone in {time.perf_counter() - started:.0f} s. The server is stopped and its files are gone.")


def load_all(db: pg.Database, frames: dict[str, pl.DataFrame]) -> None:
    """Create every table from its frame, with a progress bar each."""
    for table, frame in frames.items():
        report = db.load(table, frame, mode="create", progress=True)
        check(report.rows == len(frame), f"{table}: {len(frame)} rows went in, the report says {report.rows}")


def compare_all(db: pg.Database, frames: dict[str, pl.DataFrame]) -> None:
    """Read every table back and show that it holds just what was loaded."""
    row = "{:<10}{:>10}{:>10}{:>12}{:>12}".format
    say(row("table", "rows", "columns", "values", "different"))
    for table, frame in frames.items():
        different = different_values(frame, db.read(table).to_polars(), KEYS[table])
        count = sum(different.values())
        say(row(table, f"{frame.height:,}", frame.width, f"{frame.height * frame.width:,}", count))
        check(count == 0, f"{table}: different values by column: {different}")


def upsert_day(db: pg.Database, flights: pl.DataFrame) -> None:
    """Let one day's flights leave five minutes later, add three flights, and check what is stored."""
    db.execute(f"ALTER TABLE flights ADD PRIMARY KEY ({', '.join(KEYS['flights'])})")
    on_day = pl.date("year", "month", "day") == BUSIEST_DAY
    later = flights.filter(on_day).with_columns(pl.col("dep_delay") + 5)
    extra = later.head(3).with_columns(pl.col("flight") + 90_000)
    day = pl.concat([later, extra])

    report = db.load("flights", day, mode="upsert", key=KEYS["flights"])
    counts = f"{report.updated:,} flights updated, {report.inserted:,} inserted"
    check((report.updated, report.inserted) == (len(later), len(extra)), counts)

    expected = pl.concat([flights.filter(~on_day), day])
    different = different_values(expected, db.read("flights").to_polars(), KEYS["flights"])
    check(not any(different.values()), f"after the upsert, different values by column: {different}")
    say(f"{BUSIEST_DAY}, the busiest day of the year: {counts}.")
    say(f"Read again: all {len(expected):,} rows are as they should be.")


def ask(db: pg.Database, origin: str, month: int) -> None:
    """Show which airlines left one airport latest in one month."""
    question = """
        SELECT name AS airline, count(*) AS flights,
               avg(dep_delay)::numeric(6, 1) AS mean_delay, max(dep_delay) AS worst_delay
        FROM flights JOIN airlines USING (carrier)
        WHERE origin = $1 AND month = $2 AND dep_delay IS NOT NULL
        GROUP BY name ORDER BY mean_delay DESC LIMIT 5
    """
    say(f"Who left {origin} latest in month {month}? (minutes)")
    with pl.Config(tbl_hide_dataframe_shape=True):
        say(str(db.read(question, origin, month).to_polars()))


def measure(db: pg.Database, folder: Path) -> None:
    """Time howdah's load and read beside the server's own COPY from and to a file on its disk."""
    flights = pq.read_table(DATASETS / "flights.parquet")
    db.load("measured", flights, mode="create")
    file = "'" + str(folder / "flights.copy").replace("'", "''") + "'"
    copy_to, read, copy_from, load = median_seconds(
        lambda: db.execute(f"COPY measured TO {file} (FORMAT binary)"),
        lambda: db.read("measured").to_arrow(),
        lambda: db.execute(f"TRUNCATE measured; COPY measured FROM {file} (FORMAT binary)"),
        lambda: db.load("measured", flights, mode="truncate"),
    )
    row = "{:<26}{:>16}{:>26}{:>8}".format
    size = f"{flights.num_rows:,} rows, {flights.num_columns} columns"
    say(row(size, "howdah", "the server alone (limit)", "share"))
    for verb, seconds, limit in (("load", load, copy_from), ("read", read, copy_to)):
        rates = (f"{flights.num_rows / duration:,.0f} rows/s" for duration in (seconds, limit))
        say(row(f"{verb}, as Arrow", *rates, f"{limit / seconds:.0%}"))
    say("The limit is the server's own binary COPY from and to a file: no client at all.")


def different_values(sent: pl.DataFrame, back: pl.DataFrame, key: Sequence[str]) -> dict[str, int]:
    """Count, for each column, the values that differ between two frames, rows matched by key.

    Args:
        sent: what was loaded.
        back: what was read; columns, their types and the number of rows must be those of ``sent``.
        key: columns that together name a row.

    Returns:
        Column name -> number of rows in which the two differ; NULL equals NULL alone.
    """
    check(sent.schema == back.schema, f"columns {sent.schema} came back as {back.schema}")
    check(len(sent) == len(back), f"{len(sent)} rows went in, {len(back)} came back")
    sent, back = sent.sort(key), back.sort(key)
    return {column: int(sent[column].ne_missing(back[column]).sum()) for column in sent.columns}


def median_seconds(*actions: Callable[[], object]) -> list[float]:
    """Return each action's median time in seconds; they take turns, so that noise hits all alike."""
    seconds: list[list[float]] = [[] for _ in actions]
    for _ in range(ROUNDS):
        for taken, action in zip(seconds, actions, strict=True):
            started = time.perf_counter()
            action()
            taken.append(time.perf_counter() - started)
    return [statistics.median(taken) for taken in seconds]


def server_folder(db: pg.Database) -> Path:
    """Return the server's data folder: writable for it whoever it runs as, and gone when it is gone."""
    return Path(db.read("SELECT current_setting('data_directory')").to_polars().item())


def heading(title: str, call: str) -> None:
    """Print the title of a step and the call that it is about."""
    say(f"\n{title}\n   {call}\n")


def check(holds: bool, message: str) -> None:  # noqa: FBT001 - reads like assert, but also runs under -O
    """Stop the demo with a message unless a condition holds."""
    if not holds:
        sys.exit(f"demo failed: {message}")


def say(text: str) -> None:
    """Print at once, so that lines and progress bars keep their order."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
