"""Generates the blocking API (`_sync`) from the asyncio API (`_async`), so that nothing is written twice.

`tools/generate_sync.py` writes the files; with `--check` it fails if they differ from what it would write. It removes
`async` and `await`, replaces names in code and text, and wordings in docstrings, comments and messages; the rest is
copied. ruff, of the environment this runs in, then sorts imports and formats lines.
"""

from __future__ import annotations

import argparse
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Position = tuple[int, int]

ROOT = Path(__file__).resolve().parent.parent

SOURCE = ROOT / "python" / "howdah" / "_async"
TARGET = ROOT / "python" / "howdah" / "_sync"

# The generated files by their sources, relative to the repository.
FILES = {
    str(source.relative_to(ROOT)): str((TARGET / source.name).relative_to(ROOT))
    for source in sorted(SOURCE.glob("*.py"))
}

NAMES = {
    "AsyncArrowReader": "ArrowReader",
    "AsyncCursor": "Cursor",
    "AsyncDatabase": "Database",
    "AsyncExecutor": "Executor",
    "AsyncGenerator": "Generator",
    "AsyncHooks": "Hooks",
    "AsyncLease": "Lease",
    "AsyncListener": "Listener",
    "AsyncPipeline": "Pipeline",
    "AsyncPipelineResult": "PipelineResult",
    "AsyncQuery": "Query",
    "AsyncReturning": "Returning",
    "AsyncSession": "Session",
    "AsyncTableExecutor": "TableExecutor",
    "AsyncTransaction": "Transaction",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "_acompat": "_compat",
    "_async": "_sync",
    "aclosing": "closing",
    "anext": "next",
    "AbstractAsyncContextManager": "AbstractContextManager",
    "asynccontextmanager": "contextmanager",
}

