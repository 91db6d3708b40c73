"""Hooks that a pool calls for its connections, and the function that returns the password, for asyncio."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from howdah import _acompat
from howdah._acompat import AskPassword, call_hook, current_loop, run_from_thread, try_run_from_thread
from howdah._async.session import AsyncSession
from howdah.errors import InterfaceError

if TYPE_CHECKING:
    from howdah import _core
    from howdah._async.table_executor import AsyncTableExecutor

Hook: TypeAlias = _acompat.Hook[AsyncSession]


class AsyncHooks:
    """The hooks of one database, as the core calls them."""

    def __init__(
        self,
        database: AsyncTableExecutor,
        *,
        on_connect: Hook | None,
        on_acquire: Hook | None,
        on_release: Hook | None,
        password: AskPassword | None,
    ) -> None:
        """Store the hooks.

        Args:
            database: The database. It owns this object, which has a weak reference to it.
            on_connect: Called for a new connection, and after a reset.
            on_acquire: Called when a connection is acquired.
            on_release: Called when a connection is released.
            password: Called for the password of a new connection.
        """
        self._database = weakref.ref(database)
        self.on_connect = on_connect
        self.on_acquire = on_acquire
        self.on_release = on_release
        self.password = password
        # Event loops, which only the asyncio API has: those where connections were last used, by the server's process,
        # and the one where a caller waits for a connection.
        self._loops: dict[int, Any] = {}
        self._loop: Any = None

    async def prepare(self, lease: _core.AsyncLease, is_new: bool) -> None:  # noqa: FBT001  (the core's own order)
        """Set up a connection that a caller acquires.

        Args:
            lease: The connection.
            is_new: Whether it has not been set up since it was opened, or reset.
        """
        if self.on_release is not None:
            self._loops[lease.pid or 0] = current_loop()
        session = self._session(lease)
        try:
            if is_new and self.on_connect is not None:
                await call_hook(self.on_connect, session)
                lease.note_set_up()
            if self.on_acquire is not None:
                await call_hook(self.on_acquire, session)
        finally:
            session.end()

    async def release(self, lease: _core.AsyncLease) -> None:
        """Call `on_release` for a connection that a caller releases.

        Args:
            lease: The connection.
        """
        session = self._session(lease)
        try:
            if self.on_release is not None:
                await call_hook(self.on_release, session)
        finally:
            session.end()

    def prepare_here(self, lease: _core.AsyncLease, is_new: bool) -> None:  # noqa: FBT001
        """Run `prepare` from a thread that waits for it."""
        run_from_thread(partial(self.prepare, lease, is_new), None)

    def release_here(self, lease: _core.AsyncLease) -> bool:
        """Run `release` from a thread that waits for it.

        Returns:
            Whether it ran. It did not if the event loop has ended; then the pool closes the connection.
        """
        return try_run_from_thread(partial(self.release, lease), self._loops.pop(lease.pid or 0, None))

    def password_here(self) -> str:
        """Ask for the password, from a thread that waits for it.

        Returns:
            The password.

        Raises:
            InterfaceError: It is not a str.
        """
        password: object = None if self.password is None else run_from_thread(self.password, self._loop)
        if not isinstance(password, str):
            message = f"password=: expected a callable that gives a str, got {type(password).__name__}"
            raise InterfaceError(message)
        return password

    def note_loop(self, loop: object) -> None:
        """Store the event loop that waits for a connection."""
        self._loop = loop

    def _session(self, lease: _core.AsyncLease) -> AsyncSession:
        database = self._database()
        if database is None:
            message = "the database of the connection is gone"
            raise InterfaceError(message)
        return AsyncSession.of_hook(database, database._core, lease)  # noqa: SLF001  (the same package's)


def hooks_of(
    database: AsyncTableExecutor,
    *,
    on_connect: Hook | None,
    on_acquire: Hook | None,
    on_release: Hook | None,
    password: str | AskPassword | None,
) -> AsyncHooks | None:
    """Return the hooks of a database; None if it has none.

    Args:
        database: The database.
        on_connect: Called for a new connection, and after a reset.
        on_acquire: Called when a connection is acquired.
        on_release: Called when a connection is released.
        password: The password, or a function that returns it.

    Returns:
        The hooks.

    Raises:
        InterfaceError: One is neither SQL nor callable.
    """
    for name, hook in (("on_connect", on_connect), ("on_acquire", on_acquire), ("on_release", on_release)):
        if hook is not None and not isinstance(hook, str) and not callable(hook):
            message = f"{name}=: expected a callable or SQL, got {type(hook).__name__}"
            raise InterfaceError(message)
    if password is not None and not isinstance(password, str) and not callable(password):
        message = f"password=: expected a callable or a str, got {type(password).__name__}"
        raise InterfaceError(message)
    ask = None if isinstance(password, str) else password
    if not (on_connect or on_acquire or on_release or ask):
        return None
    return AsyncHooks(database, on_connect=on_connect, on_acquire=on_acquire, on_release=on_release, password=ask)
