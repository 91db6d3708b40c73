"""Markers for defaults of columns, where None would be a value."""

from __future__ import annotations

from typing import Final


class Missing:
    """Marks a column without a default."""

    def __repr__(self) -> str:
        """Return the marker's name."""
        return "MISSING"


MISSING: Final = Missing()


class Either:
    """Marks a reference and its key, of which the constructor accepts either one."""

    def __repr__(self) -> str:
        """Return the marker's name."""
        return "EITHER"


EITHER: Final = Either()
