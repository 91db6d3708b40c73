"""Names for the cases of a parametrised test."""

from __future__ import annotations

import re


def shown(value: object) -> str:
    """Name a case after its value: the same name in every process, which `repr` alone does not give."""
    try:
        text = ascii(value)
    except ValueError:
        # Python writes no int of more than 4,300 digits.
        return "a long int"
    return re.sub(r" at 0x[0-9a-f]+", "", text)[:40]
