"""Logs the notices of the server to the logger `howdah`.

Its severities: https://www.postgresql.org/docs/current/runtime-config-logging.html#RUNTIME-CONFIG-SEVERITY-LEVELS.
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
        message: The text.
        sqlstate: The SQLSTATE's five characters.
        detail: The detail, if there is one.
        hint: The hint, if there is one.
    """
    # The others are DEBUG, or DEBUG1 to DEBUG5.
    level = LEVELS.get(severity, logging.DEBUG)
    if not logger.isEnabledFor(level):
        return
    more = [f"; {what}: {text}" for what, text in (("detail", detail), ("hint", hint)) if text]
    attributes = {"sqlstate": sqlstate, "detail": detail, "hint": hint}
    logger.log(level, "%s (%s): %s%s", severity, sqlstate, message, "".join(more), extra=attributes)
