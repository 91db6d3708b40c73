"""Tables: classes whose objects are rows."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, cast, dataclass_transform

from howdah._async.query import AsyncQuery
from howdah.default import database
from howdah.errors import InterfaceError, NoField
from howdah.tables.annotations import namespace_at, register
from howdah.tables.column import Col, unusable
from howdah.tables.declarations import Declaration, declarations_of, inherited, table_name
from howdah.tables.defaults import MISSING
from howdah.tables.fields import col, generated, identity, many, one, ref, server_default
from howdah.tables.keyed import KeyedMeta
from howdah.tables.reference_keys import merge_reference_keys
from howdah.tables.relation_paths import METHODS, no_field
from howdah.tables.relations import Many, One, Ref
from howdah.tables.schema import Source, TableSchema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from howdah._core import LoadReport
    from howdah.bulk import Rows
    from howdah.expressions.expression import Condition, Expr
    from howdah.expressions.node import Assign
    from howdah.tables.absent import Absence
    from howdah.tables.constraints import Check, Constraint, ForeignKey, Index, Unique
    from howdah.tables.schema import Column


@dataclass_transform(kw_only_default=True, field_specifiers=(col, identity, generated, server_default, ref, many, one))
class TableMeta(KeyedMeta, type):
    """The metaclass of tables: it reads the annotations of a class, and sets its columns and relations."""

    def __new__(
        cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, abstract: bool = False
    ) -> TableMeta:
        """Make the class. An abstract class is not a table: it only has attributes that others inherit."""
        if not any(isinstance(base, TableMeta) for base in bases):
            return super().__new__(cls, name, bases, namespace)
        defined_in = namespace_at(1, str(namespace.get("__module__")), name)
        own = declarations_of(defined_in, namespace)
        for declaration in own:
            namespace.pop(declaration.name, None)
        made = super().__new__(cls, name, bases, namespace)
        bases_own = [one for base in reversed(made.__mro__[1:]) for one in vars(base).get("__own__", ())]
        seen = {one.name for one in own}
        # The columns of the farthest base come first; the nearest class declares a column that several have.
        first = {one.name: one for one in bases_own if one.name not in seen}
        made.__own__ = own  # type: ignore[attr-defined]
        made.__declared__ = (*first.values(), *own)  # type: ignore[attr-defined]
        if not abstract:
            made._build()
        return made

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], *, abstract: bool = False) -> None:
        """Take the arguments of `__new__`."""
        super().__init__(name, bases, namespace)
        del abstract

    def _build(cls) -> None:
        declarations: tuple[Declaration, ...] = cls.__declared__  # type: ignore[attr-defined]
        columns: list[Column] = []
        collections = {}
        table = cast("type[Table]", cls)
        parts = table_name(vars(cls).get("__table__"), cls.__name__)
        schema = TableSchema(
            table,
            parts,
            (),
            inherited(cls, "__constraints__"),
            inherited(cls, "__indexes__"),
            {},
        )
        source = Source("table", parts, schema=schema)
        for declaration in merge_reference_keys(declarations):
            name = declaration.name
            if hasattr(Table, name) or name in METHODS:
                raise unusable(name)
            if declaration.kind in {Many, One}:
                collection = declaration.collection()
                collection.owner = table
                collections[name] = collection
                setattr(cls, name, declaration.kind(collection, source))
                continue
            column = declaration.column()
            columns.append(column)
            if column.reference is not None:
                setattr(cls, name, Ref(column, source))
            setattr(cls, column.attribute, Col(column, source))
        schema.columns = tuple(columns)
        schema.collections = collections
        if not columns:
            message = f"{cls.__name__} has no columns"
            raise InterfaceError(message)
        table.__table__ = ".".join(parts)
        table.__schema__ = schema
        table.__source__ = source
        register(cls)


class Table(metaclass=TableMeta):
    """A row of a table; a class derived from it is a table.

    Its annotations are its columns: `Col[T]`, or only T. The columns, `__constraints__` and `__indexes__` of base
    classes come before its own; if several have the same name, that of the nearest class is used. On the class an
    attribute is an expression, on an object a value. Reading an attribute never sends a query; one that is not loaded
    raises NotLoaded.

    Example:
        >>> class Elephant(howdah.Table):
        ...     id: howdah.Col[int] = howdah.identity()
        ...     name: howdah.Col[str] = howdah.col(unique=True)
        ...     age: howdah.Col[int | None] = howdah.col(default=None)
        >>> Elephant(name="Airavata")
        Elephant(name='Airavata', age=None)
        >>> howdah.ddl(Elephant).splitlines()[0]
        'CREATE TABLE IF NOT EXISTS elephant ('
    """

    __table__: ClassVar[str]
    __constraints__: ClassVar[Sequence[Unique | Check | ForeignKey | Constraint]]
    __indexes__: ClassVar[Sequence[Index]]
    __schema__: ClassVar[TableSchema]
    __source__: ClassVar[Source]

    def __init__(self, /, **given: Any) -> None:  # noqa: ANN401  (of the columns' types)
        """Make a row, which is not stored yet.

        Args:
            **given: The values of columns, and the objects of references, by their names in the class.

        Raises:
            TypeError: A column without a default is missing, or an argument is not a column.
        """
        cls = type(self)
        schema = cls.__schema__
        values: dict[str, Any] = vars(self)
        missing: list[str] = []
        for column in schema.columns:
            name = column.attribute
            if name in given:
                if column.generated is not None:
                    message = f"{cls.__name__}.{name} is generated by the server, and cannot be given"
                    raise TypeError(message)
                if column.reference is not None and column.reference.attribute in given:
                    message = f"{cls.__name__}(): {column.reference.attribute} and {name} are both given; give one"
                    raise TypeError(message)
                values[name] = given.pop(name)
            elif column.reference is not None and column.reference.attribute in given:
                setattr(self, column.reference.attribute, given.pop(column.reference.attribute))
            elif column.default is not MISSING:
                values[name] = column.default
            elif column.default_factory is not None:
                values[name] = column.default_factory()
            elif not column.by_server:
                missing.append(name if column.reference is None else column.reference.attribute)
        if given or missing:
            raise _arguments_error(cls, list(given), missing)

    if not TYPE_CHECKING:
        # Type checkers refuse names that the class does not declare, as long as they do not see this method.
        def __setattr__(self, name, value):  # noqa: ANN001, ANN204
            """Set a column or a reference, which the next `save` writes, or another attribute of the class.

            Raises:
                NoField: The class has no such attribute, or one that only the server sets.
            """
            if name not in type(self).__schema__.settable:
                _refuse_setting(type(self), name)
            object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        """Compare by primary key; without one, a row equals only itself."""
        if type(other) is not type(self):
            return NotImplemented
        key = row_key(self)
        return self is other if key is None else key == row_key(other)

    def __hash__(self) -> int:
        """Hash by primary key.

        Raises:
            TypeError: It has none yet.
        """
        key = row_key(self)
        if key is None:
            message = f"this {type(self).__name__} has no primary key yet, and cannot be hashed; save it first"
            raise TypeError(message)
        return hash((type(self), key))

    def __repr__(self) -> str:
        """Show the columns that have values."""
        values = self.__dict__
        shown = [
            f"{one.attribute}={values[one.attribute]!r}" for one in self.__schema__.columns if one.attribute in values
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Return the names and values of the columns, so that `dict(row)` works, as for pydantic's models."""
        return iter(self.asdict().items())

    def asdict(self, *, relations: bool = False) -> dict[str, Any]:
        """Return the values by their names in the class.

        Args:
            relations: Whether to include the rows of loaded relations, as dicts.

        Returns:
            The values of the columns that have one.
        """
        values = self.__dict__
        found: dict[str, Any] = {}
        for column in self.__schema__.columns:
            if column.attribute in values:
                found[column.attribute] = values[column.attribute]
        if relations:
            for name in (*self.__schema__.references, *self.__schema__.collections):
                if name in values:
                    found[name] = _asdict(values[name])
        return found

    # Methods on the default database
    @classmethod
    def find(cls, *conditions: Condition) -> AsyncQuery[Self]:
        """Return a query for the rows that meet all conditions, on the default database; see `AsyncDatabase.find`."""
        query: AsyncQuery[Self] = AsyncQuery(cls, find_database=database)
        return query.where(*conditions) if conditions else query

    @classmethod
    async def find_one(cls, *conditions: Condition | Mapping[str, Any]) -> Self | None:
        """Return the first row that meets all conditions, or None; see `AsyncDatabase.find_one`."""
        return await database().find_one(cls, *conditions)

    @classmethod
    async def get(cls, key: object, /) -> Self:
        """Return the row with a primary key; see `AsyncDatabase.get`."""
        return await database().get(cls, key)

    @classmethod
    async def count(cls, *conditions: Condition) -> int:
        """Count the rows that meet all conditions."""
        return await cls.find(*conditions).count()

    @classmethod
    async def exists(cls, *conditions: Condition) -> bool:
        """Return whether there is a row that meets all conditions."""
        return await cls.find(*conditions).exists()

    @classmethod
    async def insert_many(cls, rows: Rows, /) -> list[Any]:
        """Insert rows and return their primary keys, in order; see `AsyncDatabase.insert_many`."""
        return await database().insert_many(cls, rows)

    @classmethod
    async def upsert(
        cls, rows: Rows, /, *, on: Sequence[Expr[Any]], update: Sequence[Expr[Any] | Assign] | None = None
    ) -> LoadReport:
        """Insert rows, or update those that exist; see `AsyncDatabase.upsert`."""
        return await database().upsert(cls, rows, on=on, update=update)

    async def save(self) -> Self:
        """Insert the row if it is new, else update the columns that have changed; see `AsyncDatabase.save`."""
        return await database().save(self)

    async def delete(self) -> None:
        """Delete the row; see `AsyncDatabase.delete`."""
        await database().delete(self)

    async def refresh(self) -> Self:
        """Read the row again; see `AsyncDatabase.refresh`."""
        return await database().refresh(self)

    async def fetch(self, *relations: type[Table] | Absence) -> Self:
        """Load relations of the row, such as `User.posts`; see `AsyncDatabase.fetch_relations`."""
        return await database().fetch_relations(self, *relations)

    @classmethod
    def pydantic(cls) -> type[Any]:
        """Return a pydantic model with the table's columns; those that the server fills may be left out."""
        from howdah.tables.validation import model  # noqa: PLC0415  (pydantic may not be there)

        return model(cls)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: Any) -> Any:  # noqa: ANN401
        """Return the schema by which pydantic and FastAPI validate and serialize rows."""
        from howdah.tables.validation import core_schema  # noqa: PLC0415  (pydantic may not be there)

        return core_schema(cls, handler)


