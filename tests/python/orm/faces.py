"""Makes a Database and its queries awaitable, so that tests of AsyncDatabase run on both."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

from howdah._sync.query import Returning
from howdah.queries.query_compiler import CompilableQuery

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine

VERBS = {
    *("to_list", "first", "one", "count", "exists", "update", "delete", "page", "explain"),
    *("to_arrow", "to_polars", "to_pandas"),
}
PLAIN = {"stats", "lease", "sql"}


class Blocking:
    """Stands before a database, a query, or what a block gives."""

    def __init__(self, behind: Any) -> None:
        """Stand before what blocks."""
        self.behind = behind

    def __getattr__(self, name: str) -> Any:
        """Give a verb, or a step of a query."""
        found = getattr(self.behind, name)
        is_query = isinstance(self.behind, (CompilableQuery, Returning))
        if name in PLAIN or name.startswith("_") or not callable(found):
            return found
        if name == "transaction":
            return lambda **options: _block(found, options)
        if name in {"stream", "batches"}:
            return lambda *params, **options: _rows(found, params, options)
        if (is_query and name not in VERBS) or name in {"find", "read"}:
            return lambda *params, **options: wrapped(found(*map(bare, params), **options))

        async def awaited(*params: object, **options: Any) -> Any:
            return found(*params, **options)

        return awaited


def bare(given: Any) -> Any:
    """Give what stands behind such verbs."""
    return given.behind if isinstance(given, Blocking) else given


def wrapped(found: Any) -> Any:
    """Give what is to be awaited behind such verbs, and all else as it is."""
    return Blocking(found) if isinstance(found, (CompilableQuery, Returning)) or hasattr(found, "to_polars") else found


@contextlib.asynccontextmanager
async def _block(verb: Callable[..., Any], options: dict[str, Any]) -> AsyncIterator[Blocking]:
    with verb(**options) as entered:
        yield Blocking(entered)


async def _rows(verb: Callable[..., Any], params: tuple[object, ...], options: dict[str, Any]) -> AsyncGenerator[Any]:
    with contextlib.closing(verb(*params, **options)) as rows:
        for row in rows:
            yield row


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    finally:
        coroutine.close()
    pytest.fail("a blocking verb was awaited for longer")
