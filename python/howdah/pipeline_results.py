"""The results of statements in a pipeline: they arrive after the method has returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from howdah import _core

T = TypeVar("T")


class PipelineResult(Generic[T]):
    """The result of a statement in a `Pipeline`.

    Example:
        >>> with db.pipeline() as pipeline:
        ...     three = pipeline.fetch_value("SELECT 1 + 2")
        >>> three.result()
        3
    """

    __slots__ = ("_result", "_wait")

    def __init__(self, result: _core.PipelineResult, wait: Callable[[_core.PipelineResult], None]) -> None:
        """Take the result of the core, and the function that waits for it."""
        self._result = result
        self._wait = wait

    def done(self) -> bool:
        """Return whether the result, or the statement's error, has arrived."""
        return self._result.done()

    def result(self) -> T:
        """Return the result. Inside the block, wait for it.

        Returns:
            What the method of the database returns.

        Raises:
            DatabaseError: The statement has failed, or one before it in the same transaction (25P02).
            InterfaceError: The block was left by an exception before the result arrived.
        """
        if not self._result.done():
            self._wait(self._result)
        result: T = self._result.get()
        return result


class AsyncPipelineResult(Generic[T]):
    """The result of a statement in an `AsyncPipeline`. Inside the block it is awaited.

    Example:
        >>> async with howdah.AsyncDatabase(url) as db, db.pipeline() as pipeline:
        ...     three = pipeline.fetch_value("SELECT 1 + 2")
        ...     four = await pipeline.fetch_value("SELECT 2 + 2")
        >>> three.result(), four
        (3, 4)
    """

    __slots__ = ("_result", "_wait")

    def __init__(
        self, result: _core.PipelineResult, wait: Callable[[_core.PipelineResult], Coroutine[Any, Any, None]]
    ) -> None:
        """Take the result of the core, and the function that waits for it."""
        self._result = result
        self._wait = wait

    def __await__(self) -> Generator[Any, Any, T]:
        """Wait for the result."""
        if not self._result.done():
            yield from self._wait(self._result).__await__()
        return self.result()

    def done(self) -> bool:
        """Return whether the result, or the statement's error, has arrived."""
        return self._result.done()

    def result(self) -> T:
        """Return the result, after the block or once it was awaited.

        Returns:
            What the method of the database returns.

        Raises:
            DatabaseError: The statement has failed, or one before it in the same transaction (25P02).
            InterfaceError: The result has not arrived: await it; or the block was left by an exception before.
        """
        result: T = self._result.get()
        return result
