"""Formats Python source, as ruff and black do."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDTH: Final = 120
INDENT: Final = 4


@dataclass(frozen=True, slots=True)
class Group:
    """Values in brackets.

    Attributes:
        before: What stands before the first, the opening bracket included.
        values: The values, each perhaps with its name before it.
        after: The closing bracket.
    """

    before: str
    values: tuple[tuple[str, Value], ...]
    after: str

    @property
    def is_call(self) -> bool:
        """Whether it is a call, whose arguments may stand on a line of their own together."""
        return not self.before.startswith(("(", "{"))


Value = str | Group


def call(function: str, *positional: Value, named: Mapping[str, Value] | None = None) -> Group:
    """Return a call."""
    values = [("", one) for one in positional] + [(f"{name}=", one) for name, one in (named or {}).items()]
    return Group(f"{function}(", tuple(values), ")")


def tuple_of(values: Iterable[Value]) -> Group:
    """Return a tuple."""
    return Group("(", tuple(("", one) for one in values), ")")


def dict_of(values: Mapping[str, Value]) -> Group:
    """Return a dict whose keys are strings."""
    return Group("{", tuple((f"{string(name)}: ", one) for name, one in values.items()), "}")


def strings(texts: Sequence[str]) -> Group:
    """Return a tuple of strings."""
    return tuple_of(string(text) for text in texts)


def string(text: str) -> str:
    """Return a string, in the quotes that need fewer backslashes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + "".join(_letter(letter, quote) for letter in text) + quote


def _letter(letter: str, quote: str) -> str:
    if letter in {quote, "\\"}:
        return f"\\{letter}"
    return letter if letter.isprintable() else repr(letter)[1:-1]


def flat(value: Value) -> str:
    """Return a value on one line."""
    if isinstance(value, str):
        return value
    inside = ", ".join(name + flat(one) for name, one in value.values)
    lone = "," if value.before == "(" and len(value.values) == 1 else ""
    return f"{value.before}{inside}{lone}{value.after}"


def lines(before: str, value: Value, after: str = "", *, depth: int = 0) -> list[str]:
    """Return a value with the text before and after it, on as few lines as possible.

    Args:
        before: The text before it on its first line.
        value: The value.
        after: The text after it on its last line.
        depth: The number of indentation levels.

    Returns:
        The lines.
    """
    margin = " " * (INDENT * depth)
    one = f"{margin}{before}{flat(value)}{after}"
    if isinstance(value, str) or not value.values or fits(one):
        return [one]
    together = margin + " " * INDENT + ", ".join(name + flat(each) for name, each in value.values)
    if value.is_call and fits(together):
        body = [together]
    else:
        body = [line for name, each in value.values for line in lines(name, each, ",", depth=depth + 1)]
    return [f"{margin}{before}{value.before}", *body, f"{margin}{value.after}{after}"]


def assignment(name: str, annotation: str | None, value: Value | None, *, depth: int = 1) -> list[str]:
    """Return an assignment.

    Args:
        name: The target.
        annotation: Its annotation, which ends in brackets.
        value: The value; None for an annotation alone.
        depth: The number of indentation levels.

    Returns:
        The lines.
    """
    margin = " " * (INDENT * depth)
    target = name if annotation is None else f"{name}: {annotation}"
    plain = lines(target + (" = " if value is not None else ""), value or "", depth=depth)
    if fits(plain[0]):
        return plain
    if value is not None:
        inside = lines("", value, depth=depth + 1)
        if fits(f"{margin}{target} = (") and all(map(fits, inside)):
            return [f"{margin}{target} = (", *inside, f"{margin})"]
    if annotation is None:
        return plain
    kind, _, inner = annotation.removesuffix("]").partition("[")
    end = lines("] = ", value, depth=depth) if value is not None else [f"{margin}]"]
    return [f"{margin}{name}: {kind}[", f"{margin}{' ' * INDENT}{inner}", *end]


def fits(line: str) -> bool:
    """Return whether a line is not too wide."""
    return len(line) <= WIDTH if line.isascii() else sum(map(_width, line)) <= WIDTH


def _width(letter: str) -> int:
    """Return the columns that a letter takes: https://www.unicode.org/reports/tr11/."""
    if unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1
