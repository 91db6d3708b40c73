"""Progress of loads and reads: shown as a tqdm bar, or passed to a callable of the caller."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from howdah.errors import InterfaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from howdah._core import Progress

    Show = bool | Callable[[Progress], None]


@contextmanager
def progress_callback(progress: Show, title: str) -> Generator[Callable[[Progress], None] | None]:
    """Return the callable for progress, and close a bar at the end of the block.

    Args:
        progress: `True` for a bar, `False` for none, or a callable of the caller.
        title: The title of the bar.

    Yields:
        A callable, or None if progress is False.

    Raises:
        InterfaceError: progress is True and tqdm is not installed.
    """
    callback = callable_for(progress, title)
    try:
        yield callback
    finally:
        if isinstance(callback, Bar):
            callback.close()


def callable_for(progress: Show, title: str) -> Callable[[Progress], None] | None:
    """Return the callable for progress; a bar closes itself at the end.

    Args:
        progress: `True` for a bar, `False` for none, or a callable of the caller.
        title: The title of the bar.

    Returns:
        A callable, or None if progress is False.

    Raises:
        InterfaceError: progress is True and tqdm is not installed.
    """
    if progress is True:
        return Bar(title)
    return progress or None


class Bar:
    """A tqdm bar of rows, rows per second and megabytes."""

    def __init__(self, title: str) -> None:
        """Open the bar.

        Args:
            title: Its title.
        """
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            message = "progress=True needs tqdm: pip install 'howdah[progress]'"
            raise InterfaceError(message) from error
        self._bar = tqdm(desc=title, unit=" rows", unit_scale=True)

    def __call__(self, progress: Progress) -> None:
        """Show how far it is.

        Args:
            progress: Rows and bytes so far.
        """
        self._bar.total = progress.total_rows
        self._bar.set_postfix_str(f"{progress.bytes / 1e6:,.1f} MB", refresh=False)
        self._bar.update(progress.rows - self._bar.n)
        if progress.finished:
            self.close()

    def close(self) -> None:
        """Close the bar, and leave it on the screen."""
        self._bar.close()
