"""The pages of the documentation, cut into blocks of code."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
README = ROOT / "README.md"

FENCE = re.compile(r"^```(?:(\w+)(?: (.*))?)?$")
SETUP = "<!-- setup"
MARK = re.compile(r"^<!-- ([a-z ]+)(?:: (.*))? -->$")


@dataclass(frozen=True, slots=True)
class Block:
    """A block of code.

    Attributes:
        page: The page, relative to the repository.
        line: The line of its first line of code, counted from 1.
        language: What stands behind the opening fence; `setup` for Python in a comment, which readers do not see.
        options: What stands behind the language.
        code: The code.
        mark: What a comment on the line before says of it, such as `not run` or `file`.
        argument: What follows that, such as the reason or the name of the file.
    """

    page: str
    line: int
    language: str
    options: str
    code: str
    mark: str = ""
    argument: str = ""

    @property
    def place(self) -> str:
        """Where it stands."""
        return f"{self.page}:{self.line}"


def pages() -> list[Path]:
    """Give all pages, README first."""
    return [README, *sorted(DOCS.rglob("*.md"))]


def name_of(page: Path) -> str:
    """Give a page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def settings() -> dict[str, Any]:
    """Give the settings of the site."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
    return settings


def navigation(entries: list[Any] | None = None) -> list[tuple[str, str]]:
    """Give the titles and pages of the site, in order."""
    found: list[tuple[str, str]] = []
    for entry in settings()["nav"] if entries is None else entries:
        for title, value in entry.items():
            found += [(title, value)] if isinstance(value, str) else navigation(value)
    return found


def blocks(page: Path) -> list[Block]:
    """Cut a page into its blocks."""
    found: list[Block] = []
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), 1))
    mark, argument = "", ""
    for number, line in lines:
        if line.strip() == SETUP:
            language, options, end = "setup", "", "-->"
        elif fence := FENCE.match(line):
            language, options, end = fence[1] or "", fence[2] or "", "```"
        else:
            assert not line.lstrip().startswith("```"), f"{name_of(page)}:{number}: an opening fence that is not known"
            if comment := MARK.match(line):
                mark, argument = comment[1], comment[2] or ""
            elif line.strip():
                mark, argument = "", ""
            continue
        code: list[str] = []
        for _, inner in lines:
            if inner == end:
                break
            code.append(inner)
        else:
            message = f"{name_of(page)}:{number}: a block that does not end"
            raise AssertionError(message)
        found.append(Block(name_of(page), number + 1, language, options, "\n".join(code) + "\n", mark, argument))
        mark, argument = "", ""
    return found
