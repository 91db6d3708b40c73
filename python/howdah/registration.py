"""The arguments of `register_type`; both APIs use them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from howdah.errors import InterfaceError, ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Callable


def decoder(
    name: str,
    encode: Callable[[Any], Any] | None,
    decode: Callable[[Any], Any] | None,
    into: type | None,
) -> Callable[[Any], Any] | None:
    """Return the function that decodes values of a type.

    Args:
        name: The type's name.
        encode: The function that encodes them.
        decode: The function that decodes them.
        into: The class that composite values become.

    Raises:
        InterfaceError: Both `decode` and `into`, or nothing is given.
    """
    if into is not None:
        if decode is not None:
            message = f"register_type({name!r}): give decode= or into=, not both"
            raise InterfaceError(message)
        return partial(_make, name, into)
    if encode is None and decode is None:
        message = f"register_type({name!r}): give encode=, decode= or into="
        raise InterfaceError(message)
    return decode


def _make(name: str, into: type, value: object) -> Any:  # noqa: ANN401  (an object of the class)
    """Make an object of a composite value's fields."""
    if not isinstance(value, dict):
        message = f"register_type({name!r}, into={into.__name__}): {name} is not a composite type"
        raise ProgrammingError(message)
    fields = cast("dict[str, Any]", value)
    try:
        return into(**fields)
    except TypeError as error:
        names = ", ".join(fields)
        message = f"register_type({name!r}, into={into.__name__}): {name} has the fields {names}: {error}"
        raise ProgrammingError(message) from error
