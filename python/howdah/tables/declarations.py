"""Declarations of a table's class: its annotations with the fields assigned to them, turned into columns."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, Union, cast, get_args, get_origin

from howdah.errors import InterfaceError
from howdah.expressions.values import kind_of, snake_case, sql_type
from howdah.tables.annotations import Namespace, may_be_none, split_annotation, without_none
from howdah.tables.column import Col
from howdah.tables.defaults import EITHER, MISSING
from howdah.tables.fields import Field, ManyField, RefField, refuse_shared
from howdah.tables.relations import Ref
from howdah.tables.schema import Collection, Column, HasSchema, Reference, SqlType

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Declaration:
    """An attribute as its class declares it.

    Attributes:
        name: The attribute.
        kind: Col, Ref, Many or One.
        inner: The type in the brackets of the annotation, or its text.
        field: The value assigned to it.
        namespace: The namespace of the annotation.
        key: For a reference, its key as the class declares it.
    """

    name: str
    kind: type
    inner: object
    field: Field | RefField | ManyField
    namespace: Namespace
    key: Declaration | None = None

    @property
    def may_be_none(self) -> bool:
        """Whether its annotation has None in it."""
        return may_be_none(self.inner)

    def column(self) -> Column:
        """Return the column."""
        if self.kind is Ref:
            return self._reference()
        field = self.field
        if not isinstance(field, Field):
            message = f"{self.namespace.owner}.{self.name}: use ref() with Ref, many() with Many, one() with One"
            raise InterfaceError(message)
        if field.default is EITHER:
            message = f"{self.namespace.owner}.{self.name}: only a reference and its key can have default=EITHER"
            raise InterfaceError(message)
        return Column(
            self.name,
            field.name or self.name,
            lambda: column_type(self, field),
            primary_key=field.primary_key,
            unique=field.unique,
            index=field.index,
            check=field.check,
            default=field.default,
            default_factory=field.default_factory,
            identity=field.identity,
            generated=field.generated,
            server_default=field.server_default,
            init=field.init,
            always=field.always,
            stored=field.stored,
        )

    def _reference(self) -> Column:
        field = self.field
        if isinstance(field, Field) and field == Field():
            field = RefField()
        if not isinstance(field, RefField):
            message = f"{self.namespace.owner}.{self.name}: use ref() with Ref, many() with Many, one() with One"
            raise InterfaceError(message)
        attribute = f"{self.name}_id"
        nullable = field.default is None or field.on_delete == "set null" or self.may_be_none
        find = partial(self.namespace.table, self.inner)
        reference = Reference(self.name, field.name or attribute, field.on_delete, find)
        return Column(
            attribute,
            field.name or attribute,
            lambda: (self._key_type(reference), nullable),
            primary_key=field.primary_key,
            unique=field.unique,
            index=field.index,
            default=None if nullable else MISSING,
            reference=reference,
            init=field.init,
        )

    def _key_type(self, reference: Reference) -> SqlType:
        return reference.target.type if self.key is None else _declared_key_type(self.key, reference.table)

    def collection(self) -> Collection:
        """Return the collection."""
        field = self.field
        if not isinstance(field, ManyField):
            message = f"{self.namespace.owner}.{self.name}: a Many is declared by many(via=...)"
            raise InterfaceError(message)
        namespace = self.namespace
        return Collection(
            self.name,
            field.via,
            field.through,
            lambda: namespace.table(self.inner),
            lambda: namespace.table(field.through),
            single=field.single,
            target=field.target,
        )


def declarations_of(namespace: Namespace, body: Mapping[str, Any]) -> list[Declaration]:
    """Read the annotations of a class.

    Raises:
        InterfaceError: A declaration without an annotation.
    """
    annotations: Mapping[str, object] = body.get("__annotations__", {})
    found: list[Declaration] = []
    for name, annotation in annotations.items():
        kind, inner = split_annotation(annotation)
        if kind is ClassVar or name.startswith("_"):
            continue
        field = body.get(name, MISSING)
        if not isinstance(field, (Field, RefField, ManyField)):
            refuse_shared(field, f"{namespace.owner}.{name}: ")
            field = Field(default=field)
        found.append(Declaration(name, kind, inner, field, namespace))
    for name, value in body.items():
        if isinstance(value, (Field, RefField, ManyField)) and name not in annotations:
            message = f"{namespace.owner}.{name} has no annotation; write {name}: Col[...] = ..."
            raise InterfaceError(message)
    return found


def inherited(table: type, attribute: str) -> tuple[Any, ...]:
    """Return a table's constraints or indexes: its own, after those of the classes that it is derived from.

    Args:
        table: The class.
        attribute: The attribute that has them.

    Returns:
        All of them; of several that are the same, or have one name, that of the nearest class.
    """
    found: list[Any] = []
    for base in reversed(table.__mro__):
        own = vars(base).get(attribute, ())
        names = {one.name for one in own} - {None}
        found = [one for one in found if one not in own and one.name not in names]
        found.extend(own)
    return tuple(found)


def _declared_key_type(key: Declaration, table: type[HasSchema]) -> SqlType:
    """Return the type of a reference's key.

    Raises:
        InterfaceError: The class declares another for it.
    """
    target = table.__schema__.single_key
    declared = without_none(key.namespace.evaluate(key.inner))
    named: tuple[Declaration, ...] = cast("Any", table).__declared__
    own = next((one for one in named if one.name == target.attribute), None)
    # A key that is a reference itself has the type of the key that it refers to.
    if own is not None and own.kind is Col:
        expected = without_none(own.namespace.evaluate(own.inner))
        if declared != expected:
            shown = [getattr(kind, "__name__", repr(kind)) for kind in (expected, declared)]
            message = (
                f"{key.namespace.owner}.{key.name}: expected Col[{shown[0]}], the type of "
                f"{table.__name__}.{target.attribute}, got Col[{shown[1]}]"
            )
            raise InterfaceError(message)
    return target.type


def column_type(declaration: Declaration, field: Field) -> tuple[SqlType, bool]:
    """Return the type of a column, and whether it may be NULL."""
    annotation = declaration.namespace.evaluate(declaration.inner)
    kinds = [annotation]
    if get_origin(annotation) in {Union, UnionType}:
        kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    nullable = NoneType in get_args(annotation) or annotation is Any
    bare = kinds[0] if len(kinds) == 1 else annotation
    kind = kind_of(bare)
    if field.type is not None:
        return SqlType(field.type, kind), nullable
    try:
        name = sql_type(bare)
    except InterfaceError as error:
        message = f"{declaration.namespace.owner}.{declaration.name}: {error}"
        raise InterfaceError(message) from None
    alone = name.rstrip("[]")
    brackets = name[len(alone) :]
    if alone == "numeric" and field.precision is not None:
        alone = f"numeric({field.precision},{field.scale or 0})"
    if alone == "vector" and field.dim is not None:
        alone = f"vector({field.dim})"
    return SqlType(alone + brackets, kind), nullable


def table_name(given: object, owner: str) -> tuple[str, ...]:
    """Return the parts of a table's name: the declared one, or the name of the class in snake case."""
    if given is None:
        return (snake_case(owner),)
    if isinstance(given, (tuple, list)):
        return tuple(str(part) for part in given)
    return tuple(part for part in str(given).split(".", 1) if part)
