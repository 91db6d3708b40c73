"""Reads the keys of references that a class declares: `author_id: Col[int]` beside `author: Ref[User]`.

A reference has such a column with or without the declaration. The declaration tells type checkers of the column, and
lets the constructor take it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from howdah.errors import InterfaceError
from howdah.tables.column import Col
from howdah.tables.defaults import EITHER, MISSING
from howdah.tables.fields import Field, RefField
from howdah.tables.relations import Ref

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.tables.declarations import Declaration


def merge_reference_keys(declarations: Iterable[Declaration]) -> list[Declaration]:
    """Return the attributes of a table, each reference together with its key, where the class declares that.

    Raises:
        InterfaceError: A key's declaration contradicts that of its reference; the constructor is to take only a key
            that is not declared.
    """
    given = list(declarations)
    references = {f"{one.name}_id": one for one in given if one.kind is Ref}
    keys = {one.name: one for one in given if one.kind is Col and one.name in references}
    found: list[Declaration] = []
    for one in given:
        if one.kind is Ref:
            key = keys.get(f"{one.name}_id")
            if key is None and isinstance(one.field, RefField) and one.field.default is EITHER:
                message = (
                    f"{one.namespace.owner}.{one.name}: default=EITHER needs a declaration of its key, too; "
                    f"add {one.name}_id: Col[...] = col(default=EITHER)"
                )
                raise InterfaceError(message)
            found.append(one if key is None else replace(one, field=_merged(one, key), key=key))
        elif one.name not in keys:
            found.append(one)
    return found


def _merged(reference: Declaration, key: Declaration) -> RefField:
    """Return the declaration of a reference merged with that of its key."""
    of, own = reference.field, key.field
    place = f"{key.namespace.owner}.{key.name}"
    if isinstance(of, Field) and of == Field():
        of = RefField()
    if not isinstance(of, RefField) or not isinstance(own, Field):
        message = f"{place}: it is the key of {reference.name}; use col() for the key and ref() for the reference"
        raise InterfaceError(message)
    taken = ("default", "init", "primary_key", "unique", "index", "name")
    if replace(own, **{name: getattr(Field(), name) for name in taken}) != Field():
        message = (
            f"{place}: it is the key of {reference.name}, and its type is that of the other table's key; "
            f"here col() takes only {', '.join(taken)}"
        )
        raise InterfaceError(message)
    if all(own.default is not one for one in (MISSING, EITHER, None)):
        message = f"{place}: the default of a reference's key is None or EITHER"
        raise InterfaceError(message)
    if of.name is not None and own.name is not None:
        message = f"{place}: {reference.name} already names the column {of.name!r}"
        raise InterfaceError(message)
    merged = replace(
        of,
        init=of.init or own.init,
        primary_key=of.primary_key or own.primary_key,
        unique=of.unique or own.unique,
        index=of.index or own.index,
        name=of.name or own.name,
    )
    may_be_none = reference.may_be_none or of.default is None or of.on_delete == "set null"
    if may_be_none != key.may_be_none and not merged.primary_key:
        with_none, without = (reference.name, key.name) if may_be_none else (key.name, reference.name)
        message = f"{place}: {with_none} may be None and {without} may not; add None to both annotations, or to neither"
        raise InterfaceError(message)
    if own.default is None and not may_be_none:
        message = f"{place}: {reference.name} has no default; give it default=None, too"
        raise InterfaceError(message)
    return merged
