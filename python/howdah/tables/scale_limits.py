"""Limits on the decimal places of values: beyond the scale of a column the server rounds without an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

NUMBER = re.compile(r"(?:numeric|decimal|dec)\s*\(\s*\d+\s*(?:,\s*(-?\d+)\s*)?\)", re.IGNORECASE)
TIME = re.compile(r"(?:timestamp|timestamptz|time|timetz|interval)\b[^(]*\(\s*(\d+)\s*\)", re.IGNORECASE)
# https://www.postgresql.org/docs/current/datatype-datetime.html: a microsecond is the least that there is.
MICROSECOND_DIGITS = 6


@dataclass(frozen=True, slots=True)
class ScaleLimit:
    """The number of digits after the decimal point that a column holds.

    Attributes:
        type: The column's type.
        digits: The number; negative if the column rounds to tens or hundreds.
        is_number: Whether its values are numbers; else the digits are those of seconds.
    """

    type: str
    digits: int
    is_number: bool

    def holds(self, value: object) -> bool:
        """Return whether a value, or each in a list, has no more digits than that; values of other types pass."""
        if isinstance(value, list):
            return all(self.holds(one) for one in cast("Iterable[object]", value))
        return _number_holds(value, self.digits) if self.is_number else _time_holds(value, self.digits)

    def problem(self, value: object) -> str:
        """Return the problem of a value with more digits."""
        digits = "digits after the point" if self.is_number else "digits of a second"
        return f"expected {self.type}, got {type(value).__name__} with more than {self.digits} {digits}; round it first"


@cache
def limit_of(type_name: str) -> ScaleLimit | None:
    """Return how many digits a type holds; None for one that holds all that its values may have.

    Args:
        type_name: The type, as DDL writes it, such as `numeric(12,2)`.
    """
    match = NUMBER.match(type_name)
    if match is not None:
        return ScaleLimit(type_name, int(match[1] or 0), is_number=True)
    match = TIME.match(type_name)
    if match is not None and int(match[1]) < MICROSECOND_DIGITS:
        return ScaleLimit(type_name, int(match[1]), is_number=False)
    return None


def _number_holds(value: object, digits: int) -> bool:
    if isinstance(value, float):
        # Floats of numpy are floats, but have another repr.
        value = Decimal(float.__repr__(value))
    elif isinstance(value, int):
        if digits >= 0:
            return True
        value = Decimal(value)
    if not isinstance(value, Decimal):
        return True
    _, written, exponent = Decimal.as_tuple(value)
    # The exponent of NaN and infinity is a letter instead of a number.
    extra = -digits - exponent if isinstance(exponent, int) else 0
    return extra <= 0 or not any(written[-extra:])


def _time_holds(value: object, digits: int) -> bool:
    of: Any = value
    # Points in time have the former, spans the latter.
    microseconds: int | None = getattr(of, "microsecond", None)
    if microseconds is None:
        microseconds = getattr(of, "microseconds", None)
    return microseconds is None or microseconds % 10 ** (MICROSECOND_DIGITS - digits) == 0