# A space in a key matches a line break, too; the lines of a value are copied.
WORDINGS = {
    "Databases, for asyncio:": "Databases:",
    "Everything that does I/O, for asyncio: the source from which `_sync` is generated.": (
        "Everything that does I/O, blocking: generated from `_async`."
    ),
    "Hooks that a pool calls for its connections, and the function that returns the password, for asyncio.": (
        "Hooks that a pool calls for its connections, and the function that returns the password."
    ),
    "Listeners, for asyncio:": "Listeners:",
    "Pipelines, for asyncio:": "Pipelines:",
    "Queries and their results, for asyncio.": "Queries and their results.",
    "Sessions, for asyncio:": "Sessions:",
    "The methods for tables, for asyncio;": "The methods for tables;",
    "The methods that run SQL and bulk statements, for asyncio;": "The methods that run SQL and bulk statements;",
    "SQL, or a callable that takes an `AsyncSession`, a coroutine function too. It runs": (
        "SQL, or a callable that takes a `Session`. It runs"
    ),
    "or a callable that returns it, a coroutine function too, which is called for each new connection. A password "
    "file, a service file and certificates are read again for each new connection, too.": (
        "or a callable that returns it, which is\n"
        "                called for each new connection. A password file, a service file and certificates are read\n"
        "                again for each new connection, too."
    ),
    "in the context of the caller. With this hook or the next, reads share no connection. Settings that it makes are "
    "undone when the connection is released.": (
        "in the\n                thread of the caller. Settings that it makes are undone when the connection "
        "is released."
    ),
    "It runs in the background; an exception": "It runs on another thread; an exception",
    "Transactions, for asyncio:": "Transactions:",
    "multiplex: Whether `fetch`, `fetch_one` and `fetch_value` of several tasks may share a connection outside of "
    "transactions: a statement is sent before those ahead of it are answered, and each is still a transaction of its "
    "own. This is for short reads only: a slow statement delays those behind it. None of them may change the session "
    "(settings, advisory locks, temporary tables) or wait for another one, as for a lock that another task holds. Only "
    "prepared statements share a connection. json_decimals:": "json_decimals:",
    "and given to a caller (`acquired`), and reads that were sent behind those of others on one (`pipelined`; see "
    "`multiplex`).": (
        "and given to a caller (`acquired`). `pipelined` is 0:\n            only an AsyncDatabase multiplexes."
    ),
    "It is Database's twin for asyncio: the same verbs and parameters, awaited. The running event loop, uvloop too, "
    "drives the connections; a database belongs to no loop, and the next `asyncio.run` may use it again. When an "
    "awaiting task is cancelled, so is its statement at the server. Tasks may share a database.": (
        "AsyncDatabase is its twin for asyncio, with the same verbs and parameters. Ctrl-C cancels a statement at the\n"
        "    server, too. Threads may share a database."
    ),
    "The innermost open block is in a context variable. A task begun inside the block inherits it, so the statements "
    "of `asyncio.gather` run in the transaction around it.": (
        "The innermost open block is in a context variable, so statements of other threads do not run in its\n"
        "transaction."
    ),
    "by an exception, a cancellation among them,": "by an exception, Ctrl-C among them,",
    "inside the block, that of a task begun there too, uses": "inside the block uses",
    "only the task of the outer one": "only the thread of the outer one",
    "around this task has ended; wait for the task inside the block, or begin the task outside": (
        "around this thread has ended; wait for the thread inside the block, or begin it outside"
    ),
    "another task opened this transaction, and only that task can": (
        "another thread opened this transaction, and only that thread can"
    ),
    "The data is consumed, and a callable for progress called, on a worker thread. Args:": "Args:",
    "which run in it from whichever task or thread.": "which run in it from whichever thread.",
    "in the task that has entered the block, and in tasks begun there. If another task leaves": (
        "in the thread that has\n    entered the block. If another thread leaves"
    ),
    "other callbacks of the event loop and other threads run meanwhile.": (
        "other threads run\n                meanwhile."
    ),
    "Whether it ran. It did not if the event loop has ended; then the pool closes the connection.": "True: it ran.",
    "Store the event loop that waits for a connection.": "Store a value that only the asyncio API uses.",
    "Another task that waits": "Another thread that waits",
    "A block in an asynchronous generator that was not iterated to its end does: asyncio closes it in another task.": (
        "A block in a generator that was not iterated to its end may: another thread may drop the generator."
    ),
    "because another task may": "because another thread may",
    "is left in another task than it was entered in:": "is left in another thread than it was entered in:",
    "Statements are sent in groups, while the event loop runs. If the server accepts no more data, the next ones wait "
    "in memory. Only the pipeline uses its connection until the block ends.": (
        "Statements are sent in groups, at the latest when a result is waited for or the block ends. If the server\n"
        "    accepts no more data, the method waits. Only the pipeline uses its connection until the block ends."
    ),
    "the block in one task,": "the block in one thread,",
    "another task has a block open inside the transaction; until it ends, only that task can": (
        "another thread has a block open inside the transaction; until it ends, only that thread can"
    ),
    "or leave the block in another task than the one that runs statements in it. Then use the methods of the "
    "transaction itself, which run in it from every task.": (
        "or leave the block in another thread than the one that runs\n"
        "        statements in it. Then use the methods of the transaction itself, which run in it from every thread."
    ),
    "inside this one, from whichever task: a savepoint.": "inside this one, from whichever thread: a savepoint.",
    "another task has one open inside this one.": "another thread has one open inside this one.",
    "table as Arrow; the query begins when its first rows are read.": "table as Arrow.",
    "iterated over or drained: its rows stream in": "iterated over or drained: its schema is known, its rows stream in",
}

# Lines of code with this comment have no twin.
ASYNC_ONLY = re.compile(r"^.*  # async only\n", re.MULTILINE)

# f-strings are tokens of their own from Python 3.12 on.
TEXTS = (tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING))


