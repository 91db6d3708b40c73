"""A query's result as Arrow, read as it streams in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from howdah import _core
from howdah.errors import NotSupportedError
from howdah.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import TracebackType

    import pandas as pd
    import polars as pl
    import pyarrow as pa
    from arro3.core import RecordBatch, Schema

T = TypeVar("T")


# Polars panics on these, as of version 2.1.
POLARS_LACKS = ("Interval", "Decimal256")


class ArrowReader:
    """A query's result, read as it streams in.

    It has the Arrow PyCapsule interface (https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface.html),
    so polars, pyarrow, DuckDB and pandas accept it directly. One batch at a time is in memory, unless all of them are
    read at once. The connection is released at the end, by `close()`, or when the reader is deleted; a result that
    was not read to its end is cancelled at the server.

    Example:
        >>> for batch in db.read("SELECT i FROM generate_series(1, 3) AS i", batch_rows=2):
        ...     print(batch.num_rows)
        2
        1
    """

    def __init__(self, core: _core.Reader) -> None:
        """Wrap a reader of the core; `Database.read` makes them.

        Args:
            core: The reader.
        """
        self._core = core

    @property
    def schema(self) -> Schema:
        """The Arrow schema, known before the first row."""
        return self._core.schema

    def __iter__(self) -> Iterator[RecordBatch]:
        """Iterate over the record batches, as arro3 holds them."""
        return iter(self._core)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export the rest of the result as an Arrow C stream.

        Args:
            requested_schema: A capsule with the schema that the consumer would like.

        Returns:
            A capsule with an ArrowArrayStream.
        """
        return self._core.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        """Export the schema.

        Returns:
            A capsule with an ArrowSchema.
        """
        return self._core.__arrow_c_schema__()

    def to_arrow(self) -> pa.Table:
        """Read the rest into a pyarrow Table.

        Returns:
            A table of all rows, in the batches in which they arrived.

        Raises:
            DatabaseError: An error of the server, or a value that Arrow cannot hold.
        """
        import pyarrow as pa

        return self._drained(lambda: pa.table(self))

    def to_polars(self) -> pl.DataFrame:
        """Read the rest into a polars DataFrame.

        Returns:
            A frame of all rows.

        Raises:
            DatabaseError: An error of the server, or a value that Arrow cannot hold.
            NotSupportedError: A column of intervals or of decimals of over 38 digits, which polars does not support.
        """
        import polars as pl

        fields = [self.schema.field(index) for index in range(len(self.schema))]
        lacking = [field.name for field in fields if any(lacks in str(field.type) for lacks in POLARS_LACKS)]
        if lacking:
            message = (
                f"columns {', '.join(lacking)}: polars has no interval and no decimal of over 38 digits; "
                "cast them in SQL, or read them as text with out_of_range='string'"
            )
            raise NotSupportedError(message)
        frame = self._drained(lambda: pl.DataFrame(self))
        # An extension type bars polars' own functions for text; nothing is lost without it.
        json = [name for name, kind in frame.schema.items() if str(kind).startswith("Extension('arrow.json'")]
        return frame.with_columns(pl.col(json).ext.storage()) if json else frame

    def to_pandas(self) -> pd.DataFrame:
        """Read the rest into a pandas DataFrame with Arrow-backed columns, which hold every value.

        Returns:
            A frame of all rows, its columns of `pandas.ArrowDtype`.

        Raises:
            DatabaseError: An error of the server, or a value that Arrow cannot hold.
        """
        import pandas as pd

        return self.to_arrow().to_pandas(types_mapper=pd.ArrowDtype)  # pyright: ignore[reportUnknownMemberType]

    def _drained(self, drain: Callable[[], T]) -> T:
        try:
            return drain()
        except Exception:
            # The consumer of an Arrow stream gets only the text of an error; the core has the exception.
            error = self._core.take_error()
            if error is not None:
                raise error from None
            raise

    def close(self) -> None:
        """Cancel the rest of the result, and release the connection. A second call does nothing."""
        self._core.close()

    def __enter__(self) -> Self:
        """Return the reader itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the reader."""
        self.close()


class AsyncArrowReader:
    """A query's result for asyncio; the query begins when the first batch is read.

    Example:
        >>> async def total(db):
        ...     return sum([batch.num_rows async for batch in db.read("SELECT i FROM generate_series(1, 3) AS i")])
    """

    def __init__(
        self,
        begin: Callable[[_core.Cancel | None], ArrowReader],
        done: Callable[[BaseException, object], None] | None = None,
    ) -> None:
        """Take the function that begins the query; `AsyncDatabase.read` makes readers.

        Args:
            begin: Called once, on a worker thread.
            done: Adds to an exception that the query had finished before it; false for a query that only reads.
        """
        self._begin = begin
        self._done = done
        self._cancel = _core.Cancel()
        self._reader: ArrowReader | None = None
        import asyncio

        self._lock = asyncio.Lock()

    async def _opened(self) -> ArrowReader:
        async with self._lock:
            if self._reader is None:
                self._reader = await in_thread(self._begin, self._cancel)
            return self._reader

    async def _run(self, work: Callable[[ArrowReader], T]) -> T:
        reader = await self._opened()
        return await in_thread(lambda _: work(reader), self._cancel, done=self._done)

    async def __aiter__(self) -> AsyncIterator[RecordBatch]:
        """Iterate over the record batches, as arro3 holds them."""
        while (batch := await self._run(lambda reader: next(iter(reader), None))) is not None:
            yield batch

    async def to_arrow(self) -> pa.Table:
        """Read the rest into a pyarrow Table; see `ArrowReader.to_arrow`.

        Returns:
            A table of all rows.
        """
        return await self._run(ArrowReader.to_arrow)

    async def to_polars(self) -> pl.DataFrame:
        """Read the rest into a polars DataFrame; see `ArrowReader.to_polars`.

        Returns:
            A frame of all rows.
        """
        return await self._run(ArrowReader.to_polars)

    async def to_pandas(self) -> pd.DataFrame:
        """Read the rest into a pandas DataFrame; see `ArrowReader.to_pandas`.

        Returns:
            A frame of all rows.
        """
        return await self._run(ArrowReader.to_pandas)

    async def close(self) -> None:
        """Cancel the rest of the result, and release the connection. A second call does nothing."""
        if self._reader is not None:
            await self._run(ArrowReader.close)

    async def __aenter__(self) -> Self:
        """Return the reader itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the reader."""
        await self.close()
