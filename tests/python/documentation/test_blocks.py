"""Every code block of the documentation and of README does what its page says.

The blocks of a page run in order and share their names. `postgresql://localhost/app` stands for the tests' server,
where each page has an empty schema. A block of text with `title="output"` is what the block before it prints. A comment
on the line before a block says what else is done with it:

    <!-- file: NAME -->       it is written to a file, for the blocks behind it
    <!-- pytest: NAME -->     so is this one, which pytest then runs
    <!-- not run: REASON -->  it cannot run here

and `<!-- setup`, up to a line `-->`, is Python that readers do not see.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import configparser
import contextlib
import doctest
import inspect
import io
import os
import subprocess
import sys
import tomllib
import types
from typing import TYPE_CHECKING

import psycopg
import pytest

import howdah
from tests.python.documentation.pages import ROOT, Block, blocks, name_of, pages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

URL = "postgresql://localhost/app"
# What may stay unrun: each needs what a test has not, and says so on its page.
MOST_NOT_RUN = 0
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


class Run:
    """One page's blocks, run one after another."""

    def __init__(self, page: str, url: str, folder: Path) -> None:
        """Take the server's URL and a folder for files."""
        self.module = types.ModuleType("page_" + page.removesuffix(".md").replace("/", "_").replace("-", "_"))
        self.module.__dict__["__builtins__"] = builtins
        self.url = url
        self.folder = folder
        self.loop = asyncio.Runner()
        self.printed = ""

    def run(self, block: Block) -> None:
        """Run one block."""
        if block.mark == "not run":
            assert block.argument, f"{block.place}: a block that is not run needs a reason"
        elif block.mark in {"file", "pytest"}:
            (self.folder / block.argument).write_text(self._here(block.code))
            if block.mark == "pytest":
                self._pytest(block)
        elif block.mark:
            pytest.fail(f"{block.place}: a mark that is not known: {block.mark}")
        else:
            runs: dict[str, Callable[[Block], None]] = {
                "python": self._python,
                "setup": self._python,
                "sql": self._sql,
                "text": self._text,
                "toml": self._toml,
                "ini": self._ini,
                # test_commands.py looks at these.
                "console": self._text,
                "mermaid": self._text,
            }
            assert block.language in runs, f"{block.place}: a block of an unknown language: {block.language!r}"
            runs[block.language](block)

    def close(self) -> None:
        """Close what the page opened."""
        for value in list(self.module.__dict__.values()):
            if isinstance(value, howdah.AsyncDatabase):
                self.loop.run(value.close())
            elif isinstance(value, (howdah.Database, psycopg.Connection)):
                value.close()
        self.loop.close()

    def _here(self, code: str) -> str:
        return code.replace(f"{URL}?", f"{self.url}&").replace(URL, self.url)

    def _python(self, block: Block) -> None:
        # Tracebacks and warnings show the page's own lines.
        source = "\n" * (block.line - 1) + self._here(block.code)
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(source, str(ROOT / block.page), "exec", flags, dont_inherit=True)
        told = io.StringIO()
        with contextlib.redirect_stdout(told):
            result = types.FunctionType(code, self.module.__dict__)()
            if inspect.iscoroutine(result):
                self.loop.run(result)
        self.printed = told.getvalue()

    def _text(self, block: Block) -> None:
        if 'title="output"' not in block.options:
            return
        wanted = doctest.OutputChecker().check_output(block.code, self.printed, OPTIONS)
        assert wanted, f"{block.place}: the block before it prints\n{self.printed}"

    def _toml(self, block: Block) -> None:
        tomllib.loads(block.code)

    def _ini(self, block: Block) -> None:
        configparser.ConfigParser(interpolation=None).read_string(block.code)

    def _sql(self, block: Block) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(block.code.encode())

    def _pytest(self, block: Block) -> None:
        # Of all that is installed, the two plugins that the page is about.
        plugins = ["-p", "no:cacheprovider", "-p", "pytest_asyncio.plugin", "-p", "howdah.testing"]
        command = [sys.executable, "-m", "pytest", "-q", "-W", "error", *plugins, block.argument]
        environment = {
            **os.environ,
            "HOWDAH_TEST_URL": self.url,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }
        ini = self.folder / "pytest.ini"
        if not ini.exists():
            ini.write_text("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n")
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False, timeout=100
        )
        assert done.returncode == 0, f"{block.place}:\n{done.stdout}{done.stderr}"


@pytest.fixture
def folder(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder, which is the current one, with the datasets; the environment names the tests' database."""
    (tmp_path / "datasets").symlink_to(ROOT / "datasets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", url)
    return tmp_path


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_blocks_of_page_run_in_order(page: Path, url: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run(name_of(page), url, folder)
    # Annotations are looked up there.
    monkeypatch.setitem(sys.modules, run.module.__name__, run.module)
    try:
        for block in blocks(page):
            run.run(block)
    finally:
        run.close()


def test_few_blocks_are_not_run() -> None:
    skipped = [block.place for page in pages() for block in blocks(page) if block.mark == "not run"]
    assert len(skipped) <= MOST_NOT_RUN, skipped


def test_output_that_differs_fails(url: str, folder: Path) -> None:
    run = Run("a page", url, folder)
    run.run(Block("a page", 1, "python", "", "print(1 + 1)\n"))
    run.run(Block("a page", 2, "text", 'title="output"', "2\n"))
    with pytest.raises(AssertionError, match="the block before it prints"):
        run.run(Block("a page", 3, "text", 'title="output"', "3\n"))
    run.close()
