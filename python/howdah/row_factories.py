"""Row factories for `into=`: they make objects of the caller's classes from rows.

Each class is inspected once. If the columns of a query are in the order of its fields, the class itself is the row
factory, and is called with the values of each row.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Hashable
from enum import Enum
from functools import partial
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints
from weakref import WeakKeyDictionary

from howdah.errors import ConversionError, InterfaceError, ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    # Takes the names of the columns, and returns a function that takes the values of one row.
    RowFactory = Callable[[tuple[str, ...]], Callable[..., object]]
    Member = Callable[[object], object]

T = TypeVar("T")

ALWAYS_BY_NAME = 1 << 30


def row_factory(into: type[T]) -> RowFactory:
    """Return a function that makes the row factory of a class.

    Args:
        into: A dataclass, a named tuple, a pydantic model or a msgspec Struct.

    Returns:
        A function: it takes the names of the columns, and returns the row factory, which takes the values of a row in
        their order. It raises ProgrammingError if the columns do not match the fields.

    Raises:
        InterfaceError: The class is none of these.

    Example:
        >>> import dataclasses
        >>> City = dataclasses.make_dataclass("City", ["name", ("people", int, 0)])
        >>> row_factory(City)(("name",))("Hyderabad")
        City(name='Hyderabad', people=0)
    """
    if not isinstance(into, type):  # pyright: ignore[reportUnnecessaryIsInstance]  (not everybody has a type checker)
        raise _refusal(into)
    shape = _classes.get(into)
    if shape is None:
        shape = _classes[into] = _inspect(into)
    return partial(shape.factory, into)


def fields_of(into: type[Any]) -> frozenset[str] | None:
    """Return the names of the columns that a class has fields for.

    Args:
        into: A dataclass, a named tuple, a pydantic model or a msgspec Struct.

    Returns:
        The names; None if it takes any.

    Raises:
        InterfaceError: The class is none of these.
    """
    row_factory(into)
    return _classes[into].known


@dataclasses.dataclass(frozen=True, slots=True)
class Constructor:
    """The parameters of a dataclass, a named tuple or a Struct.

    Attributes:
        names: Those that may be given by position, in order.
        least: The number of those that are required.
        known: All of them.
        required: Those without a default.
        members: Functions that return members of the Enum classes in the annotations, by field.
    """

    names: tuple[str, ...]
    least: int
    known: frozenset[str]
    required: tuple[str, ...]
    members: Mapping[str, Member]

    def factory(self, into: type[Any], columns: tuple[str, ...]) -> Callable[..., object]:
        """Return the row factory.

        Args:
            into: The class.
            columns: The names of the columns.

        Returns:
            The class itself, or a function that calls it.

        Raises:
            ProgrammingError: The columns do not match the fields.
        """
        make: Callable[..., object] = into
        if self.least > len(columns) or columns != self.names[: len(columns)]:
            unmet = [name for name in self.required if name not in columns]
            _compare(into, columns, unmet, [name for name in columns if name not in self.known])
            make = _by_name(into, columns)
        members = [(at, self.members[name]) for at, name in enumerate(columns) if name in self.members]
        return _with_members(make, members) if members else make


@dataclasses.dataclass(frozen=True, slots=True)
class Model:
    """The fields of a pydantic model, which validates a dictionary.

    Attributes:
        known: Every name that a field accepts; None if the model accepts any name.
        required: For each field without a default, those names.
    """

    known: frozenset[str] | None
    required: tuple[tuple[str, ...], ...]

    def factory(self, into: type[Any], columns: tuple[str, ...]) -> Callable[..., object]:
        """Return the row factory.

        Args:
            into: The model.
            columns: The names of the columns.

        Returns:
            A callable.

        Raises:
            ProgrammingError: The columns do not match the fields.
        """
        unmet = [names[0] for names in self.required if not any(name in columns for name in names)]
        unknown = [] if self.known is None else [name for name in columns if name not in self.known]
        _compare(into, columns, unmet, unknown)
        validate = into.model_validate
        return lambda *values: validate(dict(zip(columns, values, strict=True)))


_classes: WeakKeyDictionary[type, Constructor | Model] = WeakKeyDictionary()


def _inspect(into: type[Any]) -> Constructor | Model:
    # Classes of pydantic and msgspec are recognised by their attributes, so that neither has to be installed.
    if hasattr(into, "model_fields") and hasattr(into, "model_validate"):
        return _model(into)
    named_tuple = tuple in into.__mro__ and hasattr(into, "_fields")
    if named_tuple or hasattr(into, "__dataclass_fields__") or hasattr(into, "__struct_fields__"):
        return _constructor(into)
    raise _refusal(into)


def _refusal(into: object) -> InterfaceError:
    way_out = "rows are dicts without it" if into is dict or hasattr(into, "__total__") else "call it on rows as dicts"
    name = getattr(into, "__qualname__", type(into).__name__)
    message = f"into={name}: expected a dataclass, a NamedTuple, a pydantic model or a msgspec Struct; {way_out}"
    return InterfaceError(message)


def _constructor(into: type[Any]) -> Constructor:
    parameters = list(inspect.signature(into).parameters.values())
    by_position = [one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    by_name = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
    required_by_name = [one.name for one in by_name if one.default is one.empty]
    required_by_position = [one.name for one in by_position if one.default is one.empty]
    hints = {name: _member(name, hint) for name, hint in _hints(into).items()}
    return Constructor(
        names=tuple(one.name for one in by_position),
        least=ALWAYS_BY_NAME if required_by_name else len(required_by_position),
        known=frozenset(one.name for one in (*by_position, *by_name)),
        required=(*required_by_position, *required_by_name),
        members={name: member for name, member in hints.items() if member is not None},
    )


def _model(into: type[Any]) -> Model:
    config: Mapping[str, object] = into.model_config
    by_name = bool(config.get("populate_by_name") or config.get("validate_by_name"))
    by_alias = config.get("validate_by_alias") is not False
    known: set[str] = set()
    required: list[tuple[str, ...]] = []
    for name, field in into.model_fields.items():
        aliases = _aliases(field.validation_alias or field.alias) if by_alias else []
        names = (*aliases, name) if by_name or not aliases else tuple(aliases)
        known.update(names)
        if field.is_required():
            required.append(names)
    return Model(None if config.get("extra") == "allow" else frozenset(known), tuple(required))


def _aliases(alias: Any) -> list[str]:  # noqa: ANN401  (pydantic's types, and pydantic may not be there)
    if alias is None or isinstance(alias, str):
        return [alias] if alias else []
    if hasattr(alias, "choices"):
        return [name for choice in alias.choices for name in _aliases(choice)]
    # A path begins with the name of a column.
    return [step for step in alias.path[:1] if isinstance(step, str)]


def _hints(into: type[Any]) -> dict[str, Any]:
    try:
        return get_type_hints(into)
    except Exception:  # noqa: BLE001  (an annotation is any code, and may be there for type checkers alone)
        hints: dict[str, Any] = {}
    for base in reversed(into.__mro__):
        for name, annotation in inspect.get_annotations(base).items():
            alone = type(base.__name__, (), {"__annotations__": {name: annotation}, "__module__": base.__module__})
            try:
                hints.update(get_type_hints(alone, localns=dict(vars(base))))
            except Exception:  # noqa: BLE001  (as above; the field then takes what the server gives)
                hints.pop(name, None)
    return hints


def _member(column: str, hint: object) -> Member | None:
    """Return a function that makes members of the Enum class in an annotation: alone, optional, or in a list."""
    origin, kinds = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        some = [kind for kind in kinds if kind is not NoneType]
        inner = _member(column, some[0]) if len(some) == 1 else None
        return None if inner is None else _optional(inner)
    if origin is list:
        inner = _member(column, kinds[0])
        return None if inner is None else _listed(inner)
    return _member_of(column, hint) if isinstance(hint, type) and issubclass(hint, Enum) else None


def _optional(inner: Member) -> Member:
    return lambda value: None if value is None else inner(value)


def _listed(inner: Member) -> Member:
    # NULL is no list, and stays None.
    return lambda values: [inner(value) for value in cast("list[object]", values)] if values is not None else None


def _member_of(column: str, kind: type[Enum]) -> Member:
    members: dict[object, Enum] = {member.value: member for member in kind if isinstance(member.value, Hashable)}

    def member(value: object) -> Enum:
        try:
            return members[value]
        except (KeyError, TypeError):
            # `_missing_` may accept other values, and values that are not hashable cannot be looked up.
            pass
        try:
            return kind(value)
        except ValueError:
            got = "NULL" if value is None else f"a {type(value).__name__} that is none of its values"
            way_out = f"; annotate the field as {kind.__name__} | None" if value is None else ""
            message = f'column "{column}": expected a member of {kind.__name__}, got {got}{way_out}'
            error = ConversionError(message)
            error.column = column
            raise error from None

    return member


def _by_name(into: type[Any], columns: tuple[str, ...]) -> Callable[..., object]:
    return lambda *values: into(**dict(zip(columns, values, strict=True)))


def _with_members(make: Callable[..., object], members: list[tuple[int, Member]]) -> Callable[..., object]:
    def make_with_members(*values: object) -> object:
        row = list(values)
        for at, member in members:
            row[at] = member(row[at])
        return make(*row)

    return make_with_members


def _compare(into: type[Any], columns: tuple[str, ...], unmet: Collection[str], unknown: Collection[str]) -> None:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    problems = [
        f"{problem} {', '.join(names)}"
        for problem, names in (
            ("no column for", unmet),
            ("no field for column", unknown),
            ("more than one column", twice),
        )
        if names
    ]
    if problems:
        message = f"into={into.__qualname__}: {'; '.join(problems)}; name columns with AS, or select others"
        raise ProgrammingError(message)
