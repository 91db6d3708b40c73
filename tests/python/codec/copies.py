"""COPY through psycopg, so that the codec is not checked by howdah's own session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg

from howdah import codec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.bulk import Rows

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"


def copy_in(url: str, table: str, data: Rows, columns: codec.Columns) -> int:
    """Encode rows, and copy them into a table; give the number of rows that the server stored."""
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy(f"COPY {table} FROM STDIN (FORMAT binary)".encode()) as copy:
            for chunk in codec.encode(data, columns):
                copy.write(chunk)
        return cursor.rowcount


def copy_out(url: str, query: str) -> bytes:
    """Give the bytes of a query's rows, as PostgreSQL writes them."""
    statement = f"COPY ({query}) TO STDOUT (FORMAT binary)".encode()
    with psycopg.connect(url) as connection, connection.cursor() as cursor, cursor.copy(statement) as copy:
        return b"".join(copy)


def rows_of(chunks: Iterable[bytes] | bytes, columns: codec.Columns, **options: Any) -> list[dict[str, Any]]:
    """Decode rows to Python values."""
    rows: list[dict[str, Any]] = codec.decode(chunks, columns, **options).to_arrow().to_pylist()
    return rows


def framed(*cells: bytes | None) -> bytes:
    """Give a row as PostgreSQL writes it."""
    parts = [len(cells).to_bytes(2, "big", signed=True)]
    for cell in cells:
        parts += [(-1 if cell is None else len(cell)).to_bytes(4, "big", signed=True), cell or b""]
    return b"".join(parts)
