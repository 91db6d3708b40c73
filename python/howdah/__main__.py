"""The command `howdah`, which is also `python -m howdah`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from howdah._sync.database import Database
from howdah.errors import Error
from howdah.inspect.codegen import generate
from howdah.inspect.introspect import read
from howdah.inspect.planner import plan

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The arguments; None for those of this process.

    Returns:
        The exit code: 1 after an error of the database, the tables or the file.
    """
    parser = argparse.ArgumentParser(prog="howdah", description="Rows into and out of PostgreSQL.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="command")
    inspect = commands.add_parser(
        "inspect",
        help="write typed table classes from a database's tables",
        description="Write typed table classes, as Python source, from the tables of a database. Features that "
        "classes cannot declare, such as triggers, are comments in the source.",
    )
    inspect.add_argument("url", metavar="URL", help="the database, such as postgresql://localhost/app")
    inspect.add_argument("table", nargs="*", help="a table, as NAME or SCHEMA.NAME (default: all)")
    inspect.add_argument(
        "--schema",
        metavar="NAME",
        action="append",
        default=[],
        help="a schema to read; may be given several times (default: the current one)",
    )
    inspect.add_argument("--output", metavar="FILE", help="the file to write (default: standard output)")
    options = parser.parse_args(arguments)
    try:
        source = _inspected(options.url, options.schema, options.table)
        if options.output is None:
            sys.stdout.write(source)
        else:
            Path(options.output).write_text(source, encoding="utf-8")
    except (Error, OSError) as error:
        print(f"howdah inspect: {error}", file=sys.stderr)  # noqa: T201  (an error for the user)
        return 1
    return 0


def _inspected(url: str, schemas: Sequence[str], tables: Sequence[str]) -> str:
    with Database(url, max_size=1) as db:
        return generate(plan(read(db, schemas, tables)))


if __name__ == "__main__":
    sys.exit(main())
