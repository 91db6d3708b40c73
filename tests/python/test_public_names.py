"""Public classes and functions show the module from which users import them."""

from __future__ import annotations

import pickle
import subprocess
import sys
from types import FunctionType
from typing import Any, get_type_hints

import pytest

import howdah

EXPORTED: dict[str, Any] = {name: getattr(howdah, name) for name in howdah.__all__}


@pytest.mark.parametrize("name", howdah.__all__)
def test_public_name_shows_the_public_module(name: str) -> None:
    found = EXPORTED[name]
    if isinstance(found, (type, FunctionType)):
        assert (found.__module__, found.__qualname__) == ("howdah", name)


def test_public_error_in_a_traceback_has_the_public_name() -> None:
    script = "import howdah; raise howdah.UniqueViolation('the message')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == "howdah.UniqueViolation: the message"


@pytest.mark.parametrize(
    "value",
    [
        howdah.Interval(1, 2, 3),
        howdah.Range(1, 5),
        howdah.Page([1], None),
        howdah.Vector([1.0, 2.0]),
        howdah.Json({"a": 1}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_public_value_pickled_names_the_public_module(value: object) -> None:
    pickled = pickle.dumps(value, protocol=0)
    assert b"howdah." not in pickled
    assert pickle.loads(pickled) == value  # noqa: S301  (pickled above)


@pytest.mark.parametrize(
    "kind", [howdah.Range, howdah.Page, howdah.Interval, howdah.Error, howdah.UniqueViolation, howdah.Assign]
)
def test_public_annotations_resolve(kind: type) -> None:
    assert all(not isinstance(hint, str) for hint in get_type_hints(kind).values())
