r"""Make the golden files again: PostgreSQL's own bytes and text of every value.

Each ``<type>.sql`` ends in a ``COPY … TO STDOUT (FORMAT binary)``. Its bytes go to ``<type>.copy``;
the same COPY in text format, whose NULL is ``\N``, goes to ``<type>.text``. The bytes are the
server's, so the codecs are never tested against themselves alone.

    python tests/golden/remake.py [name …]

To add a case, add a row to the ``.sql`` and run this.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import psycopg

from howdah import embedded

GOLDEN = Path(__file__).parent
BINARY, TEXT = "(FORMAT binary)", "(FORMAT text)"
# The settings that howdah's own printing of values stands for.
SETTINGS = {
    "TimeZone": "UTC",
    "DateStyle": "ISO, MDY",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
}


def main() -> int:
    """Make the files of the given names, or all."""
    parser = argparse.ArgumentParser(description="make the golden files again")
    parser.add_argument("names", nargs="*", help="the types to make; all if none is given")
    names = parser.parse_args().names or sorted(path.stem for path in GOLDEN.glob("*.sql"))
    with embedded.server() as server, psycopg.connect(server.url, autocommit=True) as connection:
        version = connection.execute("SELECT version()").fetchone()
        say(f"made by {version[0] if version else 'an unknown server'}")
        for setting, value in SETTINGS.items():
            connection.execute("SELECT set_config(%s, %s, false)", (setting, value))
        for name in names:
            size = remake(connection, name)
            say(f"{name}: {size} bytes")
    return 0


def remake(connection: psycopg.Connection, name: str) -> int:
    """Write the bytes and the text of one type; gives back how many bytes.

    What the script creates is rolled back, so that every type's script stands alone.
    """
    *setup, copy = (GOLDEN / f"{name}.sql").read_text(encoding="utf-8").rstrip(";\n").split(";\n")
    with connection.transaction(force_rollback=True):
        for statement in setup:
            connection.execute(statement.encode())
        binary = copied(connection, copy)
        text = copied(connection, copy.replace(BINARY, TEXT))
    (GOLDEN / f"{name}.copy").write_bytes(binary)
    (GOLDEN / f"{name}.text").write_bytes(text)
    return len(binary)


def copied(connection: psycopg.Connection, statement: str) -> bytes:
    """All that a COPY TO STDOUT sends."""
    with connection.cursor().copy(statement.encode()) as copy:
        return b"".join(bytes(block) for block in copy)


def say(message: str) -> None:
    """Print a line at once."""
    sys.stdout.write(message + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
