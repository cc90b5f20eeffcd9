"""How long the calls of a replay took: the figures, and the bars of a chart."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from service.replay import Outcome

_STEPS = (1, 2, 5, 10)
_MOST_TICKS = 5
_LATE = 0.95
_BEYOND = 2.5  # times the late value: what took longer is cut off, or it would flatten the rest


@dataclass(frozen=True, slots=True)
class Bar:
    """One call; sizes are percent of the chart."""

    number: int  # of the outcome among all, from 1
    x: float
    width: float
    height: float
    milliseconds: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds of all calls, drawn from left to right as they were replayed."""

    bars: tuple[Bar, ...]
    top: float  # where the scale ends
    ticks: tuple[float, ...]
    median: float
    late: float  # 95 of 100 calls took no longer
    slowest: float
    cut: int  # how many bars go beyond the scale

    def level(self, milliseconds: float) -> float:
        """Return how far down from the top a value stands, in percent."""
        return round(100 - 100 * milliseconds / self.top, 2)


def timings(outcomes: Sequence[Outcome]) -> Timings | None:
    """Return what is drawn of the calls that were answered; None if there are none."""
    answered = [(number, one) for number, one in enumerate(outcomes, 1) if one.reply]
    if not answered:
        return None
    taken = sorted(one.seconds * 1000 for _, one in answered)
    late = _quantile(taken, _LATE)
    ticks = tuple(_ticks(min(taken[-1], late * _BEYOND)))
    return Timings(
        bars=tuple(_bars(answered, ticks[-1])),
        top=ticks[-1],
        ticks=ticks,
        median=_quantile(taken, 0.5),
        late=late,
        slowest=taken[-1],
        cut=sum(each > ticks[-1] for each in taken),
    )


def _bars(answered: Sequence[tuple[int, Outcome]], top: float) -> Iterator[Bar]:
    pitch = 100 / len(answered)
    for nth, (number, outcome) in enumerate(answered):
        milliseconds = outcome.seconds * 1000
        yield Bar(
            number,
            x=round(nth * pitch, 3),
            width=round(min(pitch * 0.8, 6), 3),
            height=round(min(100 * milliseconds / top, 100), 2),
            milliseconds=milliseconds,
            outcome=outcome,
        )


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Return the value that this share does not exceed (nearest rank)."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def _ticks(largest: float) -> Iterable[float]:
    """Yield round numbers from 0 until the largest value is reached."""
    largest = max(largest, 0.1)
    power = 10.0 ** math.floor(math.log10(largest / _MOST_TICKS))
    step = next(power * each for each in _STEPS if power * each * _MOST_TICKS >= largest)
    return (round(step * nth, 6) for nth in range(math.ceil(largest / step) + 1))
