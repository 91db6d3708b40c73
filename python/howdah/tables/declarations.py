"""Reads a table's class: its annotations, and what stands beside them."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import re
import sys
from collections import ChainMap
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, ClassVar, ForwardRef, Union, get_args, get_origin
from weakref import WeakValueDictionary

from howdah.errors import InterfaceError
from howdah.expressions.values import kind_of, snake_case, sql_type
from howdah.tables.attributes import Col, Many, One, Ref
from howdah.tables.fields import Field, ManyField, RefField, refuse_shared
from howdah.tables.schema import EITHER, MISSING, Collection, Column, Reference, SqlType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from howdah.tables.table import Table

KINDS: dict[str, type] = {"Col": Col, "Ref": Ref, "Many": Many, "One": One, "ClassVar": ClassVar}  # type: ignore[dict-item]
WRAPPED = re.compile(r"(?:\w+\.)*(Col|Ref|Many|One|ClassVar)\s*(?:\[(.*)\])?", re.DOTALL)

# The classes of tables by module and name, for those that name each other before they are there.
_known: WeakValueDictionary[tuple[str, str], type] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Names:
    """Where a class was defined: what the names in its annotations mean."""

    module: str
    owner: str
    variables: Mapping[str, Any]
    locals: Mapping[str, Any]

    def evaluate(self, annotation: object) -> Any:  # noqa: ANN401  (a type)
        """Give the type that an annotation, or its text, names."""
        if isinstance(annotation, ForwardRef):
            annotation = annotation.__forward_arg__
        if not isinstance(annotation, str):
            return annotation
        try:
            # The class's author wrote it, as code.
            names = ChainMap({}, dict(self.locals), dict(self.variables), _Tables(self.module))
            return eval(annotation, {}, names)  # noqa: S307
        except NameError as error:
            message = f"{self.owner}: the annotation {annotation!r} cannot be read: {error}"
            raise InterfaceError(message) from None

    def table(self, annotation: object) -> type[Table]:
        """Give the table that an annotation names."""
        found = self.evaluate(annotation)
        if get_origin(found) in {Union, UnionType}:
            found = self.evaluate(next(kind for kind in get_args(found) if kind is not NoneType))
        if not hasattr(found, "__schema__"):
            message = f"{self.owner}: {annotation!r} is no table"
            raise InterfaceError(message)
        return found  # type: ignore[no-any-return]


class _Tables(dict[str, Any]):
    """Tables by the names of their classes, those of one module first."""

    def __init__(self, module: str) -> None:
        super().__init__()
        self._module = module

    def __missing__(self, name: str) -> type:
        found = _known.get((self._module, name))
        if found is None:
            others = [kind for (_, known), kind in _known.items() if known == name]
            if len(others) != 1:
                raise KeyError(name)
            found = others[0]
        return found


def defined_at(depth: int, module: str, owner: str) -> Names:
    """Give where a class is being defined, so many frames further out."""
    frame = sys._getframe(depth + 1)  # noqa: SLF001  (as dataclasses and typing do)
    inside = {} if frame.f_locals is frame.f_globals else dict(frame.f_locals)
    return Names(module, owner, frame.f_globals, inside)


def remember(table: type) -> None:
    """Let other tables find a table by its name."""
    _known[table.__module__, table.__name__] = table


@dataclass(frozen=True, slots=True)
class Declared:
    """An attribute as its class declares it.

    Attributes:
        name: The attribute.
        kind: Col, Ref, Many or One.
        inner: What stands in its brackets, perhaps as text.
        field: What stands beside it.
        names: What names mean there.
        key: For a reference, its key as the class declares it.
    """

    name: str
    kind: type
    inner: object
    field: Field | RefField | ManyField
    names: Names
    key: Declared | None = None

    @property
    def may_be_none(self) -> bool:
        """Whether its annotation has None in it."""
        return _may_be_none(self.inner)

    def column(self) -> Column:
        """Give the column."""
        if self.kind is Ref:
            return self._reference()
        field = self.field
        if not isinstance(field, Field):
            message = f"{self.names.owner}.{self.name}: ref() goes with Ref, many() with Many, one() with One"
            raise InterfaceError(message)
        if field.default is EITHER:
            message = f"{self.names.owner}.{self.name}: default=EITHER is for a reference and its key"
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
            message = f"{self.names.owner}.{self.name}: ref() goes with Ref, many() with Many, one() with One"
            raise InterfaceError(message)
        attribute = f"{self.name}_id"
        nullable = field.default is None or field.on_delete == "set null" or self.may_be_none
        reference = Reference(self.name, field.name or attribute, field.on_delete, lambda: self.names.table(self.inner))
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
        from howdah.tables.reference_keys import checked_type  # noqa: PLC0415  (it is made of declarations)

        return reference.target.type if self.key is None else checked_type(self.key, reference.table)

    def collection(self) -> Collection:
        """Give the collection."""
        field = self.field
        if not isinstance(field, ManyField):
            message = f"{self.names.owner}.{self.name}: a Many is declared by many(via=...)"
            raise InterfaceError(message)
        names = self.names
        return Collection(
            self.name,
            field.via,
            field.through,
            lambda: names.table(self.inner),
            lambda: names.table(field.through),
            single=field.single,
            target=field.target,
        )


def _may_be_none(annotation: object) -> bool:
    """Tell whether an annotation has None beside a type."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return re.search(r"\bNone\b|\bOptional\b", annotation) is not None
    return NoneType in get_args(annotation)


def declared(names: Names, namespace: Mapping[str, Any]) -> list[Declared]:
    """Read the annotations of a class.

    Raises:
        InterfaceError: A declaration without an annotation.
    """
    annotations: Mapping[str, object] = namespace.get("__annotations__", {})
    found: list[Declared] = []
    for name, annotation in annotations.items():
        kind, inner = taken_apart(annotation)
        if kind is ClassVar or name.startswith("_"):
            continue
        field = namespace.get(name, MISSING)
        if not isinstance(field, (Field, RefField, ManyField)):
            refuse_shared(field, f"{names.owner}.{name}: ")
            field = Field(default=field)
        found.append(Declared(name, kind, inner, field, names))
    for name, value in namespace.items():
        if isinstance(value, (Field, RefField, ManyField)) and name not in annotations:
            message = f"{names.owner}.{name} has no annotation; write {name}: Col[...] = ..."
            raise InterfaceError(message)
    return found


def gathered(table: type, attribute: str) -> tuple[Any, ...]:
    """Give a table's constraints or indexes: its own, after those of the classes that it is derived from.

    Args:
        table: The class.
        attribute: Where they stand.

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


def taken_apart(annotation: object) -> tuple[Any, object]:
    """Give the kind of attribute that an annotation declares, and what stands in its brackets."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        match = WRAPPED.fullmatch(annotation.strip())
        # A plain annotation is a column.
        return (Col, annotation) if match is None else (KINDS[match[1]], match[2])
    if annotation is ClassVar:
        return ClassVar, None
    origin = get_origin(annotation)
    if origin in {Col, Ref, Many, One, ClassVar}:
        return origin, get_args(annotation)[0]
    return Col, annotation


def column_type(declaration: Declared, field: Field) -> tuple[SqlType, bool]:
    """Give the type of a column, and whether it may be NULL."""
    annotation = declaration.names.evaluate(declaration.inner)
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
        message = f"{declaration.names.owner}.{declaration.name}: {error}"
        raise InterfaceError(message) from None
    alone = name.rstrip("[]")
    brackets = name[len(alone) :]
    if alone == "numeric" and field.precision is not None:
        alone = f"numeric({field.precision},{field.scale or 0})"
    if alone == "vector" and field.dim is not None:
        alone = f"vector({field.dim})"
    return SqlType(alone + brackets, kind), nullable


def table_name(given: object, owner: str) -> tuple[str, ...]:
    """Give the parts of a table's name: what the class says, or its own name in snake case."""
    if given is None:
        return (snake_case(owner),)
    if isinstance(given, (tuple, list)):
        return tuple(str(part) for part in given)
    return tuple(part for part in str(given).split(".", 1) if part)
