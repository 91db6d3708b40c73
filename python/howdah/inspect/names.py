"""Makes Python names from names of the database."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from howdah.table import Table
from howdah.tables.relation_paths import METHODS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# What the source imports or takes for granted. A class's attribute of such a name would hide it from those after it.
IMPORTED: Final = frozenset(
    {
        "Any",
        "Col",
        "Decimal",
        "Interval",
        "Many",
        "One",
        "Range",
        "Ref",
        "StrEnum",
        "Table",
        "UUID",
        "Vector",
        "annotations",
        "col",
        "dt",
        "ipaddress",
        "pg",
    }
)
# Types in annotations, and the first parameter of every constructor.
HIDDEN: Final = frozenset({"bool", "bytes", "dict", "float", "int", "list", "self", "str"})


class Names:
    """The names of one place, of which no two are the same."""

    def __init__(self, taken: Iterable[str] = (), refused: Callable[[str], bool] | None = None) -> None:
        """Take the names that are taken, and what tells of others that cannot be."""
        self._taken = set(taken)
        self._refused = refused

    def is_free(self, name: str) -> bool:
        """Return whether a name can be given."""
        return not (
            name in self._taken
            or name in IMPORTED
            or keyword.iskeyword(name)
            or (self._refused is not None and self._refused(name))
        )

    def take(self, *wanted: str) -> str:
        """Return the first of the names that can be given, or the last with something after it, and take it."""
        for name in wanted:
            if self.is_free(name):
                self._taken.add(name)
                return name
        last = f"{wanted[-1].rstrip('_')}_"
        number = 2
        name = last
        while not self.is_free(name):
            name = f"{last}{number}"
            number += 1
        self._taken.add(name)
        return name


def attributes(classes: Iterable[str]) -> Names:
    """Return the names of a table's attributes: those of howdah's own, and of classes, are no columns'."""
    taken = {*classes, *HIDDEN}
    return Names(taken, lambda name: hasattr(Table, name) or name in METHODS)


def members() -> Names:
    """Return the names of an enum's members: those of a string's methods are no members'."""
    return Names((), lambda name: hasattr(StrEnum, name) or name in {"name", "value"})


def classes() -> Names:
    """Return the names of classes."""
    return Names((), lambda name: hasattr(builtins, name))


def identifier(name: str, fallback: str) -> str:
    """Return what is nearest to a name and an identifier; what begins with an underscore is no table's attribute."""
    plain = "_".join(_pieces(name))
    if not plain:
        return fallback
    return plain if plain.isidentifier() else f"{fallback}_{plain}"


def class_name(name: str, fallback: str = "Table") -> str:
    """Return `UserAccount` for `user_account`."""
    words = [word for piece in _pieces(name) for word in piece.split("_") if word]
    joined = "".join(word[0].upper() + word[1:] for word in words)
    return joined if joined.isidentifier() else f"{fallback}{joined}"


def _pieces(name: str) -> list[str]:
    """Return the parts of a name that can stand in an identifier, in the letters that Python takes them for."""
    letters = unicodedata.normalize("NFKC", name)
    plain = "".join(letter if f"a{letter}".isidentifier() else " " for letter in letters)
    return [piece for piece in plain.strip(" _").split() if piece]


def plural(name: str) -> str:
    """Return `posts` for `post`; what ends in an s is taken for a plural already."""
    if name.endswith("s"):
        return name
    if re.search(r"(x|ch|sh)$", name):
        return f"{name}es"
    if re.search(r"[^aeiou_]y$", name):
        return f"{name[:-1]}ies"
    return f"{name}s"
