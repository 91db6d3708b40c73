# Made from async_listener.py by tools/generate_sync.py: change that, then `make generate`.
"""Notifications, waited for: what `Database.listen` gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from howdah.errors import InterfaceError

if TYPE_CHECKING:
    from types import TracebackType

    from howdah import _core
    from howdah._core import Notification


class Listener:
    """What comes in on some channels, from the beginning of a block to its end; `Database.listen` makes it.

    It is iterated over without end. Notifications that come while nobody waits are kept, in their order.

    Example:
        >>> with db.listen("jobs") as notifications:
        ...     db.execute("NOTIFY jobs, '17'")
        ...     for notification in notifications:
        ...         print(notification.channel, notification.payload)
        ...         break
        0
        jobs 17
    """

    def __init__(self, core: _core.Database, channels: tuple[str, ...]) -> None:
        """Prepare to listen; it begins with the block.

        Args:
            core: The database.
            channels: The channels.

        Raises:
            InterfaceError: There are none.
        """
        if not channels:
            message = "listen() without a channel would wait for ever; name one"
            raise InterfaceError(message)
        self._core = core
        self._channels = channels
        self._lease: _core.Lease | None = None

    def __enter__(self) -> Self:
        """Listen, on a connection of its own."""
        if self._lease is not None:
            message = "listened to already; ask for another one"
            raise InterfaceError(message)
        lease = self._core.lease()
        try:
            lease.listen(list(self._channels))
        except BaseException:
            lease.close()
            raise
        self._lease = lease
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more, and give the connection back."""
        if self._lease is not None:
            self._lease.close()
            self._lease = None

    def __iter__(self) -> Self:
        """Iterate over what comes in."""
        return self

    def __next__(self) -> Notification:
        """Wait for the next one.

        Raises:
            ConnectionError: The connection is lost, and what was sent meanwhile with it: listen anew.
            InterfaceError: The block has not begun, or has ended.
        """
        if self._lease is None:
            message = "notifications come inside of `with` alone"
            raise InterfaceError(message)
        notification = None
        # Another who waits may have taken the one that came.
        while notification is None:
            notification = self._lease.notification()
        return notification
