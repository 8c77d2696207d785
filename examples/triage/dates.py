"""Days and deadlines named in a text, worked out from the day the mail was sent."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

CLOSE_OF_BUSINESS = 17  # the hour a day ends for someone who writes “by Friday”
MAX_MENTIONS = 50

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?"
    r"|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_CUE = re.compile(r"\b(?:by|before|until|till|due|deadline|no later than)(?:\s+(?:is|on|the))*[\s:]*\Z", re.IGNORECASE)


class Mention(NamedTuple):
    """A moment a text names; `binding` if the words around it make it a deadline."""

    text: str
    when: datetime
    binding: bool


class _Form(NamedTuple):
    """One way to write a date: how it looks, what it means, whether it is a deadline by itself."""

    pattern: re.Pattern[str]
    resolve: Callable[[re.Match[str], datetime], datetime]
    binding: bool = False


def find_dates(text: str, sent: datetime) -> list[Mention]:
    """Every date named in the text, in order, each stretch of text read by the first form that fits it."""
    found: dict[int, Mention] = {}
    taken: list[range] = []
    for form in _FORMS:
        for match in form.pattern.finditer(text):
            if len(found) == MAX_MENTIONS or any(match.start() in span for span in taken):
                continue
            try:
                when = form.resolve(match, sent)
            except (ValueError, OverflowError):  # 30 February; a week after the year 9999
                continue
            binding = form.binding or bool(_CUE.search(text[max(0, match.start() - 40) : match.start()]))
            found[match.start()] = Mention(" ".join(match[0].split()), when, binding)
            taken.append(range(match.start(), match.end()))
    return [found[start] for start in sorted(found)]


def first_deadline(text: str, sent: datetime) -> Mention | None:
    """The nearest deadline that had not passed when the mail was sent."""
    deadlines = [mention for mention in find_dates(text, sent) if mention.binding and mention.when >= sent]
    return min(deadlines, key=lambda mention: mention.when, default=None)


def _end_of(day: datetime, sent: datetime) -> datetime:
    """Close of business, or midnight if the mail itself was sent later on that day."""
    close = day.replace(hour=CLOSE_OF_BUSINESS, minute=0, second=0, microsecond=0)
    late = close < sent and close.date() == sent.date()
    return close.replace(hour=23, minute=59, second=59) if late else close


def _calendar_day(sent: datetime, year: str | None, month: int, day: str) -> datetime:
    """A day of a named month; without a year, the one that is not months past."""
    when = _end_of(sent.replace(year=int(year or sent.year), month=month, day=int(day)), sent)
    if not year and when < sent - timedelta(days=180):
        return when.replace(year=when.year + 1)
    return when


def _iso_day(match: re.Match[str], sent: datetime) -> datetime:
    return _calendar_day(sent, match["year"], int(match["month"]), match["day"])


def _named_month(match: re.Match[str], sent: datetime) -> datetime:
    return _calendar_day(sent, match["year"], _MONTHS.index(match["month"][:3].lower()) + 1, match["day"])


def _weekday(match: re.Match[str], sent: datetime) -> datetime:
    """The coming day of that name; “next” skips the current week, “last” goes back."""
    ahead = (_DAYS.index(match["weekday"].lower()) - sent.weekday()) % 7
    which = (match["which"] or "").lower()
    if which == "last":
        ahead -= 7
    elif which == "next" and sent.weekday() + ahead < 7:
        ahead += 7
    return _end_of(sent + timedelta(days=ahead), sent)


def _from_now(match: re.Match[str], sent: datetime) -> datetime:
    count, unit = int(match["count"]), match["unit"].lower()
    if unit == "minute":
        return sent + timedelta(minutes=count)
    if unit == "hour":
        return sent + timedelta(hours=count)
    if match["business"]:
        return _end_of(_after_working_days(sent, count), sent)
    return _end_of(sent + timedelta(days=count * (7 if unit == "week" else 1)), sent)


def _after_working_days(day: datetime, count: int) -> datetime:
    while count > 0:
        day += timedelta(days=1)
        count -= day.weekday() < _DAYS.index("saturday")
    return day


def _today(_match: re.Match[str], sent: datetime) -> datetime:
    return _end_of(sent, sent)


def _tomorrow(_match: re.Match[str], sent: datetime) -> datetime:
    return _end_of(sent + timedelta(days=1), sent)


def _end_of_week(_match: re.Match[str], sent: datetime) -> datetime:
    return _end_of(sent + timedelta(days=(_DAYS.index("friday") - sent.weekday()) % 7), sent)


def _pattern(expression: str) -> re.Pattern[str]:
    return re.compile(rf"\b{expression}\b", re.IGNORECASE)


_END = r"(?:EOD|COB|close of business|end of (?:the )?day)"
# The more telling form first: “EOD Friday” is a Friday, and no longer a today.
_FORMS = (
    _Form(_pattern(r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"), _iso_day),
    _Form(_pattern(rf"{_MONTH} (?P<day>\d\d?)(?:st|nd|rd|th)?(?:,? (?P<year>\d{{4}}))?"), _named_month),
    _Form(_pattern(rf"(?P<day>\d\d?)(?:st|nd|rd|th)? (?:of )?{_MONTH}(?: (?P<year>\d{{4}}))?"), _named_month),
    _Form(_pattern(rf"(?:{_END} )?(?:on )?(?:(?P<which>next|this|last) )?(?P<weekday>{'|'.join(_DAYS)})"), _weekday),
    _Form(_pattern(rf"(?:{_END} )?tomorrow"), _tomorrow),
    _Form(_pattern(r"(?:EOW|end of (?:the |this )?week)"), _end_of_week, binding=True),
    _Form(_pattern(rf"{_END}(?: today)?"), _today, binding=True),
    _Form(_pattern("today"), _today),
    _Form(
        _pattern(
            r"within (?:the next )?(?P<count>\d{1,3}) (?P<business>business |working )?(?P<unit>minute|hour|day|week)s?"
        ),
        _from_now,
        binding=True,
    ),
    _Form(
        _pattern(r"in (?P<count>\d{1,3}) (?P<business>business |working )?(?P<unit>minute|hour|day|week)s?"), _from_now
    ),
)
