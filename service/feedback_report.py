"""What became of the cards: shown, accepted, overridden and why, ignored; by rule and week."""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import NamedTuple, Protocol, TypeVar

from cards.override_reasons import about_the_record
from service.store import CardAnswer

IGNORED = "ignored"  # no feedback came: clients do not report that a card was passed over
NO_REASON = "no reason given"

# A rule that is overridden this often, over this many answered cards, is too loud. The last
# word of the clinician counts, and cards without feedback do not: not every client sends it.
REVIEW_SHARE = 0.9
REVIEW_CARDS = 200

K = TypeVar("K", bound="date | str | tuple[str, ...]")


class Answers(Protocol):
    """Where a report reads: the store."""

    def answers(self, since: datetime, until: datetime) -> Iterable[CardAnswer]:
        """Give cards with their feedback, card by card, the last word last."""
        ...

    def unknown_feedback(self, since: datetime, until: datetime) -> int:
        """Count the feedback on cards that are not recorded."""
        ...


class Line(NamedTuple):
    """Cards that are alike, as far as a report tells them apart."""

    week: date  # its Monday, in UTC
    rule: str
    outcome: str
    indicator: str
    response: str  # accepted | overridden | ignored
    reason: str  # of an override, as a code


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of cards."""

    shown: int
    accepted: int
    overridden: int
    record_wrong: int  # overridden, because the record or our data is wrong or not coded
    reasons: tuple[tuple[str, int], ...]  # of the overrides, the most frequent first

    @property
    def ignored(self) -> int:
        """Cards without feedback."""
        return self.shown - self.answered

    @property
    def answered(self) -> int:
        """Cards with feedback."""
        return self.accepted + self.overridden

    @property
    def override_share(self) -> float | None:
        """Overridden cards of the answered ones, from 0 to 1; None when there are none."""
        return self.overridden / self.answered if self.answered else None

    @property
    def to_review(self) -> bool:
        """Say whether so many were overridden that the rule should speak more softly."""
        return self.answered >= REVIEW_CARDS and (self.override_share or 0) > REVIEW_SHARE


@dataclass(frozen=True, slots=True)
class Report:
    """All cards of a period, counted; ``since`` and ``until`` are whole days in UTC."""

    since: date | None
    until: date | None
    cards: Mapping[Line, int]
    mentions: Mapping[str, int]  # cards of another rule that mention this one too
    unknown_cards: int  # feedback on cards that are not recorded

    @property
    def total(self) -> Tally:
        """All cards."""
        return _tally(self.cards)

    @property
    def rules(self) -> dict[str, Tally]:
        """By the rule that headed the card, the least followed first."""
        by_rule = self.by(lambda line: line.rule)
        worst = sorted(by_rule.items(), key=lambda entry: (-_not_followed(entry[1]), entry[0]))
        return dict(worst)

    @property
    def weeks(self) -> dict[date, Tally]:
        """By week, the first one first."""
        return self.by(lambda line: line.week)

    def by(self, key: Callable[[Line], K]) -> dict[K, Tally]:
        """Group by anything a line tells, in its order."""
        groups: dict[K, dict[Line, int]] = {}
        for line, count in self.cards.items():
            groups.setdefault(key(line), {})[line] = count
        return {name: _tally(groups[name]) for name in sorted(groups)}


def build_report(
    store: Answers, since: date | None = None, until: date | None = None
) -> Report:
    """Count the cards issued from ``since`` to ``until``, both days included."""
    start = datetime.combine(since or date.min, time.min, UTC)
    end = (
        datetime.combine(until + timedelta(days=1), time.min, UTC)
        if until
        else datetime.max.replace(tzinfo=UTC)
    )
    lines: Counter[Line] = Counter()
    mentions: Counter[str] = Counter()
    rows = store.answers(start, end)
    for _, repeats in groupby(rows, key=lambda row: row[:3]):
        *_, last_word = repeats
        lines[_line(last_word)] += 1
        mentions.update({rule for rule, *_ in last_word.findings} - {last_word.rule})
    return Report(
        since=since,
        until=until,
        cards=dict(sorted(lines.items())),
        mentions=dict(sorted(mentions.items())),
        unknown_cards=store.unknown_feedback(start, end),
    )


def as_csv(report: Report) -> str:
    """Return one row for cards that are alike: the form that pivot tables want."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*Line._fields, "record_wrong", "cards"])
    for line, count in report.cards.items():
        wrong = "yes" if line.reason in about_the_record() else "no"
        writer.writerow([*map(_inert, map(str, line)), wrong, count])
    return text.getvalue()


def as_json(report: Report) -> str:
    """Return everything the report knows, the same bytes for the same database."""
    document = {
        "since": report.since and report.since.isoformat(),
        "until": report.until and report.until.isoformat(),
        "total": _plain(report.total),
        "rules": [
            {
                "rule": rule,
                **_plain(tally),
                "toReview": tally.to_review,
                "mentionedOnOtherCards": report.mentions.get(rule, 0),
                "outcomes": _outcomes(report, rule),
                "weeks": _weeks(report, rule),
            }
            for rule, tally in report.rules.items()
        ],
        "weeks": _weeks(report),
        "feedbackOnUnknownCards": report.unknown_cards,
    }
    return json.dumps(document, indent=2) + "\n"


def _line(card: CardAnswer) -> Line:
    issued = card.issued_at.date()
    return Line(
        week=issued - timedelta(days=issued.weekday()),
        rule=card.rule,
        outcome=card.outcome,
        indicator=card.indicator,
        response=card.response or IGNORED,
        reason=_reason(card) if card.response == "overridden" else "",
    )


def _reason(card: CardAnswer) -> str:
    """Return our own code, or a client's with its system; printable, for it is not ours."""
    if not card.reason_code:
        return NO_REASON
    code, system = card.reason_code, card.reason_system
    ours = not system or system.endswith("/CodeSystem/override-reason")
    label = code if ours else f"{system}|{code}"
    return "".join(
        sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in label
    )


def _tally(counts: Mapping[Line, int]) -> Tally:
    responses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for line, count in counts.items():
        responses[line.response] += count
        if line.reason:
            reasons[line.reason] += count
    return Tally(
        shown=responses.total(),
        accepted=responses["accepted"],
        overridden=responses["overridden"],
        record_wrong=sum(reasons[code] for code in about_the_record()),
        reasons=tuple(sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))),
    )


def _not_followed(tally: Tally) -> int:
    return tally.overridden + tally.ignored


def _outcomes(report: Report, rule: str) -> list[dict[str, object]]:
    groups = report.by(lambda line: (line.rule, line.outcome, line.indicator))
    return [
        {"outcome": outcome, "indicator": indicator, **_plain(tally)}
        for (of_rule, outcome, indicator), tally in groups.items()
        if of_rule == rule
    ]


def _weeks(report: Report, rule: str | None = None) -> list[dict[str, object]]:
    lines = {line: count for line, count in report.cards.items() if rule in (None, line.rule)}
    weeks = groupby(lines, key=lambda line: line.week)
    return [
        {"week": week.isoformat(), **_plain(_tally({line: lines[line] for line in alike}))}
        for week, alike in weeks
    ]


def _plain(tally: Tally) -> dict[str, object]:
    share = tally.override_share
    return {
        "shown": tally.shown,
        "accepted": tally.accepted,
        "overridden": tally.overridden,
        "ignored": tally.ignored,
        "overrideShare": None if share is None else round(share, 4),
        "recordWrong": tally.record_wrong,
        "reasons": dict(tally.reasons),
    }


def _inert(cell: str) -> str:
    """Keep a spreadsheet from taking a client's code for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@")) else cell
