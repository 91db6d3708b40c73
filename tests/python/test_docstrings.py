"""The examples in the docstrings do what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import howdah

MODULES = [info.name for info in pkgutil.iter_modules(howdah.__path__, "howdah.") if info.name != "howdah._core"]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_module_hold(name: str, db: howdah.Database, url: str) -> None:
    module = importlib.import_module(name)
    names = {"howdah": howdah, "db": db, "url": url}
    result = doctest.testmod(module, extraglobs=names, optionflags=doctest.ELLIPSIS | doctest.FAIL_FAST)
    assert result.failed == 0, "see the output for the example"


def test_examples_are_there() -> None:
    found = [test for name in MODULES for test in doctest.DocTestFinder().find(importlib.import_module(name))]
    names = {test.name for test in found if test.examples}
    assert {"howdah.embedded.server", f"{howdah.Database.__module__}.Database"} <= names
