"""Annotations of a table's class: which kind of attribute they declare, and the types that they name.

Annotations are read as text where the class's module has `from __future__ import annotations`, and may name classes
that are defined later.
"""

# The types of values in rows are known at run time only.
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
from howdah.tables.column import Col
from howdah.tables.relations import Many, One, Ref

if TYPE_CHECKING:
    from collections.abc import Mapping

    from howdah.tables.schema import HasSchema

KINDS: dict[str, type] = {"Col": Col, "Ref": Ref, "Many": Many, "One": One, "ClassVar": ClassVar}  # type: ignore[dict-item]
WRAPPED = re.compile(r"(?:\w+\.)*(Col|Ref|Many|One|ClassVar)\s*(?:\[(.*)\])?", re.DOTALL)

# The classes of tables by module and name: annotations may name a table that is defined later.
_known: WeakValueDictionary[tuple[str, str], type] = WeakValueDictionary()


@dataclass(frozen=True, slots=True)
class Namespace:
    """The namespace in which a class was defined, to evaluate its annotations."""

    module: str
    owner: str
    variables: Mapping[str, Any]
    locals: Mapping[str, Any]

    def evaluate(self, annotation: object) -> Any:  # noqa: ANN401  (a type)
        """Return the type that an annotation or its text names."""
        if isinstance(annotation, ForwardRef):
            annotation = annotation.__forward_arg__
        if not isinstance(annotation, str):
            return annotation
        try:
            # The text is code of the author of the class.
            names = ChainMap({}, dict(self.locals), dict(self.variables), _Tables(self.module))
            return eval(annotation, {}, names)  # noqa: S307
        except NameError as error:
            message = f"{self.owner}: the annotation {annotation!r} cannot be read: {error}"
            raise InterfaceError(message) from None

    def table(self, annotation: object) -> type[HasSchema]:
        """Return the table that an annotation names."""
        found = self.evaluate(annotation)
        if get_origin(found) in {Union, UnionType}:
            found = self.evaluate(next(kind for kind in get_args(found) if kind is not NoneType))
        if not hasattr(found, "__schema__"):
            message = f"{self.owner}: {annotation!r} is not a table"
            raise InterfaceError(message)
        return found  # type: ignore[no-any-return]


class _Tables(dict[str, Any]):
    """Tables by the names of their classes; those of the same module come first."""

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


def namespace_at(depth: int, module: str, owner: str) -> Namespace:
    """Return the namespace of a class that is being defined, `depth` frames further out."""
    frame = sys._getframe(depth + 1)  # noqa: SLF001  (as dataclasses and typing do)
    inside = {} if frame.f_locals is frame.f_globals else dict(frame.f_locals)
    return Namespace(module, owner, frame.f_globals, inside)


def register(table: type) -> None:
    """Register a table, so that annotations of other tables find it by its name."""
    _known[table.__module__, table.__name__] = table


def split_annotation(annotation: object) -> tuple[Any, object]:
    """Return the kind of attribute that an annotation declares, and the type in its brackets."""
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


def may_be_none(annotation: object) -> bool:
    """Return whether an annotation includes None."""
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        return re.search(r"\bNone\b|\bOptional\b", annotation) is not None
    return NoneType in get_args(annotation)


def without_none(annotation: Any) -> Any:  # noqa: ANN401  (a type)
    """Return a type without None."""
    if get_origin(annotation) in {Union, UnionType}:
        some = [kind for kind in get_args(annotation) if kind is not NoneType]
        return some[0] if len(some) == 1 else annotation
    return annotation
