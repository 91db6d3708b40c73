"""The database whose verbs are awaited."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

from howdah import verbs
from howdah.database import connect
from howdah.reader import AsyncArrowReader
from howdah.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from howdah._core import LoadReport, Progress
    from howdah.verbs import Mode, OnError, OutOfRange, Rows


class AsyncDatabase:
    """Database's twin for asyncio: the same verbs and parameters, awaited.

    Bulk work runs on a worker thread; when the awaiting task is cancelled, so is the statement at the server.

    Example:
        >>> async def copy(url):
        ...     async with howdah.AsyncDatabase(url) as db:
        ...         await db.load("t", [{"n": 1}], mode="create")
        ...         return await db.read("t").to_arrow()
    """

    def __init__(self, url: str | None = None, /, **options: Any) -> None:  # noqa: ANN401  (the contract's own)
        """Say where the database is; see `Database`.

        Args:
            url: A URI or DSN; without one, the environment is asked.
            **options: The options of `Database`.
        """
        self._core = connect(url, **options)

    async def __aenter__(self) -> Self:
        """Use the database until the end of a block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        await self.close()

    async def close(self) -> None:
        """Close the connections; those in use close when they are done. Again does nothing."""
        self._core.close()

    async def execute(self, sql: str, /, *params: object) -> int:
        """Run a statement; see `Database.execute`.

        Args:
            sql: A statement with parameters `$1`, `$2`, ….
            *params: The values of the parameters.

        Returns:
            How many rows the (last) statement touched.
        """
        return await in_thread(lambda cancel: self._core.execute(sql, params, cancel))

    async def load(
        self,
        table: str,
        data: Rows,
        /,
        *,
        mode: Mode = "append",
        key: str | Sequence[str] = (),
        columns: Mapping[str, str] | None = None,
        returning: str | None = None,
        workers: int = 1,
        on_error: OnError = "raise",
        progress: bool | Callable[[Progress], None] = False,
    ) -> LoadReport:
        """Load rows into a table by binary COPY; see `Database.load`.

        The data is consumed, and a callable for progress called, on a worker thread.

        Args:
            table: `table` or `schema.table`.
            data: Arrow data or an iterable of rows.
            mode: What becomes of the rows that are there.
            key: The column or columns that tell rows apart, for `upsert`.
            columns: Target names by source names.
            returning: Not in this version.
            workers: 1; more are not in this version.
            on_error: `raise`; `reject` is not in this version.
            progress: True for a tqdm bar, or a callable.

        Returns:
            How many rows were stored, how many of them new, the bytes sent and the seconds taken.
        """
        verbs.refuse_later_features(returning=returning, workers=workers, on_error=on_error)
        load = partial(verbs.load, self._core, table, data, mode=mode, key=key, columns=columns, progress=progress)
        return await in_thread(lambda cancel: load(cancel=cancel))

    def read(
        self,
        source: str,
        /,
        *params: object,
        workers: int = 1,
        batch_rows: int = 65_536,
        types: Mapping[str, Any] | None = None,
        out_of_range: OutOfRange = "error",
        progress: bool | Callable[[Progress], None] = False,
    ) -> AsyncArrowReader:
        """Read a query or a table as Arrow; see `Database.read`. The query begins when rows are asked for.

        Args:
            source: A query with parameters `$1`, `$2`, …, or the name of a table.
            *params: The values of the parameters.
            workers: 1; more are not in this version.
            batch_rows: The most rows a record batch has.
            types: Arrow types by column.
            out_of_range: What becomes of a value that Arrow cannot hold.
            progress: True for a tqdm bar, or a callable.

        Returns:
            The result, to be iterated over or drained.
        """
        verbs.refuse_later_features(workers=workers)
        read = partial(
            verbs.read,
            self._core,
            source,
            params,
            batch_rows=batch_rows,
            types=types,
            out_of_range=out_of_range,
            progress=progress,
        )
        return AsyncArrowReader(lambda cancel: read(cancel=cancel))
