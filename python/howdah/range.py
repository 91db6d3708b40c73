"""Ranges of values, as PostgreSQL's range types hold them."""

# Without `from __future__ import annotations`: see `howdah.export`.

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")

Bounds = Literal["[)", "[]", "(]", "()"]


@dataclass(frozen=True, slots=True)
class Range(Generic[T]):
    """A range: all values between two bounds, of which either may be missing; or an empty range.

    Source: https://www.postgresql.org/docs/current/rangetypes.html.

    Attributes:
        lower: The lower bound; None if there is none.
        upper: The upper bound; None if there is none.
        bounds: Whether the range includes its bounds: `[` and `]` for inclusive, `(` and `)` for exclusive.
        empty: Whether it contains no value.

    Example:
        >>> 3 in howdah.Range(1, 5)
        True
        >>> 5 in howdah.Range(1, 5)
        False
    """

    lower: T | None = None
    upper: T | None = None
    bounds: Bounds = "[)"
    empty: bool = False

    def __post_init__(self) -> None:
        """Check the bounds. An empty range has no bounds, and a missing bound is exclusive."""
        if self.bounds not in {"[)", "[]", "(]", "()"}:
            message = f"bounds={self.bounds!r}: expected '[)', '[]', '(]' or '()'"
            raise ValueError(message)
        lower, upper = self.lower, self.upper
        if self.empty:
            lower = upper = None
        begin = "[" if lower is not None and self.bounds[0] == "[" else "("
        end = "]" if upper is not None and self.bounds[1] == "]" else ")"
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)
        object.__setattr__(self, "bounds", begin + end)

    @property
    def lower_inc(self) -> bool:
        """Whether it includes its lower bound."""
        return self.bounds[0] == "["

    @property
    def upper_inc(self) -> bool:
        """Whether it includes its upper bound."""
        return self.bounds[1] == "]"

    def __contains__(self, value: Any) -> bool:  # noqa: ANN401  (a T)
        """Return whether it contains a value."""
        if self.empty:
            return False
        lower: Any = self.lower
        upper: Any = self.upper
        if lower is not None and not (lower <= value if self.lower_inc else lower < value):
            return False
        return upper is None or bool(value <= upper if self.upper_inc else value < upper)
