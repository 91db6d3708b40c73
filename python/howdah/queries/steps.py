"""What a query is made of, step by step. Each step gives a new query; nothing is asked of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, cast

from howdah.errors import InterfaceError
from howdah.expressions.expression import condition, key_node
from howdah.queries.derived import Derived, derivation_of
from howdah.queries.joining import across, own_condition
from howdah.queries.loading import steps_of
from howdah.tables.attributes import Col
from howdah.tables.paths import ManyPath, RefPath, way_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from howdah.expressions.expression import Expr, Ordering
    from howdah.expressions.operators import Condition, Key
    from howdah.expressions.sources import Source
    from howdah.queries.builder import Builder
    from howdah.queries.loading import Tree
    from howdah.queries.nodes import Node
    from howdah.tables.absent import Absence
    from howdah.tables.schema import Column, TableSchema
    from howdah.tables.table import Table

R = TypeVar("R")

How = Literal["inner", "left", "cross", "full"]


class Steps(Generic[R]):
    """A query that is being made."""

    # ruff: noqa: SLF001  (its own kind's)
    # What each step changes. Those of a class are what a new query has.
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
    _compound: tuple[str, tuple[Builder[Any], ...]] | None = None
    _schema: TableSchema | None
    _root: Source

    def __init__(self, table: object) -> None:
        """Take the table, alias, CTE or subquery whose rows are looked for."""
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
            there = way_to(table)
            self._schema, self._root = there.schema, there.source

    def _with(self, **changes: object) -> Self:
        made = object.__new__(type(self))
        values = made.__dict__
        values.update(self.__dict__)
        values.update(changes)
        return made

    # Steps
    def where(self, *conditions: Condition) -> Self:
        """Find the rows alone that meet these conditions, too."""
        self._uncombined("where")
        return self._with(_conditions=(*self._conditions, *(condition(one) for one in conditions)))

    def order_by(self, *keys: Key | Ordering) -> Self:
        """Order the rows by these keys; `-key` and `key.desc()` put the greatest first."""
        return self._with(_order=tuple(key_node(key) for key in keys))

    def limit(self, n: int) -> Self:
        """Give so many rows at most."""
        return self._with(_limit=_count(n, "limit"))

    def at_most(self, n: int) -> Self:
        """Give no more rows than this, and than it gives already."""
        return self._with(_limit=n if self._limit is None else min(n, self._limit))

    def offset(self, n: int) -> Self:
        """Leave out so many rows at the beginning."""
        return self._with(_offset=_count(n, "offset"))

    def distinct(self, *on: Key) -> Self:
        """Give each row once; with keys, the first row alone of those that have them in common."""
        self._uncombined("distinct")
        return self._with(_distinct=tuple(key_node(key) for key in on) or True)

    def group_by(self, *keys: Key) -> Self:
        """Give a row for each group of rows that have these keys in common."""
        self._uncombined("group_by")
        return self._with(_groups=(*self._groups, *(key_node(key) for key in keys)))

    def having(self, *conditions: Condition) -> Self:
        """Find the groups alone that meet these conditions."""
        self._uncombined("having")
        return self._with(_having=(*self._having, *(condition(one) for one in conditions)))

    def join(
        self,
        relation: type[Table] | Derived | Absence,
        *,
        on: Condition | None = None,
        how: How = "inner",
        lateral: bool = False,
    ) -> Self:
        """Put the rows of another table beside these.

        Args:
            relation: A relation (`Post.author`, `User.posts`), or a table, alias, CTE or subquery.
            on: The condition; a relation has its own, and a lateral subquery needs none.
            how: `inner`; `left` keeps rows without another beside them, `full` those of both sides; `cross` is every
                row beside every other.
            lateral: Whether a subquery may use the columns of what stands before it.

        Returns:
            The query.
        """
        self._uncombined("join")
        ctes, joins = self._ctes, self._joins
        if isinstance(relation, Derived):
            derivation = derivation_of(relation)
            source = derivation.source
            if derivation.cte and derivation.first not in ctes:
                ctes = (*ctes, derivation.first)
        else:
            there = way_to(relation)
            source = there.source
            if on is None and there.collection is not None and there.collection.through is not None:
                middle, near, on = across(there)
                joins = (*joins, (how, middle, near, False))
            elif on is None:
                on = own_condition(there)
        if source is self._root or any(source is one[1] for one in joins):
            message = f"{source.name[-1]} is part of this query already; give it another place by howdah.alias()"
            raise InterfaceError(message)
        node: Node | None = None if on is None else condition(on)
        if node is None and lateral and how != "cross":
            node = ("literal", True)
        if node is None and how != "cross":
            message = "a join needs a condition: on=..., or how='cross'"
            raise InterfaceError(message)
        return self._with(_joins=(*joins, (how, source, node, lateral)), _ctes=ctes)

    def load(self, *relations: type[Table] | Absence) -> Self:
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
            loads.append(way_to(relation).steps)
        return self._with(_loads=(*self._loads, *loads))

    def loading(self, tree: Tree) -> Self:
        """Load relations that are a tree already."""
        return self._with(_loads=(*self._loads, *steps_of(tree)))

    def column(self, column: Column) -> Col[Any]:
        """Give a column of its table."""
        return Col(column, self._root)

    def for_update(
        self,
        *,
        skip_locked: bool = False,
        nowait: bool = False,
        of: tuple[type[Table], ...] = (),
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
        self._uncombined("for_update")
        sources = tuple(way_to(one).source for one in of) or (self._root,)
        lock = {"strength": strength, "of": sources, "skip_locked": skip_locked, "nowait": nowait}
        return self._with(_lock=lock)

    def with_cte(self, *ctes: Derived) -> Self:
        """Name queries (WITH) that conditions use."""
        return self._with(_ctes=(*self._ctes, *(one for one in ctes if one not in self._ctes)))

    def without_cte(self, cte: Derived) -> Self:
        """Leave a name to the query around: a recursive query is a part of what it names."""
        return self._with(_ctes=tuple(one for one in self._ctes if one is not cte))

    # Combinations
    def union(self, *others: Builder[R]) -> Self:
        """Give the rows of all, each once."""
        return self._combined("union", others)

    def union_all(self, *others: Builder[R]) -> Self:
        """Give the rows of all."""
        return self._combined("union all", others)

    def intersect(self, *others: Builder[R]) -> Self:
        """Give the rows that all have."""
        return self._combined("intersect", others)

    def except_(self, *others: Builder[R]) -> Self:
        """Give the rows that none of the others have."""
        return self._combined("except", others)

    def _uncombined(self, step: str) -> None:
        """Refuse a step that a union and the like have no place for."""
        if self._compound is not None:
            message = (
                f"{step}() comes before {self._compound[0]}, in each of the queries; for the rows of the whole, "
                "take them from howdah.subquery()"
            )
            raise InterfaceError(message)

    def _combined(self, operator: str, others: tuple[Builder[R], ...]) -> Self:
        made = object.__new__(type(self))
        kept = ("_schema", "_root", "_columns", "_shape", "_db", "_loads")
        made.__dict__.update({name: value for name, value in self.__dict__.items() if name in kept})
        parts: tuple[Builder[R], ...] = (cast("Builder[R]", self), *others)
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
