"""What the server says besides answers: its notices go to the logger `howdah`.

https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-SEVERITY-LEVELS tells what its
severities mean.
"""

from __future__ import annotations

import logging

logger = logging.getLogger("howdah")

LEVELS = {"WARNING": logging.WARNING, "NOTICE": logging.INFO, "INFO": logging.INFO, "LOG": logging.INFO}


def log(severity: str, message: str, sqlstate: str, detail: str | None, hint: str | None) -> None:
    """Log a notice; the core calls this.

    The record has the attributes `sqlstate`, `detail` and `hint`.

    Args:
        severity: WARNING, NOTICE, INFO, LOG or DEBUG, as the server names them in English.
        message: What it says.
        sqlstate: The SQLSTATE's five characters.
        detail: More about it.
        hint: What to do about it.
    """
    # Whatever else there may be is DEBUG, or DEBUG1 to DEBUG5.
    level = LEVELS.get(severity, logging.DEBUG)
    if not logger.isEnabledFor(level):
        return
    more = [f"; {what}: {text}" for what, text in (("detail", detail), ("hint", hint)) if text]
    told = {"sqlstate": sqlstate, "detail": detail, "hint": hint}
    logger.log(level, "%s (%s): %s%s", severity, sqlstate, message, "".join(more), extra=told)
