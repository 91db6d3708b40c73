"""Parses SQL that the server wrote."""

from __future__ import annotations

import re
from typing import Final

# A string (with backslashes in it or without), a quoted name, or any other character.
TOKEN: Final = re.compile(r"""[Ee]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|.""", re.DOTALL)


def bare(sql: str) -> str:
    """Return an expression without the parentheses around the whole of it."""
    while sql.startswith("(") and closing(sql, 0) == len(sql) - 1:
        sql = sql[1:-1]
    return sql


def closing(sql: str, opening: int) -> int:
    """Return the position of the parenthesis that closes the one at `opening`; -1 if there is none."""
    depth = 0
    for token in TOKEN.finditer(sql, opening):
        if token[0] in "([":
            depth += 1
        elif token[0] in ")]":
            depth -= 1
            if depth == 0:
                return token.start()
    return -1


def after(sql: str, words: str) -> int:
    """Return the position after some words, outside of strings and quoted names; -1 if they do not occur."""
    for token in TOKEN.finditer(sql):
        if sql.startswith(words, token.start()) and (len(token[0]) == 1 or words.startswith(token[0])):
            return token.start() + len(words)
    return -1


def split(sql: str) -> list[str]:
    """Return the parts between commas that are outside of parentheses."""
    found: list[str] = []
    begin = depth = 0
    for token in TOKEN.finditer(sql):
        if token[0] in "([":
            depth += 1
        elif token[0] in ")]":
            depth -= 1
        elif token[0] == "," and depth == 0:
            found.append(sql[begin : token.start()].strip())
            begin = token.end()
    return [*found, sql[begin:].strip()]
