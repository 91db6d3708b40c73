"""Progress bars: tqdm where a bar is asked for, the caller's own callable otherwise."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from howdah.errors import InterfaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from howdah._core import Progress

    Show = bool | Callable[[Progress], None]


@contextmanager
def shown(progress: Show, title: str) -> Generator[Callable[[Progress], None] | None]:
    """Give what is to be called with the progress, until the end of a block.

    Args:
        progress: `True` for a bar, `False` for none, or a callable of the caller's.
        title: What stands before the bar.

    Yields:
        A callable, or None where nobody wants to know.

    Raises:
        InterfaceError: A bar is asked for and tqdm is not installed.
    """
    callback = callable_for(progress, title)
    try:
        yield callback
    finally:
        if isinstance(callback, Bar):
            callback.close()


def callable_for(progress: Show, title: str) -> Callable[[Progress], None] | None:
    """Give what is to be called with the progress; a bar closes itself when all is done.

    Args:
        progress: `True` for a bar, `False` for none, or a callable of the caller's.
        title: What stands before the bar.

    Returns:
        A callable, or None where nobody wants to know.

    Raises:
        InterfaceError: A bar is asked for and tqdm is not installed.
    """
    if progress is True:
        return Bar(title)
    return progress or None


class Bar:
    """A tqdm bar of rows, rows per second and megabytes."""

    def __init__(self, title: str) -> None:
        """Open the bar.

        Args:
            title: What stands before it.
        """
        try:
            from tqdm.auto import tqdm
        except ImportError as error:
            message = "progress=True wants tqdm: pip install 'howdah[progress]'"
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
        """Leave the bar as it stands."""
        self._bar.close()