class Converter:
    """Converts asyncio code to blocking code.

    Attributes:
        unused: The wordings that were not found so far.
    """

    def __init__(self, wordings: Mapping[str, str]) -> None:
        """Take the wordings.

        Args:
            wordings: Texts about blocking code, by the texts about asyncio code.
        """
        self.unused = set(wordings)
        self._wordings = wordings
        # Longer texts first; a replacement is not searched again.
        parts = [re.escape(one).replace(r"\ ", r"\s+") for one in sorted(wordings, key=len, reverse=True)]
        self._pattern = re.compile("|".join((*parts, rf"\b(?:{'|'.join(NAMES)})\b", r"\b(?:async|await) ")))

    def __call__(self, source: str) -> str:
        """Convert a module; its imports are not sorted and its lines not formatted yet.

        Args:
            source: The text of a module.

        Returns:
            The text of the blocking module.
        """
        source = ASYNC_ONLY.sub("", source)
        lines = source.splitlines(keepends=True)
        pieces: list[str] = []
        row, column = 1, 0
        for (from_row, from_column), end, replacement in self._replacements(source):
            for between in range(row, from_row):
                pieces.append(lines[between - 1][column:])
                column = 0
            pieces += (lines[from_row - 1][column:from_column], replacement)
            row, column = end
        return "".join((*pieces, "".join(lines[row - 1 :])[column:]))

    def _replacements(self, source: str) -> Iterator[tuple[Position, Position, str]]:
        """Yield the replacements in order: start, end and text."""
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
        wrapping = _awaitables(tokens)
        for at, token in enumerate(tokens):
            if at in wrapping:
                yield token.start, token.end, ""
            elif token.type == tokenize.NAME and token.string in {"async", "await"}:
                yield token.start, tokens[at + 1].start, ""
            elif token.type == tokenize.NAME and token.string in NAMES:
                yield token.start, token.end, NAMES[token.string]
            elif token.type in TEXTS:
                text = self._pattern.sub(self._worded, token.string)
                if text != token.string:
                    yield token.start, token.end, text

    def _worded(self, match: re.Match[str]) -> str:
        found = " ".join(match.group().split())
        if found in {"async", "await"}:
            return ""
        self.unused.discard(found)
        return NAMES.get(found) or self._wordings[found]


def _awaitables(tokens: Sequence[tokenize.TokenInfo]) -> set[int]:
    """Find the tokens by which `Awaitable[T]` is longer than `T`."""
    found: set[int] = set()
    for at, token in enumerate(tokens):
        if token.string == "Awaitable" and tokens[at + 1].string == "[":
            depth, end = 1, at + 1
            while depth:
                end += 1
                depth += {"[": 1, "]": -1}.get(tokens[end].string, 0)
            found |= {at, at + 1, end}
    return found


def ordered(text: str, path: Path) -> str:
    """Sort imports and format lines, by ruff.

    Args:
        text: A module's text.
        path: The file that it is for.

    Returns:
        The formatted text.
    """
    for command in (["check", "--fix-only", "--unsafe-fixes", "--select", "F401,I,UP028"], ["format"]):
        run = [sys.executable, "-m", "ruff", *command, "--quiet", "--stdin-filename", str(path), "-"]
        text = subprocess.run(run, input=text, capture_output=True, text=True, check=True, cwd=ROOT).stdout  # noqa: S603
    return text


def main() -> int:
    """Write the files, or check them.

    Returns:
        The exit code: 0 for success.
    """
    parser = argparse.ArgumentParser(description="Generate the blocking API from the asyncio API.")
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if a file differs from what would be written"
    )
    check = parser.parse_args().check
    convert = Converter(WORDINGS)
    stale: list[str] = []
    for source, target in FILES.items():
        path = ROOT / target
        header = f"# Generated by tools/generate_sync.py: edit {source}, then run `make generate`.\n"
        text = ordered(header + convert((ROOT / source).read_text("utf-8")), path)
        if not path.exists() or path.read_text("utf-8") != text:
            stale.append(target)
            if not check:
                path.write_text(text, "utf-8")
    for wording in convert.unused:
        print(f"WORDINGS of tools/generate_sync.py: not found any more: {wording}", file=sys.stderr)
    if check and stale:
        print(f"not as generated: {', '.join(stale)}; run `make generate`", file=sys.stderr)
    return 1 if convert.unused or (check and stale) else 0


if __name__ == "__main__":
    sys.exit(main())
