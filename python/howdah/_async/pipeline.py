"""Pipelines, for asyncio: blocks whose statements are sent without waiting for the results of those before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from howdah._acompat import ABANDONED_BY, new_lock
from howdah.errors import InterfaceError
from howdah.outcomes import committed, outcome_of, unknown
from howdah.pipeline_results import AsyncPipelineResult
from howdah.row_factories import row_factory

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from howdah import _core

T = TypeVar("T")

NOT_BEGUN = "the pipeline has not begun; statements go inside `async with`"
BEGINNING = "a pipeline is entered once; call pipeline() again"
ENDED = "the pipeline has ended; statements go inside its block"


class AsyncPipeline:
    """A block whose statements are sent without waiting; `AsyncDatabase.pipeline` makes it.

    Its methods return at once, and their results arrive in order. The statements are one transaction: if one fails,
    those after it do not run, and the block raises its error, whose `pipeline_index` is the number of the statement.
    With `transaction=False` each statement is a transaction by itself. Then those after a failed one run, and the block
    raises the first error that no result has raised. Inside a transaction the statements are part of it.

    Statements are sent in groups, while the event loop runs. If the server accepts no more data, the next ones wait in
    memory. Only the pipeline uses its connection until the block ends.

    An exception that leaves the block rolls the transaction back. With `transaction=False`, an exception lets the
    statements finish; an interrupt cancels them, and it is unknown which of them are committed (`howdah.outcomes`).

    Example:
        >>> await db.execute("CREATE TABLE mahouts (id int, name text)")
        0
        >>> async with db.pipeline() as pipeline:
        ...     for n, name in enumerate(["Hari", "Mani"]):
        ...         _ = pipeline.execute("INSERT INTO mahouts VALUES ($1, $2)", n, name)
        ...     names = pipeline.fetch("SELECT name FROM mahouts ORDER BY id")
        >>> names.result()
        [{'name': 'Hari'}, {'name': 'Mani'}]
    """

    # Set when the block begins.
    _lease: _core.AsyncLease
    _pipeline: _core.AsyncPipeline

    def __init__(
        self, core: _core.AsyncDatabase, lease: Callable[[], _core.AsyncLease | None], *, transaction: bool
    ) -> None:
        """Prepare a pipeline; it begins with its block.

        Args:
            core: The database.
            lease: Returns the connection of the transaction or session around the block, if there is one.
            transaction: Whether the statements are one transaction.
        """
        self._core = core
        self._lease_around = lease
        self._transaction = transaction
        self._refusal: str | None = NOT_BEGUN
        # The connection is the pipeline's own, and so is the transaction.
        self._owns_lease = self._owns_transaction = False
        self._lock = new_lock()

    def execute(self, sql: str, /, *params: object) -> AsyncPipelineResult[int]:
        """Send a statement; see `AsyncDatabase.execute`.

        Args:
            sql: One statement with parameters `$1`, `$2`, ….
            *params: The values of the parameters.

        Returns:
            How many rows it touched, once it is known.
        """
        return AsyncPipelineResult(self._open().execute(sql, params), self._wait)

    @overload
    def fetch(self, sql: str, /, *params: object) -> AsyncPipelineResult[list[dict[str, Any]]]: ...
    @overload
    def fetch(self, sql: str, /, *params: object, into: type[T]) -> AsyncPipelineResult[list[T]]: ...
    def fetch(self, sql: str, /, *params: object, into: type[Any] | None = None) -> AsyncPipelineResult[list[Any]]:
        """Send a query for all its rows; see `AsyncDatabase.fetch`.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            into: A dataclass, named tuple, pydantic model or msgspec Struct.

        Returns:
            The rows, once they are received.
        """
        make = None if into is None else row_factory(into)
        return AsyncPipelineResult(self._open().fetch(sql, params, make), self._wait)

    @overload
    def fetch_one(self, sql: str, /, *params: object) -> AsyncPipelineResult[dict[str, Any] | None]: ...
    @overload
    def fetch_one(self, sql: str, /, *params: object, into: type[T]) -> AsyncPipelineResult[T | None]: ...
    def fetch_one(self, sql: str, /, *params: object, into: type[Any] | None = None) -> AsyncPipelineResult[Any]:
        """Send a query for its first row; see `AsyncDatabase.fetch_one`.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            into: A dataclass, named tuple, pydantic model or msgspec Struct.

        Returns:
            The row or None, once it is known.
        """
        make = None if into is None else row_factory(into)
        return AsyncPipelineResult(self._open().fetch_one(sql, params, make), self._wait)

    def fetch_value(self, sql: str, /, *params: object) -> AsyncPipelineResult[Any]:
        """Send a query for the first value of its first row; see `AsyncDatabase.fetch_value`.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.

        Returns:
            The value, once it is received; None if it is NULL, or if there is no row.
        """
        return AsyncPipelineResult(self._open().fetch_value(sql, params), self._wait)

    async def __aenter__(self) -> Self:
        """Acquire a connection."""
        if self._refusal is not NOT_BEGUN:
            raise InterfaceError(BEGINNING)
        self._refusal = BEGINNING
        around = self._lease_around()
        self._owns_lease = around is None
        lease = self._lease = await self._core.lease() if around is None else around
        self._owns_transaction = self._transaction and not lease.in_transaction
        try:
            self._pipeline = await lease.pipeline(not self._transaction)
        except BaseException:
            self._give_back()
            raise
        self._refusal = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for the results, and commit; after an exception, roll back."""
        self._refusal = ENDED
        is_committed = False
        try:
            if error is None or (not self._transaction and isinstance(error, Exception)):
                await self._finish(error)
            elif not isinstance(error, ABANDONED_BY):
                self._pipeline.close()
                await self._undo(error)
            is_committed = error is None
        finally:
            self._pipeline.close()
            try:
                self._give_back()
            except BaseException as late:
                # The exception came when all was done, such as Ctrl-C.
                if is_committed:
                    committed(late)
                raise

    def _open(self) -> _core.AsyncPipeline:
        """Return the pipeline, for a statement."""
        if self._refusal is not None:
            raise InterfaceError(self._refusal)
        return self._pipeline

    async def _wait(self, result: _core.PipelineResult) -> None:
        """Wait for a result."""
        async with self._lock:
            while not result.done() and await self._step():
                pass

    async def _step(self) -> bool:
        """Wait for one more result, and return whether more are outstanding."""
        try:
            return await self._pipeline.step()
        except BaseException as error:
            if not self._transaction and outcome_of(error) is None:
                unknown(error)
            raise

    async def _finish(self, error: BaseException | None) -> None:
        """Wait for all results, and commit; raise the error of a failed statement."""
        pipeline = self._pipeline
        try:
            while pipeline.is_under_way() and await self._step():
                pass
        except BaseException as interrupt:
            pipeline.close()
            await self._undo(interrupt)
            raise
        failure = pipeline.failure()
        pipeline.close()
        if failure is None:
            if self._owns_transaction and pipeline.has_begun():
                await self._lease.commit()
            return
        await self._undo(failure)
        if error is None:
            raise failure
        error.add_note(f"howdah: {failure}")

    async def _undo(self, error: BaseException) -> None:
        """Roll the pipeline's own transaction back."""
        if not (self._owns_transaction and self._pipeline.has_begun()):
            return
        try:
            await self._lease.rollback(not isinstance(error, Exception))
        except Exception as failure:  # noqa: BLE001  (what ended the block says more)
            error.add_note(f"the rollback failed, too: {failure}")

    def _give_back(self) -> None:
        """Release the pipeline's own connection."""
        if self._owns_lease:
            self._lease.close()
