"""Generates the source."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from howdah.inspect import layout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.inspect.model import EnumModel, ModuleModel, TableModel

STANDARD: Final = (("datetime", "dt"), ("ipaddress", "ipaddress"))
STANDARD_FROM: Final = (("decimal", "Decimal"), ("enum", "StrEnum"), ("typing", "Any"), ("uuid", "UUID"))
OWN: Final = ("Col", "Interval", "Many", "One", "Range", "Ref", "Table", "Vector", "col")


def generate(model: ModuleModel) -> str:
    """Generate the source.

    Args:
        model: The source as data.

    Returns:
        The source of a Python module, with a newline at its end.
    """
    blocks = [_enum(one) for one in model.enums] + [_table(one) for one in model.tables]
    body = "".join("\n\n" + "\n".join(block) + "\n" for block in blocks)
    schemas = ", ".join(model.schemas)
    head = [_docstring(f"The tables of {schemas}, as `howdah inspect` found them.")]
    if model.needed:
        head += ["", *_comments("Create these objects before the tables:", model.needed)]
    imports = _imports({node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)})
    if imports:
        head += ["", *imports]
    foot = ["", "", *_comments("These objects are not in the classes:", model.unsupported)]
    return "\n".join(head) + "\n" + body + ("\n".join(foot) + "\n" if model.unsupported else "")


def _docstring(text: str) -> str:
    safe = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"""' + "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in safe) + '"""'


def _comments(first: str, texts: Iterable[str]) -> list[str]:
    """Return comment lines."""
    lines = [line for text in texts for line in text.rstrip().splitlines()]
    return [f"# {first}", *(f"#   {line}".rstrip() for line in lines)]


def _imports(used: set[str]) -> list[str]:
    if not used:
        return []
    standard = [
        f"import {module}" + (f" as {name}" if module != name else "") for module, name in STANDARD if name in used
    ]
    standard += [f"from {module} import {name}" for module, name in STANDARD_FROM if name in used]
    own = ["import howdah as pg"] if "pg" in used else []
    own.append(f"from howdah import {', '.join(name for name in OWN if name in used)}")
    sections = [["from __future__ import annotations"], standard, own]
    return "\n\n".join("\n".join(section) for section in sections if section).split("\n")


def _enum(model: EnumModel) -> list[str]:
    lines = [f"class {model.name}(StrEnum):"]
    if model.sql_name is not None:
        lines += layout.assignment("__enum_name__", None, layout.string(model.sql_name))
    members = [line for name, label in model.members for line in layout.assignment(name, None, layout.string(label))]
    if not members:
        return lines if model.sql_name is not None else [*lines, "    pass"]
    return [*lines, *([""] if model.sql_name is not None else []), *members]


def _table(model: TableModel) -> list[str]:
    lines = _comments("Not in this class:", model.notes) if model.notes else []
    lines.append(f"class {model.name}(Table):")
    settings: list[str] = []
    if model.sql_name is not None:
        settings += layout.assignment("__table__", None, layout.string(model.sql_name))
    for name, values in (("__constraints__", model.constraints), ("__indexes__", model.indexes)):
        if values:
            settings += layout.assignment(name, None, layout.tuple_of(values))
    if settings:
        lines += [*settings, ""]
    for attribute in (*model.columns, *model.collections):
        lines += layout.assignment(attribute.name, attribute.annotation, attribute.value)
    return lines
