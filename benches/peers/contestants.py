"""The contestants: howdah and its peers, each as its own documentation uses it, on a warm connection of its own."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import adbc_driver_postgresql.dbapi
import asyncpg
import connectorx
import psycopg
from pgpq import ArrowToPostgresBinaryEncoder
from psycopg import sql

import howdah as pg

from .bars import ADBC_FETCH, ADBC_INGEST, ASYNCPG, CONNECTORX, HOWDAH, PGPQ, PSYCOPG
from .measure import Contestant

if TYPE_CHECKING:
    import pyarrow as pa

    from .data import Target


class HowdahLoad(Contestant):
    """``Database.load`` of a frame or of rows, appended to a table that exists."""

    def __init__(self, url: str, table: str, data: Any, name: str = HOWDAH) -> None:  # noqa: ANN401 (frame or rows)
        """Open a database of one session."""
        super().__init__(name)
        self._database = pg.Database(url, max_size=1)
        self._table = table
        self._data = data

    def work(self) -> None:
        """Load the data."""
        self._database.load(self._table, self._data)

    def close(self) -> None:
        """Close the database."""
        self._database.close()


class HowdahRead(Contestant):
    """``Database.read`` of a query into a pyarrow table."""

    def __init__(self, url: str, query: str) -> None:
        """Open a database of one session."""
        super().__init__(HOWDAH)
        self._database = pg.Database(url, max_size=1)
        self._query = query

    def work(self) -> pa.Table:
        """Run the query and return its rows."""
        return self._database.read(self._query).to_arrow()

    def close(self) -> None:
        """Close the database."""
        self._database.close()


class PgpqLoad(Contestant):
    """Batches encoded by pgpq, written to a COPY of psycopg."""

    def __init__(self, url: str, table: str, data: pa.Table) -> None:
        """Connect."""
        super().__init__(PGPQ)
        self._connection = psycopg.connect(url, autocommit=True)
        self._copy = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(table))
        self._data = data

    def work(self) -> None:
        """Encode and send the table batch by batch."""
        encoder = ArrowToPostgresBinaryEncoder(self._data.schema)
        with self._connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            copy.write(encoder.write_header())
            for batch in self._data.to_batches():
                copy.write(encoder.write_batch(batch))
            copy.write(encoder.finish())

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class AdbcLoad(Contestant):
    """``adbc_ingest`` of a table, appended."""

    def __init__(self, url: str, table: str, data: pa.Table) -> None:
        """Connect."""
        super().__init__(ADBC_INGEST)
        self._connection = adbc_driver_postgresql.dbapi.connect(url)
        self._table = table
        self._data = data

    def work(self) -> None:
        """Ingest and commit."""
        with self._connection.cursor() as cursor:
            cursor.adbc_ingest(self._table, self._data, mode="append")
        self._connection.commit()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class AdbcRead(Contestant):
    """``fetch_arrow_table`` of a query; numerics come back as text."""

    def __init__(self, url: str, query: str) -> None:
        """Connect."""
        super().__init__(ADBC_FETCH)
        self._connection = adbc_driver_postgresql.dbapi.connect(url, autocommit=True)
        self._query = query

    def work(self) -> pa.Table:
        """Run the query and return its rows."""
        with self._connection.cursor() as cursor:
            cursor.execute(self._query)
            return cursor.fetch_arrow_table()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class ConnectorxRead(Contestant):
    """``connectorx.read_sql`` into a pyarrow table; it connects anew each time and offers no other way."""

    def __init__(self, url: str, query: str) -> None:
        """Keep what each call needs."""
        super().__init__(CONNECTORX)
        self._url = url
        self._query = query

    def work(self) -> pa.Table:
        """Run the query and return its rows."""
        return connectorx.read_sql(self._url, self._query, return_type="arrow", protocol="binary")

    def close(self) -> None:
        """Nothing is held."""


class AsyncpgLoad(Contestant):
    """``copy_records_to_table`` of tuples; the clock runs inside the event loop, not around it."""

    def __init__(self, url: str, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Connect, on an event loop that stays."""
        super().__init__(ASYNCPG)
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(asyncpg.connect(url))
        self._table = table
        self._rows = rows

    def work(self) -> None:
        """Copy the rows."""
        self.once()

    def once(self) -> float:
        """Copy the rows and return the seconds."""
        return self._runner.run(self._timed())

    async def _timed(self) -> float:
        start = time.perf_counter()
        await self._connection.copy_records_to_table(self._table, records=self._rows)
        return time.perf_counter() - start

    def close(self) -> None:
        """Close the connection and the loop."""
        self._runner.run(self._connection.close())
        self._runner.close()


class PsycopgLoad(Contestant):
    """Binary COPY with ``write_row`` of tuples, the types told by ``set_types``."""

    def __init__(self, url: str, table: str, target: Target, rows: list[tuple[Any, ...]]) -> None:
        """Connect."""
        super().__init__(PSYCOPG)
        self._connection = psycopg.connect(url, autocommit=True)
        self._copy = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(table))
        self._types = [type_name.partition("(")[0] for type_name in target.columns.values()]
        self._rows = rows

    def work(self) -> None:
        """Write the rows one by one."""
        with self._connection.cursor() as cursor, cursor.copy(self._copy) as copy:
            copy.set_types(self._types)
            for row in self._rows:
                copy.write_row(row)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
