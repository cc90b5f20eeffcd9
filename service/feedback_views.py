"""A feedback report for people: tables for a terminal, a chart as SVG."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import NamedTuple
from xml.sax.saxutils import escape

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from service.feedback_report import REVIEW_CARDS, REVIEW_SHARE, Report, Tally

_REASONS_SHOWN = 3
_BARS_SHOWN = 25

# Told apart by colour-blind eyes, and in grey print by their lightness.
_COLOURS = {"accepted": "#1f5fa8", "overridden": "#e08a1e", "ignored": "#c9ced6"}
_STYLE = 'role="img" font-family="system-ui, sans-serif" fill="#1c2430"'
_WIDTH, _LEFT, _RIGHT, _TOP = 960, 300, 70, 76
_ROW, _BAR = 26, 16
_COLUMNS_HEIGHT = 140


def tables(report: Report) -> RenderableType:
    """Return the report as tables: rules, weeks, and what the numbers mean."""
    if not report.cards:
        return Text(f"No cards were issued {_period(report)}. {_unknown(report)}")
    return Group(_rule_table(report), _week_table(report), Text(_explained(report)))


def chart(report: Report) -> str:
    """Return an SVG document: a bar a rule, a column a week."""
    rules = dict(list(report.rules.items())[:_BARS_SHOWN])
    height = _TOP + len(rules) * _ROW + _COLUMNS_HEIGHT + 110
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {_STYLE}>',
        f"<title>What became of the cards {escape(_period(report))}</title>",
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        _label(20, 30, f"What became of the cards {_period(report)}", size=18),
        *_legend(),
        *_bars(rules),
        *_columns(report.weeks, _TOP + len(rules) * _ROW + 40),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _rule_table(report: Report) -> Table:
    table = Table(title=f"Cards by rule {_period(report)}", title_justify="left")
    table.add_column("Rule", overflow="fold")
    for name in ("Shown", "Accepted", "Overridden", "Ignored", "Override %", "Fix record"):
        table.add_column(name, justify="right")
    table.add_column("Why overridden", overflow="fold")
    for rule, tally in report.rules.items():
        named = Text(rule, style="bold red" if tally.to_review else "")
        table.add_row(named, *_cells(tally), Text(_why(tally)))
    table.add_section()
    table.add_row("All", *_cells(report.total), Text(_why(report.total)))
    return table


def _week_table(report: Report) -> Table:
    table = Table(title="Cards by week", title_justify="left")
    table.add_column("Week from")
    for name in ("Shown", "Accepted", "Overridden", "Ignored", "Override %", "Fix record"):
        table.add_column(name, justify="right")
    for week, tally in report.weeks.items():
        table.add_row(week.isoformat(), *_cells(tally))
    return table


def _cells(tally: Tally) -> list[str]:
    share = tally.override_share
    return [
        str(tally.shown),
        str(tally.accepted),
        str(tally.overridden),
        str(tally.ignored),
        "" if share is None else f"{share:.0%}",
        str(tally.record_wrong),
    ]


def _why(tally: Tally) -> str:
    shown = [f"{reason} ({count})" for reason, count in tally.reasons[:_REASONS_SHOWN]]
    rest = len(tally.reasons) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _explained(report: Report) -> str:
    loud = [rule for rule, tally in report.rules.items() if tally.to_review]
    verdict = (
        f"To review, overridden in more than {REVIEW_SHARE:.0%} of at least {REVIEW_CARDS} "
        f"answered cards: {', '.join(loud) or 'none'}."
    )
    meaning = (
        "Ignored: no feedback came. Override %: of the answered cards. Fix record: overridden "
        "because the record is wrong or lacks a code."
    )
    return f"{verdict}\n{meaning}\n{_unknown(report)}"


def _unknown(report: Report) -> str:
    return f"Feedback on cards that are not recorded: {report.unknown_cards}."


def _period(report: Report) -> str:
    match report.since, report.until:
        case None, None:
            return "so far"
        case since, None:
            return f"since {since}"
        case None, until:
            return f"until {until}"
        case since, until:
            return f"from {since} to {until}"


def _legend() -> Iterator[str]:
    for place, (name, colour) in enumerate(_COLOURS.items()):
        x = 20 + place * 130
        yield f'<rect x="{x}" y="46" width="12" height="12" fill="{colour}"/>'
        yield _label(x + 18, 57, name)


def _bars(rules: Mapping[str, Tally]) -> Iterator[str]:
    most = max((tally.shown for tally in rules.values()), default=1)
    scale = (_WIDTH - _LEFT - _RIGHT) / most
    for row, (rule, tally) in enumerate(rules.items()):
        y = _TOP + row * _ROW
        yield _label(_LEFT - 10, y + 13, rule, anchor="end")
        x = float(_LEFT)
        for name, count in _parts(tally):
            yield _block(_Box(x, y, count * scale, _BAR), name, f"{rule}: {count} {name}")
            x += count * scale
        yield _label(x + 6, y + 13, str(tally.shown))


def _columns(weeks: Mapping[date, Tally], top: float) -> Iterator[str]:
    most = max((tally.shown for tally in weeks.values()), default=1)
    scale = _COLUMNS_HEIGHT / most
    step = (_WIDTH - 40) / max(len(weeks), 1)
    width = min(step * 0.8, 60)
    yield _label(20, top, f"Cards by week (most: {most})")
    for place, (week, tally) in enumerate(weeks.items()):
        x, y = 20 + place * step, top + 14 + _COLUMNS_HEIGHT
        for name, count in _parts(tally):
            y -= count * scale
            yield _block(_Box(x, y, width, count * scale), name, f"{week}: {count} {name}")
        if place in _labelled(weeks):
            yield _label(x, top + 32 + _COLUMNS_HEIGHT, week.isoformat(), size=11)


def _labelled(weeks: Mapping[date, Tally]) -> range:
    return range(0, len(weeks), max(1, -(-len(weeks) // 10)))


def _parts(tally: Tally) -> list[tuple[str, int]]:
    counts = [tally.accepted, tally.overridden, tally.ignored]
    return [(name, count) for name, count in zip(_COLOURS, counts, strict=True) if count]


class _Box(NamedTuple):
    x: float
    y: float
    width: float
    height: float


def _block(box: _Box, name: str, title: str) -> str:
    return (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" '
        f'fill="{_COLOURS[name]}"><title>{escape(title)}</title></rect>'
    )


def _label(x: float, y: float, text: str, *, size: int = 13, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )
