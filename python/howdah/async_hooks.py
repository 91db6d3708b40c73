"""What a pool calls for its connections, awaited: hooks, and who is asked for the password."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from howdah.async_session import AsyncSession
from howdah.awaiting import call, finish, here, try_finish
from howdah.errors import InterfaceError

if TYPE_CHECKING:
    from howdah import _core
    from howdah.async_database import AsyncDatabase
    from howdah.awaiting import AskPassword, Hook


class AsyncHooks:
    """The hooks of one database. The core calls what it needs of them, and knows which there are."""

    def __init__(
        self,
        database: AsyncDatabase,
        *,
        on_connect: Hook | None,
        on_acquire: Hook | None,
        on_release: Hook | None,
        password: AskPassword | None,
    ) -> None:
        """Keep the hooks.

        Args:
            database: The database, which keeps these.
            on_connect: Called when a connection is new, and after a reset.
            on_acquire: Called when a connection is lent.
            on_release: Called when a connection comes back.
            password: Called for the password of a new connection.
        """
        self._database = weakref.ref(database)
        self.on_connect = on_connect
        self.on_acquire = on_acquire
        self.on_release = on_release
        self.password = password
        # The event loops that connections were used in last, by the server's process, for on_release; and the loop that
        # wants a connection.
        self._places: dict[int, Any] = {}
        self._place: Any = None

    async def prepare(self, lease: _core.AsyncLease, is_new: bool) -> None:  # noqa: FBT001  (the core's own order)
        """Set a connection up for its next borrower.

        Args:
            lease: The connection.
            is_new: Whether it has not been set up since it was opened, or reset.
        """
        if self.on_release is not None:
            self._places[lease.pid or 0] = here()
        session = self._session(lease)
        try:
            if is_new and self.on_connect is not None:
                await call(self.on_connect, session)
                lease.note_set_up()
            if self.on_acquire is not None:
                await call(self.on_acquire, session)
        finally:
            session.end()

    async def release(self, lease: _core.AsyncLease) -> None:
        """Use a connection that comes back.

        Args:
            lease: The connection.
        """
        session = self._session(lease)
        try:
            if self.on_release is not None:
                await call(self.on_release, session)
        finally:
            session.end()

    def prepare_here(self, lease: _core.AsyncLease, is_new: bool) -> None:  # noqa: FBT001
        """Set a connection up, from a thread that waits for that."""
        finish(partial(self.prepare, lease, is_new), None)

    def release_here(self, lease: _core.AsyncLease) -> bool:
        """Use a connection that comes back, from a thread that waits for that.

        Returns:
            Whether that could be done: the event loop may have ended, and then the connection is closed.
        """
        return try_finish(partial(self.release, lease), self._places.pop(lease.pid or 0, None))

    def password_here(self) -> str:
        """Ask for the password, from a thread that waits for it.

        Returns:
            The password.

        Raises:
            InterfaceError: It is no text.
        """
        password: object = None if self.password is None else finish(self.password, self._place)
        if not isinstance(password, str):
            message = f"password=: expected a callable that gives a str, got {type(password).__name__}"
            raise InterfaceError(message)
        return password

    def note_loop(self, place: object) -> None:
        """Note the event loop where a connection is wanted."""
        self._place = place

    def _session(self, lease: _core.AsyncLease) -> AsyncSession:
        database = self._database()
        if database is None:
            message = "the database of the connection is gone"
            raise InterfaceError(message)
        return AsyncSession.of_hook(database, database._core, lease)  # noqa: SLF001  (the same package's)


def hooks_of(
    database: AsyncDatabase,
    *,
    on_connect: Hook | None,
    on_acquire: Hook | None,
    on_release: Hook | None,
    password: str | AskPassword | None,
) -> AsyncHooks | None:
    """Give the hooks of a database, if it has any.

    Args:
        database: The database.
        on_connect: Called when a connection is new.
        on_acquire: Called when a connection is lent.
        on_release: Called when a connection comes back.
        password: The password, or what is called for it.

    Returns:
        The hooks.

    Raises:
        InterfaceError: One can neither be called nor run.
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