def row_key(row: object) -> tuple[Any, ...] | None:
    """Return a row's primary key; None if a part of it has no value."""
    values = vars(row)
    schema: TableSchema = cast("Any", type(row)).__schema__
    key = tuple(values.get(column.attribute) for column in schema.primary_key)
    return None if not key or any(part is None for part in key) else key


def _asdict(value: object) -> object:
    if isinstance(value, list):
        return [_asdict(one) for one in cast("list[object]", value)]
    return value.asdict() if isinstance(value, Table) else value


def _refuse_setting(cls: type[Table], name: str) -> None:
    """Refuse to set an attribute that is not a column, reference, property, class variable or private name."""
    schema = cls.__schema__
    collection = schema.collections.get(name)
    if collection is not None:
        message = (
            f"{cls.__name__}.{name} cannot be set: its rows are those whose {collection.via} is this row; "
            f"set {collection.holder}.{collection.via} and save those"
        )
        raise NoField(message)
    if name in schema.by_attribute:
        message = f"{cls.__name__}.{name} cannot be set: the server computes it"
        raise NoField(message)
    if not name.startswith("_") and not hasattr(cls, name):
        raise no_field(schema, name)


def _arguments_error(cls: type[Table], stray: list[str], missing: list[str]) -> TypeError:
    problems = [
        f"{problem}: {', '.join(names)}" for problem, names in (("missing", missing), ("no columns", stray)) if names
    ]
    return TypeError(f"{cls.__name__}(): {'; '.join(problems)}")
