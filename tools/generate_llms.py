"""Writes the site's text for language models: llms.txt, llms-full.txt, and each page as Markdown beside its HTML.

`tools/generate_llms.py` does so in the folder of the site, which has to be built. https://llmstxt.org is the format of
llms.txt: a title, a summary, and lists of links with a note each. In llms-full.txt the reference's directives are
replaced by signatures and docstrings.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"

# A link to a page or a heading of one; what is in brackets stays.
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
# A name that the reference documents, and the options of it.
DIRECTIVE = re.compile(r"^::: (\S+)\n((?:    .*\n)*)", re.MULTILINE)
MEMBER = re.compile(r"^        - (\w+)$", re.MULTILINE)
COMMENT = re.compile(r"^<!-- .*?-->\n+", re.MULTILINE | re.DOTALL)


def main() -> int:
    """Write the files."""
    parser = argparse.ArgumentParser(description="Write llms.txt and llms-full.txt beside the site.")
    parser.add_argument("site", nargs="?", type=Path, default=ROOT / "site", help="the folder of the site")
    site: Path = parser.parse_args().site
    (site / "llms.txt").write_text(summary(), encoding="utf-8")
    (site / "llms-full.txt").write_text(whole(), encoding="utf-8")
    for _, page in pages(project()["nav"]):
        target = site / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text(page), encoding="utf-8")
    return 0


def project() -> dict[str, Any]:
    """Give the settings of the site."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    return settings


def pages(entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Give the titles and files of the pages, in the order of the site."""
    found: list[tuple[str, str]] = []
    for entry in entries:
        for title, value in entry.items():
            found += [(title, value)] if isinstance(value, str) else pages(value)
    return found


def summary() -> str:
    """Give llms.txt."""
    settings = project()
    parts = [f"# {settings['site_name']}\n\n> {settings['site_description']}\n"]
    alone: list[str] = []
    for entry in settings["nav"]:
        for title, value in entry.items():
            if isinstance(value, str):
                alone.append(_line(title, value))
            else:
                parts.append(f"## {title}\n\n" + "".join(_line(*page) for page in pages(value)))
    parts.insert(1, "## Pages\n\n" + "".join(alone))
    return "\n".join(parts)


def whole() -> str:
    """Give llms-full.txt: all pages, one after another."""
    return "\n".join(text(page) for _, page in pages(project()["nav"]))


def text(page: str) -> str:
    """Give a page as Markdown, with the docstrings in the place of the directives."""
    source = COMMENT.sub("", (DOCS / page).read_text(encoding="utf-8"))
    return DIRECTIVE.sub(lambda found: _documented(found[1], found[2]), source)


def _line(title: str, page: str) -> str:
    """Give the link to a page, with its first sentence."""
    source = COMMENT.sub("", (DOCS / page).read_text(encoding="utf-8"))
    first = LINK.sub(r"\1", " ".join(source.split("\n\n")[1].split()))
    sentence = re.split(r"(?<=[.:]) ", first, maxsplit=1)[0].rstrip(":.")
    return f"- [{title}]({page}): {sentence}\n"


def _documented(name: str, options: str) -> str:
    """Give the signature and the docstring of a public name, and of the members that its directive lists."""
    value = _found(name)
    parts = [_heading("##", name, value)]
    if inspect.isclass(value) and value.__init__ is not object.__init__:
        parts.append(inspect.getdoc(value.__init__) or "")
    members = MEMBER.findall(options)
    parts += [_heading("###", f"{name}.{member}", getattr(value, member)) for member in members]
    return "\n\n".join(part for part in parts if part) + "\n"


def _found(name: str) -> Any:  # noqa: ANN401  (a module, class, function or value)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        module, _, attribute = name.rpartition(".")
        return getattr(importlib.import_module(module), attribute)


def _heading(level: str, name: str, value: object) -> str:
    try:
        signature = str(inspect.signature(value)) if callable(value) else ""
    except (TypeError, ValueError):
        signature = ""
    return f"{level} `{name}{signature}`\n\n{inspect.getdoc(value) or ''}"


if __name__ == "__main__":
    sys.exit(main())
