"""Sets the module that public classes and functions show in reprs, error messages and pickles."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def set_module(module: str, namespace: Mapping[str, object], names: Iterable[str]) -> None:
    """Set `__module__` of classes and functions to the public module from which users import them.

    The annotations of a public class must not be strings: `typing.get_type_hints` would look their names up in that
    module.

    Args:
        module: The public module.
        namespace: Its namespace.
        names: Its public names.
    """
    for name in names:
        found = namespace[name]
        if isinstance(found, (type, FunctionType)) and found.__module__ != module:
            found.__module__ = module
