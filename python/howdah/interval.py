"""PostgreSQL's interval, in its three parts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """A number of months, days and microseconds; none is converted to another.

    A month has 28 to 31 days, and a day has 23 to 25 hours if clocks change, so PostgreSQL stores the three parts
    separately: https://www.postgresql.org/docs/current/datatype-datetime.html.

    A timedelta is sent as its days and microseconds: 36 hours are 1 day and 12 hours, -1 hour is -1 day and 23 hours.
    An Arrow duration, which has no days, is sent as microseconds only.

    Attributes:
        months: Months; a year is 12.
        days: Days.
        microseconds: Microseconds.
    """

    months: int = 0
    days: int = 0
    microseconds: int = 0
