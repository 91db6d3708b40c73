"""A page of rows, which `page()` returns."""

# Without `from __future__ import annotations`: see `howdah.export`.

from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """A page of rows.

    Attributes:
        items: The rows.
        next: The cursor of the next page; None on the last.
    """

    items: list[R]
    next: str | None
