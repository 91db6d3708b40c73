"""The clauses of a query. Each method returns a new query with one clause more, and sends nothing to the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, cast

from howdah.errors import InterfaceError
from howdah.expressions.node import condition, key_node
from howdah.queries.from_items import Derived, derivation_of
from howdah.queries.object_plan import steps_of
from howdah.queries.relation_joins import join_condition, through_join
from howdah.tables.column import Col
from howdah.tables.relation_paths import ManyPath, RefPath, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from howdah.expressions.expression import Condition, Expr, Key
    from howdah.expressions.node import Node, Ordering
    from howdah.queries.object_plan import Tree
    from howdah.tables.absent import Absence
    from howdah.tables.schema import Column, HasSchema, Source, TableSchema

R = TypeVar("R")

How = Literal["inner", "left", "cross", "full"]


class QueryClauses(Generic[R]):
    """A query as its clauses.

    Each method copies the query and sets some of these attributes; those of the class are the defaults.
    """

    # ruff: noqa: SLF001  (of other queries)
    _columns: tuple[Expr[Any], ...] | None = None
    _shape: type[Any] | None = None
    _conditions: tuple[Node, ...] = ()
    _order: tuple[Node, ...] = ()
    _limit: int | None = None
    _offset: int | None = None
    _distinct: bool | tuple[Node, ...] | None = None
    _groups: tuple[Node, ...] = ()
    _having: tuple[Node, ...] = ()
    _joins: tuple[tuple[str, Source, Node | None, bool], ...] = ()
    _loads: tuple[tuple[str, ...], ...] = ()
    _lock: Mapping[str, Any] | None = None
    _ctes: tuple[Derived, ...] = ()
    _compound: tuple[str, tuple[Any, ...]] | None = None
    _schema: TableSchema | None
    _root: Source

    def __init__(self, table: object) -> None:
        """Take the table, alias, CTE or subquery whose rows it selects."""
        schema = getattr(table, "__schema__", None)
        if schema is not None:
            self._schema, self._root = schema, cast("Any", table).__source__
        elif isinstance(table, Derived):
            derivation = derivation_of(table)
            self._schema, self._root = None, derivation.source
            self._columns = tuple(derivation.columns.values())
            if derivation.cte:
                self._ctes = (derivation.first,)
        else:
            path = path_of(table)
            self._schema, self._root = path.schema, path.source

    def _with(self, **changes: object) -> Self:
        made = object.__new__(type(self))
        values = made.__dict__
        values.update(self.__dict__)
        values.update(changes)
        return made

    # QueryClauses
    def where(self, *conditions: Condition) -> Self:
        """Select only rows that meet these conditions, too."""
        self._refuse_combined("where")
        return self._with(_conditions=(*self._conditions, *(condition(one) for one in conditions)))

    def order_by(self, *keys: Key | Ordering) -> Self:
        """Order the rows by these keys; `-key` and `key.desc()` put the greatest first."""
        return self._with(_order=tuple(key_node(key) for key in keys))

    def limit(self, n: int) -> Self:
        """Return at most this number of rows."""
        return self._with(_limit=_count(n, "limit"))

    def at_most(self, n: int) -> Self:
        """Return at most this number of rows, or the query's own limit if that is lower."""
        return self._with(_limit=n if self._limit is None else min(n, self._limit))

    def offset(self, n: int) -> Self:
        """Skip this number of rows at the beginning."""
        return self._with(_offset=_count(n, "offset"))

    def distinct(self, *on: Key) -> Self:
        """Return each row once; with keys, only the first of the rows that have the same keys."""
        self._refuse_combined("distinct")
        return self._with(_distinct=tuple(key_node(key) for key in on) or True)

    def group_by(self, *keys: Key) -> Self:
        """Return one row for each group of rows with the same keys."""
        self._refuse_combined("group_by")
        return self._with(_groups=(*self._groups, *(key_node(key) for key in keys)))

    def having(self, *conditions: Condition) -> Self:
        """Select only groups that meet these conditions."""
        self._refuse_combined("having")
        return self._with(_having=(*self._having, *(condition(one) for one in conditions)))

    def join(
        self,
        relation: type[HasSchema] | Derived | Absence,
        *,
        on: Condition | None = None,
        how: How = "inner",
        lateral: bool = False,
    ) -> Self:
        """Join the rows of another table.

        Args:
            relation: A relation (`Post.author`, `User.posts`), or a table, alias, CTE or subquery.
            on: The condition; a relation has its own, and a lateral subquery needs none.
            how: `inner`; `left` keeps rows without a match, `full` those of both sides; `cross` joins each row with
                each other.
            lateral: Whether a subquery may use columns of the FROM items before it.

        Returns:
            The query.
        """
        self._refuse_combined("join")
        ctes, joins = self._ctes, self._joins
        if isinstance(relation, Derived):
            derivation = derivation_of(relation)
            source = derivation.source
            if derivation.cte and derivation.first not in ctes:
                ctes = (*ctes, derivation.first)
        else:
            path = path_of(relation)
            source = path.source
            if on is None and path.collection is not None and path.collection.through is not None:
                association, near, on = through_join(path)
                joins = (*joins, (how, association, near, False))
            elif on is None:
                on = join_condition(path)
        if source is self._root or any(source is one[1] for one in joins):
            message = f"{source.name[-1]} is already part of this query; add it as an alias, by howdah.alias()"
            raise InterfaceError(message)
        node: Node | None = None if on is None else condition(on)
        if node is None and lateral and how != "cross":
            node = ("literal", True)
        if node is None and how != "cross":
            message = "a join needs a condition: on=..., or how='cross'"
            raise InterfaceError(message)
        return self._with(_joins=(*joins, (how, source, node, lateral)), _ctes=ctes)

    def load(self, *relations: type[HasSchema] | Absence) -> Self:
        """Load relations of the rows, too: references in the same statement, collections by one more for each.

        A collection's rows have their owner if that is asked for, too, as in `.load(User.posts.author)`, which costs no
        statement; such a circle of objects is freed by Python's garbage collector alone.

        Args:
            *relations: Relations of the table, such as `Post.author` or `User.posts`, to any depth.

        Raises:
            InterfaceError: One is no relation.

        Example:
            >>> db.find(User).load(User.posts.labels, User.company)
        """
        loads: list[tuple[str, ...]] = []
        for relation in relations:
            if not isinstance(relation, (RefPath, ManyPath)):
                message = f"load() takes relations, such as Post.author or User.posts, not {relation!r}"
                raise InterfaceError(message)
            loads.append(path_of(relation).steps)
        return self._with(_loads=(*self._loads, *loads))

    def loading(self, tree: Tree) -> Self:
        """Load relations that are given as a tree."""
        return self._with(_loads=(*self._loads, *steps_of(tree)))

    def column(self, column: Column) -> Col[Any]:
        """Return a column of its table."""
        return Col(column, self._root)

    def for_update(
        self,
        *,
        skip_locked: bool = False,
        nowait: bool = False,
        of: tuple[type[HasSchema], ...] = (),
        strength: Literal["update", "no key update", "share", "key share"] = "update",
    ) -> Self:
        """Lock the rows until the transaction ends.

        Args:
            skip_locked: Leave out rows that another transaction has locked.
            nowait: Raise OperationalError for them; else wait.
            of: The tables whose rows are locked; without any, the table of the query.
            strength: How strongly, as SQL names it.

        Returns:
            The query.
        """
        self._refuse_combined("for_update")
        sources = tuple(path_of(one).source for one in of) or (self._root,)
        lock = {"strength": strength, "of": sources, "skip_locked": skip_locked, "nowait": nowait}
        return self._with(_lock=lock)

    def with_cte(self, *ctes: Derived) -> Self:
        """Name queries (WITH) that conditions use."""
        return self._with(_ctes=(*self._ctes, *(one for one in ctes if one not in self._ctes)))

    def without_cte(self, cte: Derived) -> Self:
        """Remove a CTE from the WITH clause, because the query is a part of that CTE."""
        return self._with(_ctes=tuple(one for one in self._ctes if one is not cte))

    # Combinations
    def union(self, *others: Self) -> Self:
        """Return the rows of all queries, each once."""
        return self._combined("union", others)

    def union_all(self, *others: Self) -> Self:
        """Return the rows of all queries."""
        return self._combined("union all", others)

    def intersect(self, *others: Self) -> Self:
        """Return the rows that all queries have."""
        return self._combined("intersect", others)

    def except_(self, *others: Self) -> Self:
        """Return the rows that none of the others have."""
        return self._combined("except", others)

    def _refuse_combined(self, step: str) -> None:
        """Refuse a clause that the combination of several queries cannot have."""
        if self._compound is not None:
            message = (
                f"{step}() comes before {self._compound[0]}, in each of the queries; for the rows of the whole, "
                "take them from howdah.subquery()"
            )
            raise InterfaceError(message)

    def _combined(self, operator: str, others: tuple[Self, ...]) -> Self:
        made = object.__new__(type(self))
        copied = ("_schema", "_root", "_columns", "_shape", "_db", "_find_database", "_loads")
        made.__dict__.update({name: value for name, value in self.__dict__.items() if name in copied})
        parts = (self, *others)
        made.__dict__["_ctes"] = tuple(dict.fromkeys(one for part in parts for one in part._ctes))
        bare = [part._with(_ctes=()) for part in parts]
        made.__dict__["_compound"] = (operator, tuple(bare))
        return made


def _count(n: int, name: str) -> int:
    given: Any = n
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        message = f"{name}({n!r}): expected a number of rows, 0 or more"
        raise InterfaceError(message)
    return n
