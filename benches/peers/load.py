"""Part "load": an Arrow table into an emptied table."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import sql

from .bars import LIMIT_LOAD
from .contestants import AdbcLoad, HowdahLoad, PgpqLoad
from .data import LINEITEM_COLUMNS, Target, check_stored, empty, lineitem_table, reference, table
from .limits import Limit
from .measure import Bench, Contestant, Part, Samples, alternate, closing, say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from .data import Connection

TARGET = Target("bench_load", LINEITEM_COLUMNS)
CHECKED = (
    "before the rounds, each contestant's table had the row count and the sum of the 64-bit hashes of all rows' "
    "texts of a table filled from the same data as CSV"
)


def run(bench: Bench) -> Part:
    """Check that each contestant stores the source's rows, then measure.

    Raises:
        UnequalError: a contestant's rows are not the source's.
    """
    source = lineitem_table(bench.rows)
    with (
        table(bench.admin, TARGET.name, TARGET),
        reference(bench.admin, TARGET, source),
        copy_file(bench.admin, TARGET.reference) as file,
    ):
        contestants: list[Contestant] = [
            HowdahLoad(bench.url, TARGET.name, source),
            PgpqLoad(bench.url, TARGET.name, source),
            AdbcLoad(bench.url, TARGET.name, source),
            Limit(LIMIT_LOAD, bench.rows, "load", bench.url, TARGET.name, str(file)),
        ]
        samples = take_turns(bench, "load", TARGET, contestants)
    return Part("load", "Load an Arrow table", bench.rows, samples, CHECKED)


def take_turns(
    bench: Bench, part: str, target: Target, contestants: Sequence[Contestant], *, calls: int = 1
) -> dict[str, Samples]:
    """Check what each contestant stores, then let them take turns; the table is emptied outside the clock.

    Raises:
        UnequalError: a contestant's rows are not the source's.
    """
    with closing(contestants):
        for contestant in contestants:
            empty(bench.admin, target.name)
            contestant.work()
            check_stored(bench.admin, contestant.name, target)
            say(f"{part}: {contestant.name}: equal to the source")
        return alternate(part, contestants, bench.rounds, lambda: empty(bench.admin, target.name), calls=calls)


@contextmanager
def copy_file(admin: Connection, name: str) -> Iterator[Path]:
    """Let the server write a table as binary COPY into its own folder; the file goes at the end."""
    row = admin.execute("SHOW data_directory").fetchone()
    path = Path(row[0] if row else "") / f"{name}.copy"
    query = sql.SQL("COPY {} TO {} (FORMAT binary)")
    admin.execute(query.format(sql.Identifier(name), sql.Literal(str(path))))
    try:
        yield path
    finally:
        path.unlink()
