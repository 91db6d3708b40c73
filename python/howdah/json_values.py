"""Values of json and jsonb columns that a plain Python value cannot represent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Json:
    """A value of a json or jsonb column, whatever its Python type.

    Most values do not need it: a dict, a list, a str, a number and a bool are sent as JSON, and None inside of them is
    JSON's null. None by itself is SQL's NULL, so JSON's null is `Json(None)`; `fetch` returns it so, too.

    Attributes:
        value: The value: None, a bool, str, int, float or Decimal, a list or tuple, or a dict.

    Example:
        >>> db.fetch_one("SELECT $1::jsonb AS null, $2::jsonb AS missing", howdah.Json(None), None)
        {'null': Json(None), 'missing': None}
    """

    value: object

    def __repr__(self) -> str:
        """Show the value."""
        return f"Json({self.value!r})"

    def __bool__(self) -> bool:
        """Return whether the value is true: JSON's null is not."""
        return bool(self.value)


@dataclass(frozen=True, slots=True)
class JsonText:
    """JSON text for a json or jsonb column, which is sent unchanged.

    A str by itself is a JSON string: `"1"` is the text 1, and `JsonText("1")` the number.

    Attributes:
        text: The text; the server checks that it is JSON.

    Example:
        >>> db.fetch_value("SELECT $1::jsonb", howdah.JsonText('{"seats": [1, 2]}'))
        {'seats': [1, 2]}
    """

    text: str

    def __post_init__(self) -> None:
        """Check that it is a str."""
        if not isinstance(self.text, str):  # pyright: ignore[reportUnnecessaryIsInstance]  (callers without a checker)
            message = f"expected JSON text as a str, got {type(self.text).__name__}; Json() takes a value"
            raise TypeError(message)

    def __repr__(self) -> str:
        """Show the text."""
        return f"JsonText({self.text!r})"
