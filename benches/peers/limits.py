"""The limits as contestants: the Rust program in ``limit/``, built when needed and driven turn by turn."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

from .measure import Contestant, say

SOURCE = Path(__file__).parent / "limit"
TARGET = Path(__file__).parents[2] / "target" / "limit"
ROUNDS_AT_MOST = 10_000


class LimitError(Exception):
    """The limit program could not be built, ended early, or moved another number of rows."""


class Limit(Contestant):
    """A running limit program: a line in starts a round, a line out is its seconds and rows."""

    def __init__(self, name: str, rows: int, *arguments: str) -> None:
        """Start the program and wait until it is connected.

        Args:
            name: the name under which the figures appear.
            rows: how many rows each round has to move.
            arguments: the program's own, but for the number of rounds.

        Raises:
            LimitError: it did not come up; it has said why on stderr.
        """
        super().__init__(name)
        self._rows = rows
        self._process = subprocess.Popen(  # noqa: S603 (our own program)
            [build(), *arguments, str(ROUNDS_AT_MOST)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer("ready")

    def work(self) -> None:
        """Run one round."""
        self.once()

    def once(self) -> float:
        """Run one round and return the seconds that the program measured itself."""
        if self._process.stdin is None:
            raise LimitError(self.name)
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        seconds, _, rows = self._answer("seconds and rows").partition(" ")
        if int(rows) != self._rows:
            message = f"{self.name}: expected {self._rows} rows, got {rows}"
            raise LimitError(message)
        return float(seconds)

    def close(self) -> None:
        """Let the program end by closing its stdin."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _answer(self, expected: str) -> str:
        line = self._process.stdout.readline() if self._process.stdout is not None else ""
        if not line:
            message = f"{self.name}: expected {expected}, but the program has ended"
            raise LimitError(message)
        return line.strip()


@functools.cache
def build() -> str:
    """Build the limit program where it is missing or out of date, and return its path.

    Raises:
        LimitError: cargo is not there.
        subprocess.CalledProcessError: cargo failed.
    """
    cargo = shutil.which("cargo")
    if cargo is None:
        message = "cargo is not installed; the limit programs are built with it"
        raise LimitError(message)
    say("limit: cargo build")
    subprocess.run(  # noqa: S603 (our own program)
        [cargo, "build", "--release", "--locked", "--quiet", "--manifest-path", str(SOURCE / "Cargo.toml")],
        env={**os.environ, "CARGO_TARGET_DIR": str(TARGET)},
        check=True,
    )
    return str(TARGET / "release" / ("limit.exe" if os.name == "nt" else "limit"))


def version() -> str:
    """Return the version of tokio-postgres that the limit program is locked to."""
    lock = tomllib.loads((SOURCE / "Cargo.lock").read_text())
    versions: dict[str, str] = {package["name"]: package["version"] for package in lock["package"]}
    return versions["tokio-postgres"]
