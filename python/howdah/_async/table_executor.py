"""The methods for tables, for asyncio; databases, sessions and transactions inherit them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from howdah._async.eager_loading import load_collections
from howdah._async.executor import AsyncExecutor
from howdah._async.query import AsyncQuery
from howdah.errors import InterfaceError, NoRow
from howdah.outcomes import after_statement
from howdah.queries import persistence
from howdah.queries.ast import plain_tuples
from howdah.queries.filters import as_conditions
from howdah.queries.object_plan import object_plan, tree_of
from howdah.tables import ddl
from howdah.tables.relation_paths import ManyPath, RefPath, path_of
from howdah.tables.row_state import DATABASE, ORIGINAL, ROLLED_BACK_KEYS
from howdah.tables.schema import HasSchema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from howdah._core import LoadReport
    from howdah.bulk import Rows
    from howdah.expressions.expression import Condition, Expr
    from howdah.expressions.node import Assign
    from howdah.queries.from_items import Derived
    from howdah.tables.absent import Absence

M = TypeVar("M", bound=HasSchema)


class AsyncTableExecutor(AsyncExecutor):
    """Runs statements, and reads and writes the rows of tables."""

    async def create_tables(self, *tables: type[HasSchema]) -> None:
        """Create tables with their types and indexes, in one transaction. Existing objects are not changed.

        Tables that others refer to come first.

        Args:
            *tables: The tables.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE. Another table may have an index of
                one of the names.
            InterfaceError: As `ddl` does.

        Example:
            >>> await db.create_tables(Elephant)
        """
        async with self.transaction():
            for statement in ddl.statements(*tables):
                await self.execute(statement)

    @overload
    def find(self, table: type[M], /, *conditions: Condition) -> AsyncQuery[M]: ...
    @overload
    def find(self, table: Derived, /, *conditions: Condition) -> AsyncQuery[Any]: ...
    def find(self, table: Any, /, *conditions: Condition) -> AsyncQuery[Any]:
        """Return a query for the rows of a table that meet all conditions; nothing is sent to the server yet.

        Args:
            table: The table, or an alias, CTE or subquery.
            *conditions: The conditions.

        Returns:
            The query.

        Example:
            >>> await db.find(Elephant, Elephant.age > 25).order_by(Elephant.name).to_list()
            [Elephant(id=1, name='Airavata', age=99)]
        """
        query: AsyncQuery[Any] = AsyncQuery(table, self)
        return query.where(*conditions) if conditions else query

    async def find_one(self, table: type[M], /, *conditions: Condition | Mapping[str, Any]) -> M | None:
        """Return the first row that meets all conditions, or None.

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
        expressions = as_conditions(table, conditions)
        return await AsyncQuery[M](table, self).where(*expressions).first()

    async def get(self, table: type[M], key: object, /) -> M:
        """Return the row with a primary key.

        Args:
            table: The table.
            key: The key; of several columns, a tuple.

        Returns:
            The row.

        Raises:
            NoRow: There is no such row.
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
        found: M | None = await self._core.fetch_one(persistence.select_by_key(schema), parts, into, self.lease())
        if found is None:
            message = f"there is no {table.__name__} with the key {key!r}"
            raise NoRow(message)
        return found

    async def save(self, row: M, /) -> M:
        """Store a row: insert it if it is new, else update the columns that have changed.

        Afterwards the row has the values that the server filled in: keys, defaults and generated columns.

        Args:
            row: The row.

        Returns:
            The same row.

        Raises:
            NoRow: It was deleted in the meantime.
            IntegrityError: A constraint.
            InterfaceError: A row that it refers to is not saved yet; it is a row of another database.

        Example:
            >>> await db.save(Elephant(name="Abul-Abbas"))
            Elephant(id=2, name='Abul-Abbas', age=None)
        """
        persistence.refuse_other_database(row, self.location)
        stored = persistence.is_stored(row)
        plan = persistence.update(row) if stored else persistence.insertion(row)
        if plan is None:
            return row
        given: tuple[Any, ...] | None = ()
        if plan.returning.columns:
            given = await self._core.fetch_one(plan.text, plan.params, plain_tuples, self.lease())
        elif not await self._core.execute(plan.text, plan.params, self.lease()):
            given = None
        if given is None:
            if stored:
                raise persistence.deleted_error(row)
            message = (
                f"the server did not store the {type(row).__name__}: a rule or trigger of the table may have dropped it"
            )
            raise NoRow(message)
        try:
            self.on_rollback(map(persistence.restore_point, (row,), (plan,)))
            persistence.apply_result(row, plan, given, self.location)
        except BaseException as error:
            after_statement(error, self.lease())
            raise
        return row

    async def delete(self, row: HasSchema, /) -> None:
        """Delete a row.

        Args:
            row: The row.

        Raises:
            NoRow: It was deleted in the meantime.
            IntegrityError: Other rows refer to it.
            InterfaceError: It is not stored, or a row of another database.

        Example:
            >>> await db.delete(await db.get(Elephant, 2))
        """
        persistence.refuse_other_database(row, self.location)
        plan = persistence.deletion(row)
        if not await self._core.execute(plan.text, plan.params, self.lease()):
            raise persistence.deleted_error(row)
        self.on_rollback(map(persistence.restore_point, (row,), (None,)))
        del vars(row)[ORIGINAL]
        vars(row).pop(DATABASE, None)

    async def refresh(self, row: M, /) -> M:
        """Read a row again: its columns are as the server has them, its relations not loaded.

        Args:
            row: The row.

        Returns:
            The same row.

        Raises:
            NoRow: It was deleted in the meantime.

        Example:
            >>> elephant = await db.get(Elephant, 1)
            >>> await db.refresh(elephant)
            Elephant(id=1, name='Airavata', age=99)
        """
        key = persistence.stored_key(row)
        try:
            fresh = await self.get(type(row), key)
        except NoRow:
            raise persistence.deleted_error(row) from None
        # The values that it has now may be those of the transaction, which may roll back.
        self.on_rollback(map(persistence.restore_point, (row,), (None,)))
        values = vars(row)
        rolled_back = values.get(ROLLED_BACK_KEYS)
        values.clear()
        values.update(vars(fresh))
        if rolled_back is not None:
            values[ROLLED_BACK_KEYS] = rolled_back
        return row

    async def fetch_relations(self, row: M, /, *relations: type[HasSchema] | Absence) -> M:
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
            steps.append(path_of(relation).steps)
        schema = type(row).__schema__
        tree = tree_of(steps)
        collections = object_plan(schema, type(row).__source__, tree, lambda _: {}).collections
        values = vars(row)
        for name, inner in tree.items():
            column = schema.references.get(name)
            if column is None or column.reference is None:
                continue
            key = persistence.reference_key(row, column)
            target = column.reference.target
            query: AsyncQuery[Any] = AsyncQuery(column.reference.table, self)
            found = None if key is None else await query.loading(inner).where(query.column(target) == key).first()
            values[name] = found
        await load_collections(self, [row], [one for one in collections if not one.steps])
        return row

    async def insert_many(self, table: type[HasSchema], rows: Rows, /) -> list[Any]:
        """Insert rows, in one transaction, and return their primary keys.

        A few rows are sent by one INSERT, many by COPY.

        Args:
            table: The table.
            rows: Dicts by the names in the class, objects of the table, or Arrow data (polars, pyarrow, …). Objects
                have their keys afterwards.

        Returns:
            The keys, in the order of the rows; of several columns, tuples.

        Raises:
            IntegrityError: A constraint.
            DataError: A value that the column cannot hold exactly.
            InterfaceError: A row names something that is not a column, lacks a column that has no default, or is the
                same object as another row.

        Example:
            >>> await db.insert_many(Elephant, [{"name": "Hanno"}, {"name": "Jumbo"}])
            [3, 4]
        """
        from howdah._async.bulk_insert import insert_many  # noqa: PLC0415  (importing it takes time)

        return await insert_many(self, table, rows)

    async def upsert(
        self,
        table: type[M],
        rows: Rows,
        /,
        *,
        on: Sequence[Expr[Any]],
        update: Sequence[Expr[Any] | Assign] | None = None,
    ) -> LoadReport:
        """Insert rows, or update those that exist, by COPY, in one transaction.

        Args:
            table: The table.
            rows: Dicts, objects or Arrow data; see `insert_many`. Of several rows with one key, the last wins. A row
                with NULL in its key matches no other row, unless the constraint says NULLS NOT DISTINCT.
            on: The columns that identify a row; they need a unique constraint.
            update: The changes to a row that exists: columns, which get the new value, and assignments, in which
                `excluded` is the new value. None updates all columns of the rows, an empty sequence none.

        Returns:
            How many rows were stored, how many of them new.

        Raises:
            IntegrityError: Another constraint.
            DataError: A value that the column cannot hold exactly.
            InterfaceError: As `insert_many` does; `on` or `update` has a column of another table; a row lacks a column
                that other rows have, and whose new value the stored rows get.

        Example:
            >>> report = await db.upsert(Elephant, [{"name": "Hanno", "age": 7}], on=[Elephant.name])
            >>> report.inserted, report.updated
            (0, 1)
        """
        from howdah._async.bulk_upsert import upsert  # noqa: PLC0415  (importing it takes time)

        return await upsert(self, table, rows, on=on, update=update)


def _no_such_key(table: type[HasSchema], count: int) -> InterfaceError:
    name, columns = table.__name__, len(table.__schema__.primary_key)
    if not columns:
        return InterfaceError(f"{name} has no primary key to find the row by; find_one() takes conditions")
    return InterfaceError(f"{name}'s primary key has {columns} columns, got {count}")
