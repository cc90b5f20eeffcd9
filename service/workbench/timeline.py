"""A patient's past as a picture: rows of bars and dots, laid out for an SVG."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from service.workbench.history import ENDINGS, GROUPS, Event

SHORTEST_DAYS = 14  # that a picture spans
TICK_STEPS = (1, 2, 7, 14, 31, 92, 183, 366, 731, 1827, 3653)  # days
MONTH, YEAR = 31, 366
LONGEST_LABEL = 30
WORD_WIDTH = 7.0  # of a character, about
TICK_ROOM = 56.0  # of a label on the axis
WORDLESS = frozenset({"ongoing", "draft", "ended"})  # the bar itself says it


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How wide the picture is, and where its parts stand, in pixels."""

    name: str
    width: float
    left: float  # where time begins
    right: float  # what is left of the width after today, for drafts
    row: float
    ticks: int  # on the axis, about
    label_above: bool = False


WIDE = Shape(name="wide", width=720, left=208, right=62, row=25, ticks=6)
NARROW = Shape(name="narrow", width=360, left=6, right=38, row=42, ticks=3, label_above=True)
TOP = 26.0
HEAD = 26.0  # of a group
BAR = 11.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One event, drawn."""

    event: Event
    x: float
    width: float
    word: str = ""  # how it ended, beside the bar
    word_x: float = 0
    anchor: str = "start"

    @property
    def is_point(self) -> bool:
        """Whether it took no longer than a day, by what is on record."""
        return self.event.start is not None and self.event.start == self.event.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Everything of one name, on one line."""

    label: str
    y: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A day on the axis."""

    x: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The whole layout; a template draws it."""

    shape: Shape
    height: float
    today_x: float
    ticks: tuple[Tick, ...]
    heads: tuple[tuple[str, float], ...]  # group and where its title stands
    rows: tuple[Row, ...]


class _Scale:
    """Days to pixels, from the first day shown to today."""

    def __init__(self, shown: list[Event], today: date, shape: Shape) -> None:
        care = [e.start for e in shown if e.group in {"Treatments", "Care"} and e.start]
        first = min(care or [e.start for e in shown if e.start] or [today])
        span = max((today - first).days, SHORTEST_DAYS)
        self.days = round(span * 1.04)
        self.first = today - timedelta(days=self.days)
        self.today = today
        self._left = shape.left
        self._per_day = (shape.width - shape.left - shape.right) / self.days
        self._most = shape.width - 4

    def x(self, on: date | None) -> float:
        """Return where a day stands; days before the first stand at the left edge."""
        days = max(0, (on - self.first).days) if on else 0
        return round(min(self._left + days * self._per_day, self._most), 1)


def picture(shown: list[Event], today: date, shape: Shape) -> Picture:
    """Lay events out."""
    scale = _Scale(shown, today, shape)
    rows: list[Row] = []
    heads: list[tuple[str, float]] = []
    y = TOP
    for group in GROUPS:
        named = _by_label(event for event in shown if event.group == group)
        if not named:
            continue
        heads.append((group, y + 17))
        y += HEAD
        for label, same in named.items():
            rows.append(Row(label=label, y=y, bars=_bars(same, scale, shape)))
            y += shape.row
        y += 4
    return Picture(
        shape=shape,
        height=y + 6,
        today_x=scale.x(today),
        ticks=tuple(_ticks(scale, shape)),
        heads=tuple(heads),
        rows=tuple(rows),
    )


def _by_label(shown: Iterable[Event]) -> dict[str, list[Event]]:
    named: dict[str, list[Event]] = {}
    for event in shown:
        named.setdefault(event.label, []).append(event)
    return named


def _bars(same: list[Event], scale: _Scale, shape: Shape) -> tuple[Bar, ...]:
    placed = [(event, *_extent(event, scale)) for event in same]
    last = max(end for _, _, end in placed)
    bars = []
    for event, x, end in placed:
        room = shape.width if end == last else 0
        word, word_x, anchor = _word(event, (x, end), room, shape, alone=len(placed) == 1)
        bars.append(
            Bar(event=event, x=x, width=end - x, word=word, word_x=word_x, anchor=anchor)
        )
    return tuple(bars)


def _extent(event: Event, scale: _Scale) -> tuple[float, float]:
    x = scale.x(event.start)
    end = scale.x(event.end) if event.end else scale.x(scale.today)
    least = 26.0 if event.ending == "draft" else 4.0
    return x, round(max(end, x + least), 1)


def _word(
    event: Event, extent: tuple[float, float], room: float, shape: Shape, *, alone: bool
) -> tuple[str, float, str]:
    """Place the word about the ending where nothing else stands."""
    word = event.says if event.group == "Results" else ENDINGS.get(event.ending, "")
    if not word or event.ending in WORDLESS or len(word) > LONGEST_LABEL:
        return "", 0, "start"
    x, end = extent
    needed = len(word) * WORD_WIDTH + 10
    if end + needed < room:
        return word, end + 9, "start"
    if alone and x - needed > shape.left:
        return word, x - 9, "end"
    return "", 0, "start"


def _ticks(scale: _Scale, shape: Shape) -> Iterator[Tick]:
    step = next((s for s in TICK_STEPS if scale.days / s <= shape.ticks), TICK_STEPS[-1])
    on = _first_tick(scale.first, step)
    while (x := scale.x(on)) < scale.x(scale.today) - TICK_ROOM:
        if x > TICK_ROOM / 2:  # the label stands in the middle
            yield Tick(x, _tick_label(on, step))
        on = _next_tick(on, step)


def _first_tick(first: date, step: int) -> date:
    if step >= YEAR:
        return date(first.year + 1, 1, 1)
    if step >= MONTH:
        return _next_tick(first.replace(day=1), MONTH)
    return first + timedelta(days=step)


def _next_tick(on: date, step: int) -> date:
    if step >= YEAR:
        return date(on.year + step // 365, 1, 1)
    if step >= MONTH:
        months = on.year * 12 + on.month - 1 + step // 30
        return date(months // 12, months % 12 + 1, 1)
    return on + timedelta(days=step)


def _tick_label(on: date, step: int) -> str:
    if step >= YEAR:
        return str(on.year)
    if step >= MONTH:
        return f"{on:%b} {on.year}" if on.month == 1 or step > 2 * MONTH else f"{on:%b}"
    return f"{on.day} {on:%b}"
