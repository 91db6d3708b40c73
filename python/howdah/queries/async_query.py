"""Queries whose results are awaited.

Type checkers want a signature for each number of columns that are selected, and so the file is long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from howdah import _core
from howdah.errors import NoRow
from howdah.queries import pages
from howdah.queries.async_relations import load_wanted
from howdah.queries.builder import Builder
from howdah.queries.nodes import tuple_plan
from howdah.queries.pages import Page

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from howdah.async_statements import AsyncStatements
    from howdah.expressions.expression import Assign, Expr
    from howdah.expressions.operators import Selectable
    from howdah.queries.builder import Statement
    from howdah.reader import AsyncArrowReader

R = TypeVar("R")
O = TypeVar("O")  # noqa: E741  (the contract's own name)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")
J = TypeVar("J")
K = TypeVar("K")


class AsyncQuery(Builder[R]):
    """A query for rows. It is asked of the server by the verbs that are awaited, and as often as they are.

    Example:
        >>> query = Elephant.find(Elephant.age > 25).order_by(Elephant.name).limit(10)
        >>> elephants = await query.to_list()
    """

    _db: AsyncStatements | None = None

    def __init__(self, table: object, db: AsyncStatements | None = None) -> None:
        """Take the table, and the database; None for the default one."""
        super().__init__(table)
        self._db = db

    def database(self) -> AsyncStatements:
        """Give the database that it is asked of."""
        if self._db is not None:
            return self._db
        from howdah.awaiting import default_database  # noqa: PLC0415  (it is made of queries)

        return default_database()

    # Steps that change what the rows are
    @overload
    def select(self, a: Selectable[A], /) -> AsyncQuery[tuple[A]]: ...
    @overload
    def select(self, a: Selectable[A], b: Selectable[B], /) -> AsyncQuery[tuple[A, B]]: ...
    @overload
    def select(self, a: Selectable[A], b: Selectable[B], c: Selectable[C], /) -> AsyncQuery[tuple[A, B, C]]: ...
    @overload
    def select(
        self, a: Selectable[A], b: Selectable[B], c: Selectable[C], d: Selectable[D], /
    ) -> AsyncQuery[tuple[A, B, C, D]]: ...
    @overload
    def select(
        self, a: Selectable[A], b: Selectable[B], c: Selectable[C], d: Selectable[D], e: Selectable[E], /
    ) -> AsyncQuery[tuple[A, B, C, D, E]]: ...
    @overload
    def select(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        /,
    ) -> AsyncQuery[tuple[A, B, C, D, E, F]]: ...
    @overload
    def select(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        /,
    ) -> AsyncQuery[tuple[A, B, C, D, E, F, G]]: ...
    @overload
    def select(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        /,
    ) -> AsyncQuery[tuple[A, B, C, D, E, F, G, H]]: ...
    @overload
    def select(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        j: Selectable[J],
        /,
    ) -> AsyncQuery[tuple[A, B, C, D, E, F, G, H, J]]: ...
    @overload
    def select(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        j: Selectable[J],
        k: Selectable[K],
        /,
    ) -> AsyncQuery[tuple[A, B, C, D, E, F, G, H, J, K]]: ...
    @overload
    def select(self, *exprs: Selectable[Any]) -> AsyncQuery[tuple[Any, ...]]: ...
    def select(self, *exprs: Any) -> AsyncQuery[Any]:
        """Give these expressions of each row, as a tuple; a reference is its key.

        Type checkers know the types of ten.
        """
        return self._selecting(exprs)

    def _selecting(self, exprs: tuple[Any, ...]) -> AsyncQuery[Any]:
        self._uncombined("select")
        made: Any = self._with(_columns=pages.columns(exprs), _shape=None)
        return made  # type: ignore[no-any-return]

    def to(self, shape: type[O]) -> AsyncQuery[O]:
        """Give the rows as objects of a dataclass, named tuple, pydantic model or msgspec Struct.

        Without `select`, the columns are those that have a field.
        """
        made: Any = self._with(_shape=shape)
        return made  # type: ignore[no-any-return]

    @overload
    def returning(self) -> AsyncReturning[R]: ...
    @overload
    def returning(self, a: Selectable[A], /) -> AsyncReturning[tuple[A]]: ...
    @overload
    def returning(self, a: Selectable[A], b: Selectable[B], /) -> AsyncReturning[tuple[A, B]]: ...
    @overload
    def returning(self, a: Selectable[A], b: Selectable[B], c: Selectable[C], /) -> AsyncReturning[tuple[A, B, C]]: ...
    @overload
    def returning(
        self, a: Selectable[A], b: Selectable[B], c: Selectable[C], d: Selectable[D], /
    ) -> AsyncReturning[tuple[A, B, C, D]]: ...
    @overload
    def returning(
        self, a: Selectable[A], b: Selectable[B], c: Selectable[C], d: Selectable[D], e: Selectable[E], /
    ) -> AsyncReturning[tuple[A, B, C, D, E]]: ...
    @overload
    def returning(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        /,
    ) -> AsyncReturning[tuple[A, B, C, D, E, F]]: ...
    @overload
    def returning(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        /,
    ) -> AsyncReturning[tuple[A, B, C, D, E, F, G]]: ...
    @overload
    def returning(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        /,
    ) -> AsyncReturning[tuple[A, B, C, D, E, F, G, H]]: ...
    @overload
    def returning(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        j: Selectable[J],
        /,
    ) -> AsyncReturning[tuple[A, B, C, D, E, F, G, H, J]]: ...
    @overload
    def returning(
        self,
        a: Selectable[A],
        b: Selectable[B],
        c: Selectable[C],
        d: Selectable[D],
        e: Selectable[E],
        f: Selectable[F],
        g: Selectable[G],
        h: Selectable[H],
        j: Selectable[J],
        k: Selectable[K],
        /,
    ) -> AsyncReturning[tuple[A, B, C, D, E, F, G, H, J, K]]: ...
    @overload
    def returning(self, first: Selectable[Any], /, *exprs: Selectable[Any]) -> AsyncReturning[tuple[Any, ...]]: ...
    def returning(self, *exprs: Any) -> AsyncReturning[Any]:
        """Let `update` and `delete` give the rows they touch: these expressions as tuples, or else the objects."""
        return AsyncReturning(self, pages.columns(exprs) if exprs else None)

    # Results
    async def to_list(self) -> list[R]:
        """Give all rows.

        Returns:
            Objects of the table, tuples after `select`, or objects of what `to` was given.

        Raises:
            DatabaseError: What the server says, by its SQLSTATE.
            ConversionError: A value that is not of its column's type.
        """
        plan = self.plan()
        db = self.database()
        rows: list[R] = await db.fetch_rows(plan.statement, plan.into)
        if plan.wanted and rows:
            await load_wanted(db, rows, plan.wanted)
        return rows

    async def first(self) -> R | None:
        """Give the first row, or None; `order_by` says which is the first."""
        rows = await self.at_most(1).to_list()
        return rows[0] if rows else None

    async def one(self) -> R:
        """Give the only row.

        Raises:
            NoRow: There is none, or more than one.
        """
        rows = await self.at_most(2).to_list()
        if len(rows) != 1:
            message = "expected one row; there are more" if rows else "expected one row; there is none"
            raise NoRow(message)
        return rows[0]

    async def count(self) -> int:
        """Count the rows, at the server."""
        rows = await self.database().fetch_rows(self.count_statement(), None)
        found: int = next(iter(rows[0].values()))
        return found

    async def exists(self) -> bool:
        """Tell whether there is a row."""
        rows = await self.database().fetch_rows(self.exists_statement(), None)
        found: bool = next(iter(rows[0].values()))
        return found

    async def update(self, *assignments: Assign) -> int:
        """Update the rows, at the server.

        Args:
            *assignments: What is set, such as `User.score.set(User.score + 1)`. What the server computes, it rounds
                to the column's type.

        Returns:
            How many rows were updated.

        Raises:
            DataError: A value that is set by itself, and that the column cannot hold exactly.
        """
        return await self.database().execute_statement(self.update_statement(assignments))

    async def delete(self) -> int:
        """Delete the rows, at the server.

        Returns:
            How many rows were deleted.
        """
        return await self.database().execute_statement(self.delete_statement())

    async def page(self, size: int, *, after: str | None = None) -> Page[R]:
        """Give a page of the rows, by keyset: later pages are as fast as the first.

        The rows are ordered by `order_by`, and then by the primary key where that leaves a choice, with those of the
        tables that are joined. An `offset` is that of the first page, a `limit` that of all pages together.

        Args:
            size: How many rows a page has at most.
            after: The `next` of the page before; None for the first page.

        Returns:
            The rows (`items`), and what asks for the next page (`next`), None on the last.

        Raises:
            InterfaceError: `after` is no page's `next`, or that of another query; the rows cannot be told apart.
        """
        plan, end = pages.plan(self, size, after)
        db = self.database()
        rows: list[Any] = await db.fetch_rows(plan.statement, plan.into)
        items, following = pages.cut(rows, end)
        if plan.wanted and items:
            await load_wanted(db, items, plan.wanted)
        return Page(items, following)

    async def explain(self, *, analyze: bool = False) -> str:
        """Give the server's plan.

        Args:
            analyze: Whether the query is run, to show what each step took.
        """
        statement = {**self.plan().statement, "explain": "analyze" if analyze else "plan"}
        rows = await self.database().fetch_rows(statement, None)
        return "\n".join(str(next(iter(row.values()))) for row in rows)

    async def stream(self, *, batch_rows: int = 1000) -> AsyncGenerator[R]:
        """Give the rows one by one, in constant memory; see `AsyncDatabase.stream`.

        Collections are loaded for each batch, over the stream's own connection.

        Args:
            batch_rows: How many rows are taken from the server at a time.

        Yields:
            The rows.
        """
        plan = self.plan()
        db = self.database()
        kept = await db._keep() if plan.wanted else None  # noqa: SLF001  (for queries alone)
        asked = kept or db
        well = False
        try:
            cursor = await asked.open_cursor(plan.statement, plan.into, batch_rows)
            try:
                while rows := await cursor.rows():
                    if plan.wanted:
                        await load_wanted(asked, rows, plan.wanted)
                    for row in rows:
                        yield row
                well = True
            finally:
                cursor.close()
        finally:
            if kept is not None:
                await kept.end(well=well)

    # Frames
    def read(self, *, batch_rows: int = 65_536) -> AsyncArrowReader:
        """Read the rows as Arrow; see `AsyncDatabase.read`."""
        text, params = _core.render(self.frame_statement())
        return self.database().read(text, *params, batch_rows=batch_rows)

    async def batches(self, *, batch_rows: int = 65_536) -> AsyncGenerator[Any]:
        """Give the rows as record batches, as they stream in.

        Args:
            batch_rows: The most rows a batch has.

        Yields:
            The batches (arro3).
        """
        async for batch in self.read(batch_rows=batch_rows):
            yield batch

    async def to_arrow(self) -> Any:  # noqa: ANN401  (pyarrow may not be there)
        """Give the rows as a `pyarrow.Table`."""
        return await self.read().to_arrow()

    async def to_polars(self) -> Any:  # noqa: ANN401  (polars may not be there)
        """Give the rows as a `polars.DataFrame`."""
        return await self.read().to_polars()

    async def to_pandas(self) -> Any:  # noqa: ANN401  (pandas may not be there)
        """Give the rows as a `pandas.DataFrame`."""
        return await self.read().to_pandas()


class AsyncReturning(Generic[R]):
    """An update or delete that gives the rows it touches."""

    def __init__(self, query: AsyncQuery[Any], columns: tuple[Expr[Any], ...] | None) -> None:
        """Take the query, and what is given of its rows."""
        self._query = query
        self._columns = columns

    async def update(self, *assignments: Assign) -> list[R]:
        """Update the rows, and give them as they are then."""
        return await self._run(self._query.update_statement(assignments))

    async def delete(self) -> list[R]:
        """Delete the rows, and give them as they were."""
        return await self._run(self._query.delete_statement())

    async def _run(self, statement: Statement) -> list[R]:
        def returning(columns: tuple[Any, ...]) -> Statement:
            return {**statement, "returning": columns}

        columns = self._columns
        plan = self._query.rows_plan(returning) if columns is None else tuple_plan(columns, returning)
        rows: list[R] = await self._query.database().fetch_rows(plan.statement, plan.into)
        return rows
