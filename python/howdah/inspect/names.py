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

# Names that the source imports or uses. An attribute of such a name would hide it from the lines after it.
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
    """The names in one scope, each of which is used once."""

    def __init__(self, taken: Iterable[str] = (), refused: Callable[[str], bool] | None = None) -> None:
        """Take the names in use, and a function that returns whether another name is not allowed."""
        self._taken = set(taken)
        self._refused = refused

    def is_free(self, name: str) -> bool:
        """Return whether a name can be used."""
        return not (
            name in self._taken
            or name in IMPORTED
            or keyword.iskeyword(name)
            or (self._refused is not None and self._refused(name))
        )

    def take(self, *candidates: str) -> str:
        """Reserve the first of the names that is free, or else the last with a suffix, and return it."""
        for name in candidates:
            if self.is_free(name):
                self._taken.add(name)
                return name
        last = f"{candidates[-1].rstrip('_')}_"
        number = 2
        name = last
        while not self.is_free(name):
            name = f"{last}{number}"
            number += 1
        self._taken.add(name)
        return name


def attributes(classes: Iterable[str]) -> Names:
    """Return the scope of a table's attributes, without the names of classes and of attributes that tables have."""
    taken = {*classes, *HIDDEN}
    return Names(taken, lambda name: hasattr(Table, name) or name in METHODS)


def members() -> Names:
    """Return the scope of an enum's members, without the names of str's methods."""
    return Names((), lambda name: hasattr(StrEnum, name) or name in {"name", "value"})


def classes() -> Names:
    """Return the scope of the classes, without the names of builtins."""
    return Names((), lambda name: hasattr(builtins, name))


def identifier(name: str, fallback: str) -> str:
    """Return the identifier that is most like a name, without underscores at its beginning."""
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
    """Return the parts of a name that an identifier can contain, normalised as Python normalises identifiers."""
    letters = unicodedata.normalize("NFKC", name)
    plain = "".join(letter if f"a{letter}".isidentifier() else " " for letter in letters)
    return [piece for piece in plain.strip(" _").split() if piece]


def plural(name: str) -> str:
    """Return `posts` for `post`; a name that ends in s is returned unchanged."""
    if name.endswith("s"):
        return name
    if re.search(r"(x|ch|sh)$", name):
        return f"{name}es"
    if re.search(r"[^aeiou_]y$", name):
        return f"{name[:-1]}ies"
    return f"{name}s"
