"""Writes the source."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from howdah.inspect import layout

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.inspect.drafts import EnumDraft, ModuleDraft, TableDraft

STANDARD: Final = (("datetime", "dt"), ("ipaddress", "ipaddress"))
STANDARD_FROM: Final = (("decimal", "Decimal"), ("enum", "StrEnum"), ("typing", "Any"), ("uuid", "UUID"))
OWN: Final = ("Col", "Interval", "Many", "One", "Range", "Ref", "Table", "Vector", "col")


def write(draft: ModuleDraft) -> str:
    """Write the source.

    Args:
        draft: What it says.

    Returns:
        The source of a Python module, with a newline at its end.
    """
    blocks = [_enum(one) for one in draft.enums] + [_table(one) for one in draft.tables]
    body = "".join("\n\n" + "\n".join(block) + "\n" for block in blocks)
    schemas = ", ".join(draft.schemas)
    head = [_docstring(f"The tables of {schemas}, as `howdah inspect` found them.")]
    if draft.needed:
        head += ["", *_comments("What has to be there before these tables:", draft.needed)]
    imports = _imports({node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)})
    if imports:
        head += ["", *imports]
    foot = ["", "", *_comments("What is there too, and not in these classes:", draft.remainders)]
    return "\n".join(head) + "\n" + body + ("\n".join(foot) + "\n" if draft.remainders else "")


def _docstring(text: str) -> str:
    safe = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"""' + "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in safe) + '"""'


def _comments(first: str, texts: Iterable[str]) -> list[str]:
    """Give comments; what has several lines stays so."""
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


def _enum(draft: EnumDraft) -> list[str]:
    lines = [f"class {draft.name}(StrEnum):"]
    if draft.sql_name is not None:
        lines += layout.assignment("__enum_name__", None, layout.string(draft.sql_name))
    members = [line for name, label in draft.members for line in layout.assignment(name, None, layout.string(label))]
    if not members:
        return lines if draft.sql_name is not None else [*lines, "    pass"]
    return [*lines, *([""] if draft.sql_name is not None else []), *members]


def _table(draft: TableDraft) -> list[str]:
    lines = _comments("Not in this class:", draft.notes) if draft.notes else []
    lines.append(f"class {draft.name}(Table):")
    settings: list[str] = []
    if draft.sql_name is not None:
        settings += layout.assignment("__table__", None, layout.string(draft.sql_name))
    for name, values in (("__constraints__", draft.constraints), ("__indexes__", draft.indexes)):
        if values:
            settings += layout.assignment(name, None, layout.tuple_of(values))
    if settings:
        lines += [*settings, ""]
    for attribute in (*draft.columns, *draft.collections):
        lines += layout.assignment(attribute.name, attribute.annotation, attribute.value)
    return lines
