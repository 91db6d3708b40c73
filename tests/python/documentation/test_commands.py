"""The commands in the documentation exist: targets of make, options, modules, tests, extras."""

from __future__ import annotations

import io
import re
import shlex
import sys
import tomllib
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

import pytest

from howdah import __main__ as command_line
from howdah import embedded
from tests.python.documentation.pages import ROOT, blocks, name_of, pages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# A command in the midst of a line of text.
INLINE = re.compile(r"`((?:make|pytest|howdah inspect|python -m|pip install|cargo) [^`]+)`")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
EXTRAS = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])


def commands(page: Path) -> list[str]:
    """Give a page's commands, of blocks and of lines of text."""
    found = [
        line.removeprefix("$ ")
        for block in blocks(page)
        if block.language == "console"
        for line in block.code.splitlines()
        if line.startswith("$ ")
    ]
    return found + INLINE.findall(page.read_text())


def check(command: str) -> None:
    """Check that a command can be run, without running it."""
    words = shlex.split(command, comments=True)
    if "--" in words:
        at = words.index("--")
        check_embedded(words[:at])
        words = words[at + 1 :]
        assert words, command
    name, *rest = words
    if name == "make":
        named = [word for word in rest if "=" not in word]
        assert named, command
        assert set(named) <= TARGETS, command
        if named == ["bench"]:
            arguments = "".join(word.removeprefix("ARGS=") for word in rest if word.startswith("ARGS="))
            check_python(["-m", "benches.peers", *arguments.split()])
    elif name == "pip":
        assert rest[0] == "install", command
        asked = re.findall(r"\[([\w,]+)\]", command)
        assert {extra for one in asked for extra in one.split(",")} <= EXTRAS, command
    elif name == "pytest":
        missing = [word for word in rest if not word.startswith("-") and not (ROOT / word).exists()]
        assert not missing, command
    elif name == "howdah":
        parsed(rest)
    elif name in {"python", ".venv/bin/python"}:
        check_python(rest)
    else:
        assert name == "cargo", f"a command that is not known: {command}"


def check_python(words: Sequence[str]) -> None:
    """Check a call of Python: its module or script is there, and takes the arguments."""
    if words[0] != "-m":
        # `app.py` is the reader's own.
        assert words[0] == "app.py" or (ROOT / words[0]).exists(), words
    elif words[1] == "howdah":
        parsed(words[2:])
    elif words[1] == "howdah.embedded":
        check_embedded(["python", *words])
    elif words[1] not in sys.stdlib_module_names:
        path = ROOT / words[1].replace(".", "/")
        source = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
        assert source.exists(), words
        text = source.read_text()
        assert all(word in text for word in words if word.startswith("--")), words


def check_embedded(words: Sequence[str]) -> None:
    """Check the options of `python -m howdah.embedded`."""
    assert list(words[:3])[-2:] == ["-m", "howdah.embedded"], words
    options = words[3:]
    with redirect_stdout(io.StringIO()) as told, pytest.raises(SystemExit):
        embedded.main(["--help"])
    known = set(re.findall(r"--[a-z]+", told.getvalue()))
    assert {word for word in options if word.startswith("--")} <= known, words


def parsed(arguments: Sequence[str]) -> None:
    """Have `howdah` parse its arguments; it goes no further than to look for the server."""
    unreachable = ["postgresql:///?host=/nonexistent&connect_timeout=1" if "//" in word else word for word in arguments]
    with redirect_stderr(io.StringIO()) as told:
        assert command_line.main(unreachable) == 1
    assert "usage:" not in told.getvalue()


@pytest.mark.parametrize("page", [*pages(), ROOT / "CONTRIBUTING.md"], ids=name_of)
def test_commands_of_page_exist(page: Path) -> None:
    for command in commands(page):
        check(command)


@pytest.mark.parametrize(
    "command",
    [
        "make nothing",
        "howdah inspect --depth 3 postgresql://localhost/app",
        "python -m howdah.embedded --quick",
        "python -m tests.python.nothing",
        "pip install 'howdah[nothing]'",
        "pytest tests/nothing",
        "rm -rf build",
    ],
)
def test_command_that_is_not_there_is_found(command: str) -> None:
    with pytest.raises((AssertionError, SystemExit)), redirect_stderr(io.StringIO()):
        check(command)
