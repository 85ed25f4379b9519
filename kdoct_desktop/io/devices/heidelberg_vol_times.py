"""Times of Heidelberg's RAW export (.vol): what is UTC, what is local, and what is told of it.

``exam_time`` is a FILETIME, hence UTC by its definition, and the exports that were looked at bear
it out: made in Germany in winter, scans at 14:28 belong to a visit that began at 15:23 by the clock
of the clinic. No field states the time zone.
"""

import math
from datetime import datetime, timedelta

from kdoct_desktop.io.devices.fields import NoticeInfo

_TICKS_FROM = datetime(1601, 1, 1)
_DAYS_FROM = datetime(1899, 12, 30)
_EARLIEST, _LATEST = datetime(1990, 1, 1), datetime(2100, 1, 1)
_FARTHEST_ZONE = timedelta(hours=14)
_BIRTH_DAYS = (2.0, 73_050.0)  # 1900 to 2099; 0 stands for none


def acquired(ticks: int, visit_day: float) -> tuple[str | None, str, tuple[NoticeInfo, ...]]:
    """When the scan was taken, where that comes from, and what to tell of it.

    Args:
        ticks: Time of the scan, 100 ns each from 1601-01-01, UTC.
        visit_day: Beginning of the visit, days from 1899-12-30 by the clock of the clinic.

    Returns:
        ISO 8601 without time zone; the value of a ``Provenance``; notices.
    """
    exam, visit = _moment(_TICKS_FROM, ticks / 10_000_000), _moment(_DAYS_FROM, visit_day * 86_400)
    if exam is None:
        return (None, "unknown", ()) if visit is None else (_iso(visit), "derived", ())
    if visit is not None and abs(visit - exam) <= _FARTHEST_ZONE and visit.date() != exam.date():
        text = (
            "The file states the hour in UTC only, which is another day: the day of the visit is "
        )
        day = visit.replace(hour=0, minute=0, second=0)
        return _iso(day), "derived", (NoticeInfo("time-zone-unknown", text + "shown, no hour."),)
    text = "The time is UTC as the file states it; the clock of the clinic may have shown another."
    return _iso(exam), "assumed", (NoticeInfo("time-zone-unknown", text),)


def birth_date(days: float) -> str | None:
    """A birth date ``YYYYMMDD`` from days since 1899-12-30; None where it cannot be one."""
    if not _BIRTH_DAYS[0] <= days < _BIRTH_DAYS[1]:  # NaN, too
        return None
    return f"{_DAYS_FROM + timedelta(days=math.floor(days)):%Y%m%d}"


def _moment(start: datetime, seconds: float) -> datetime | None:
    """A believable moment so many seconds from `start`, to the second."""
    if not 0.0 < seconds < 2.0e10:
        return None
    moment = start + timedelta(seconds=math.floor(seconds))
    return moment if _EARLIEST <= moment < _LATEST else None


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
