"""The verbs for tables, awaited; `AsyncDatabase` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from howdah import _core
from howdah.errors import InterfaceError, NoRow
from howdah.outcomes import after_statement
from howdah.queries import saving
from howdah.queries.async_query import AsyncQuery
from howdah.queries.async_relations import Kept, load_wanted
from howdah.queries.conditions import by_names
from howdah.queries.loading import object_plan, tree_of
from howdah.queries.nodes import TUPLES
from howdah.tables import ddl
from howdah.tables.attributes import UNDONE
from howdah.tables.paths import ManyPath, RefPath, way_to
from howdah.tables.table import DATABASE, LOADED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from howdah._core import AsyncCursor, AsyncLease, LoadReport, Tuples
    from howdah.async_statements import AsyncStatements
    from howdah.expressions.expression import Assign, Expr
    from howdah.expressions.operators import Condition
    from howdah.queries.derived import Derived
    from howdah.tables.absent import Absence
    from howdah.tables.table import Table
    from howdah.verbs import Rows

M = TypeVar("M", bound="Table")


class AsyncTables:
    """What a database, or a transaction of it, does with tables."""

    _core: _core.AsyncDatabase

    def _whole(self) -> AsyncStatements:
        return cast("AsyncStatements", self)

    async def create_tables(self, *tables: type[Table]) -> None:
        """Create tables, with their types and indexes, those that others refer to first. What is there stays as it is.

        It is one transaction.

        Args:
            *tables: The tables.

        Raises:
            DatabaseError: What the server says, by its SQLSTATE; another table has an index of one of the names.
            InterfaceError: As `ddl` does.

        Example:
            >>> await db.create_tables(Elephant)
        """
        db = self._whole()
        async with db.transaction():
            for statement in ddl.statements(*tables):
                await db.execute(statement)

    @overload
    def find(self, table: type[M], /, *conditions: Condition) -> AsyncQuery[M]: ...
    @overload
    def find(self, table: Derived, /, *conditions: Condition) -> AsyncQuery[Any]: ...
    def find(self, table: Any, /, *conditions: Condition) -> AsyncQuery[Any]:
        """Give a query for the rows of a table that meet all conditions; nothing is asked of the server yet.

        Args:
            table: The table, or an alias, CTE or subquery.
            *conditions: The conditions.

        Returns:
            The query.

        Example:
            >>> await db.find(Elephant, Elephant.age > 25).order_by(Elephant.name).to_list()
            [Elephant(id=1, name='Airavata', age=99)]
        """
        query: AsyncQuery[Any] = AsyncQuery(table, self._whole())
        return query.where(*conditions) if conditions else query

    async def find_one(self, table: type[M], /, *conditions: Condition | Mapping[str, Any]) -> M | None:
        """Give the first row that meets all conditions, or None.

        Args:
            table: The table.
            *conditions: Expressions, or dicts of the values that columns have, by their names in the class.

        Returns:
            The row.

        Raises:
            InterfaceError: A dict names no column.

        Example:
            >>> await db.find_one(Elephant, {"name": "Airavata"})
            Elephant(id=1, name='Airavata', age=99)
        """
        expressions = by_names(table, conditions)
        return await AsyncQuery[M](table, self._whole()).where(*expressions).first()

    async def get(self, table: type[M], key: object, /) -> M:
        """Give the row with a primary key.

        Args:
            table: The table.
            key: The key; of several columns, a tuple.

        Returns:
            The row.

        Raises:
            NoRow: There is none.
            InterfaceError: The table has no primary key, or one of another number of columns.

        Example:
            >>> await db.get(Elephant, 1)
            Elephant(id=1, name='Airavata', age=99)
        """
        schema = table.__schema__
        parts: tuple[Any, ...] = key if isinstance(key, tuple) else (key,)  # pyright: ignore[reportUnknownVariableType]
        if len(parts) != len(schema.primary_key) or not parts:
            raise _no_such_key(table, len(parts))
        into = object_plan(schema, table.__source__, {}, lambda _: {}).into
        found: M | None = await self._core.fetch_one(saving.selection(schema), parts, into, self.lease())
        if found is None:
            message = f"there is no {table.__name__} with the key {key!r}"
            raise NoRow(message)
        return found

    async def save(self, row: M, /) -> M:
        """Store a row: insert it if it is new, else update the columns that have changed.

        What the server fills in - keys, defaults, generated columns - is in the row afterwards.

        Args:
            row: The row.

        Returns:
            The same row.

        Raises:
            NoRow: It was deleted meanwhile.
            IntegrityError: A constraint.
            InterfaceError: A row that it refers to is not saved yet; it is a row of another database.

        Example:
            >>> await db.save(Elephant(name="Abul-Abbas"))
            Elephant(id=2, name='Abul-Abbas', age=None)
        """
        saving.refuse_other_database(row, self.location)
        stored = saving.is_stored(row)
        plan = saving.update(row) if stored else saving.insertion(row)
        if plan is None:
            return row
        given: tuple[Any, ...] | None = ()
        if plan.returning.columns:
            given = await self._core.fetch_one(plan.text, plan.params, _plain, self.lease())
        elif not await self._core.execute(plan.text, plan.params, self.lease()):
            given = None
        if given is None:
            if stored:
                raise saving.gone(row)
            message = f"the server did not store the {type(row).__name__}: a rule or trigger of its own may be why"
            raise NoRow(message)
        try:
            self.when_undone(map(saving.state, (row,), (plan,)))
            saving.keep(row, plan, given, self.location)
        except BaseException as error:
            after_statement(error, self.lease())
            raise
        return row

    async def delete(self, row: Table, /) -> None:
        """Delete a row.

        Args:
            row: The row.

        Raises:
            NoRow: It was deleted meanwhile.
            IntegrityError: Others refer to it.
            InterfaceError: It is not stored, or a row of another database.

        Example:
            >>> await db.delete(await db.get(Elephant, 2))
        """
        saving.refuse_other_database(row, self.location)
        plan = saving.deletion(row)
        if not await self._core.execute(plan.text, plan.params, self.lease()):
            raise saving.gone(row)
        self.when_undone(map(saving.state, (row,), (None,)))
        del vars(row)[LOADED]
        vars(row).pop(DATABASE, None)

    async def refresh(self, row: M, /) -> M:
        """Read a row again: its columns are as the server has them, its relations not loaded.

        Args:
            row: The row.

        Returns:
            The same row.

        Raises:
            NoRow: It was deleted meanwhile.

        Example:
            >>> elephant = await db.get(Elephant, 1)
            >>> await db.refresh(elephant)
            Elephant(id=1, name='Airavata', age=99)
        """
        key = saving.stored_key(row)
        try:
            fresh = await self.get(type(row), key)
        except NoRow:
            raise saving.gone(row) from None
        # What it knows now may be of the transaction alone.
        self.when_undone(map(saving.state, (row,), (None,)))
        values = vars(row)
        undone = values.get(UNDONE)
        values.clear()
        values.update(vars(fresh))
        if undone is not None:
            values[UNDONE] = undone
        return row

    async def fetch_relations(self, row: M, /, *relations: type[Table] | Absence) -> M:
        """Load relations of a row, by one statement each.

        Args:
            row: The row.
            *relations: Relations of its table, such as `User.posts` or `Post.author`.

        Returns:
            The same row.

        Raises:
            InterfaceError: One is no relation; the row, or one that it refers to, is not saved yet.

        Example:
            >>> await db.fetch_relations(user, User.posts)
        """
        steps: list[tuple[str, ...]] = []
        for relation in relations:
            if not isinstance(relation, (RefPath, ManyPath)):
                message = f"expected relations, such as User.posts, not {relation!r}"
                raise InterfaceError(message)
            steps.append(way_to(relation).steps)
        schema = type(row).__schema__
        tree = tree_of(steps)
        wanted = object_plan(schema, type(row).__source__, tree, lambda _: {}).wanted
        values = vars(row)
        for name, inner in tree.items():
            column = schema.references.get(name)
            if column is None or column.reference is None:
                continue
            key = saving.reference_key(row, column)
            target = column.reference.target
            query: AsyncQuery[Any] = AsyncQuery(column.reference.table, self._whole())
            found = None if key is None else await query.loading(inner).where(query.column(target) == key).first()
            values[name] = found
        await load_wanted(self._whole(), [row], [one for one in wanted if not one.steps])
        return row

    async def insert_many(self, table: type[Table], rows: Rows, /) -> list[Any]:
        """Insert rows, in one transaction, and give their primary keys.

        Few go by one INSERT, many by COPY.

        Args:
            table: The table.
            rows: Dicts by the names in the class, objects of the table, or Arrow data (polars, pyarrow, …). Objects
                have their keys afterwards.

        Returns:
            The keys, in the order of the rows; of several columns, tuples.

        Raises:
            IntegrityError: A constraint.
            DataError: A value that the column cannot hold exactly.
            InterfaceError: A row has something that is no column, lacks one that has no default, or is the same object
                as another.

        Example:
            >>> await db.insert_many(Elephant, [{"name": "Hanno"}, {"name": "Jumbo"}])
            [3, 4]
        """
        from howdah.queries.async_writing import insert_many  # noqa: PLC0415  (it is made of verbs)

        return await insert_many(self._whole(), table, rows)

    async def upsert(
        self,
        table: type[M],
        rows: Rows,
        /,
        *,
        on: Sequence[Expr[Any]],
        update: Sequence[Expr[Any] | Assign] | None = None,
    ) -> LoadReport:
        """Insert rows, or update those that are there, by COPY, in one transaction.

        Args:
            table: The table.
            rows: Dicts, objects or Arrow data; see `insert_many`. Of several rows with one key, the last wins. A NULL
                in the key makes a row one of its own, unless the constraint says NULLS NOT DISTINCT.
            on: The columns that tell rows apart; they need a unique constraint.
            update: What becomes of a row that is there: columns, which take the new value, and assignments, in which
                `excluded` is the new value. None for all columns that were given; nothing for none of them.

        Returns:
            How many rows were stored, how many of them new.

        Raises:
            IntegrityError: Another constraint.
            DataError: A value that the column cannot hold exactly.
            InterfaceError: As `insert_many` does; `on` or `update` has a column of another table; a row lacks a column
                that others give, and that a row that is there takes.

        Example:
            >>> report = await db.upsert(Elephant, [{"name": "Hanno", "age": 7}], on=[Elephant.name])
            >>> report.inserted, report.updated
            (0, 1)
        """
        from howdah.queries.async_upserting import upsert  # noqa: PLC0415  (it is made of verbs)

        return await upsert(self._whole(), table, rows, on=on, update=update)

    # Where statements run
    @property
    def location(self) -> str:
        """The servers and the database, which tell whether a row is of this database."""
        return self._core.location

    def lease(self) -> AsyncLease | None:
        """Give the connection of the transaction that statements run in, if there is one."""
        raise NotImplementedError

    def when_undone(self, restores: Iterable[Callable[[], None]]) -> None:
        """Have these called if that transaction is undone; without one, none is made."""
        raise NotImplementedError

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """Give a transaction, or inside of one a savepoint."""
        raise NotImplementedError

    def origin(self) -> AsyncStatements:
        """Give the database that it is, or is a transaction of."""
        raise NotImplementedError

    async def _keep(self) -> Kept | None:
        """Give a stream a connection for all that it asks; None where it has one already."""
        raise NotImplementedError

    # For queries
    async def fetch_rows(self, statement: dict[str, Any], into: Any) -> list[Any]:  # noqa: ANN401  (a binder)
        """Run a query that is data, and give its rows."""
        text, params = _core.render(statement)
        return await self._core.fetch(text, params, into, self.lease())

    async def execute_statement(self, statement: dict[str, Any]) -> int:
        """Run a statement that is data, and tell how many rows it touched."""
        text, params = _core.render(statement)
        return await self._core.execute(text, params, self.lease())

    async def open_cursor(self, statement: dict[str, Any], into: Any, batch_rows: int) -> AsyncCursor:  # noqa: ANN401
        """Run a query that is data, and give its rows some at a time."""
        text, params = _core.render(statement)
        return await self._core.stream(text, params, batch_rows, into, self.lease())


def _plain(_: tuple[str, ...]) -> Tuples:
    return TUPLES


def _no_such_key(table: type[Table], count: int) -> InterfaceError:
    name, columns = table.__name__, len(table.__schema__.primary_key)
    if not columns:
        return InterfaceError(f"{name} has no primary key to find the row by; find_one() takes conditions")
    return InterfaceError(f"{name}'s primary key has {columns} columns, got {count}")
