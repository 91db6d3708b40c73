"""Listeners, for asyncio: the notifications of some channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from howdah.errors import InterfaceError

if TYPE_CHECKING:
    from types import TracebackType

    from howdah import _core
    from howdah._core import Notification


class AsyncListener:
    """The notifications of some channels, from the beginning of a block to its end; `AsyncDatabase.listen` makes it.

    The iteration has no end. Notifications that arrive while no task waits are queued.

    Example:
        >>> async with db.listen("jobs") as notifications:
        ...     await db.execute("NOTIFY jobs, '17'")
        ...     async for notification in notifications:
        ...         print(notification.channel, notification.payload)
        ...         break
        0
        jobs 17
    """

    def __init__(self, core: _core.AsyncDatabase, channels: tuple[str, ...]) -> None:
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
        self._lease: _core.AsyncLease | None = None

    async def __aenter__(self) -> Self:
        """Acquire a connection, and listen on it."""
        if self._lease is not None:
            message = "a listener is entered once; call listen() again"
            raise InterfaceError(message)
        lease = await self._core.lease()
        try:
            await lease.listen(list(self._channels))
        except BaseException:
            lease.close()
            raise
        self._lease = lease
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening, and release the connection."""
        if self._lease is not None:
            self._lease.close()
            self._lease = None

    def __aiter__(self) -> Self:
        """Return the iterator: this object."""
        return self

    async def __anext__(self) -> Notification:
        """Wait for the next notification.

        Raises:
            ConnectionError: The connection is lost, and so are notifications sent since then; listen again.
            InterfaceError: The block has not begun, or has ended.
        """
        if self._lease is None:
            message = "notifications arrive only inside `async with`"
            raise InterfaceError(message)
        notification = None
        # Another task that waits may have taken the notification.
        while notification is None:
            notification = await self._lease.notification()
        return notification
