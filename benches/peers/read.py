"""Part "read": a whole table into a pyarrow table."""

from __future__ import annotations

from psycopg import sql

from .bars import LIMIT_DRAIN
from .contestants import AdbcRead, ConnectorxRead, HowdahRead
from .data import LINEITEM_COLUMNS, Target, check_read, lineitem_table, other_types, reference
from .limits import Limit
from .measure import Bench, Contestant, Part, alternate, closing, say

TARGET = Target("bench_read", LINEITEM_COLUMNS)
CHECKED = (
    "before the rounds, each contestant's result was compared with the source column by column, value by value, "
    "after a cast to the source's types that allows no loss"
)


def run(bench: Bench) -> Part:
    """Check that each contestant returns the source's rows, then measure.

    Raises:
        UnequalError: a contestant's rows are not the source's.
    """
    source = lineitem_table(bench.rows)
    with reference(bench.admin, TARGET, source):
        bench.admin.execute(sql.SQL("VACUUM (FREEZE, ANALYZE) {}").format(sql.Identifier(TARGET.reference)))
        bench.admin.execute("CHECKPOINT")
        query = f"SELECT * FROM {TARGET.reference}"  # noqa: S608 (a constant)
        readers = [
            HowdahRead(bench.url, query),
            ConnectorxRead(bench.url, query),
            AdbcRead(bench.url, query),
        ]
        limit = Limit(LIMIT_DRAIN, bench.rows, "drain", bench.url, query)
        contestants: list[Contestant] = [*readers, limit]
        with closing(contestants):
            notes = []
            for reader in readers:
                result = reader.work()
                check_read(reader.name, result, source)
                notes.append(f"{reader.name}: {other_types(result, source)}")
                del result
                say(f"read: {reader.name}: equal to the source")
            samples = alternate("read", contestants, bench.rounds, lambda: None)
    return Part("read", "Read into Arrow", bench.rows, samples, CHECKED, notes)
