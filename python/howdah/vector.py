"""Vectors of numbers, the values of pgvector's types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class Vector(tuple[float, ...]):
    """A vector: an immutable sequence of floats. Columns of pgvector's types have such values.

    Example:
        >>> howdah.Vector([1, 2.5])
        Vector([1.0, 2.5])
    """

    __slots__ = ()

    def __new__(cls, numbers: Iterable[float] = ()) -> Self:
        """Take the numbers, in order, or a numpy array."""
        return super().__new__(cls, map(float, numbers))

    def __repr__(self) -> str:
        """Show the numbers."""
        return f"Vector({list(self)!r})"

    def __getnewargs__(self) -> tuple[list[float]]:
        """Return the parts by which it is copied and pickled."""
        return (list(self),)
