"""The command ``back-pain-cds rules``: the rulebook at a glance, and every card filled in."""

from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from cards.card_text import detail, summary
from cards.policy import load_policy
from cards.previews import first_cards
from cards.rulebook import Outcome, Rule, load_rulebook
from cards.site import Site, SiteError, read_site

HOOKS = ("patient-view", "order-select", "order-sign")


@click.command("rules")
@click.argument("rule", required=False)
@click.option("--preview", is_flag=True, help="Print every card in every outcome, filled in.")
@click.option(
    "--site",
    "site_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Show the rules as this site file changes them.",
)
def rules_command(rule: str | None, site_file: Path | None, *, preview: bool) -> None:
    """List the rules, or with a RULE only that one."""
    site = _site(site_file)
    book = site.book
    if rule and rule not in book.by_id:
        raise click.ClickException(f"There is no rule {rule}. Without a name, all are listed.")
    chosen = [book.by_id[rule]] if rule else book.rules
    console = Console()
    if preview:
        for each in chosen:
            _preview(console, each)
    else:
        console.print(_table(chosen, book.off))
        console.print(f"{len(chosen)} rules, rulebook {book.version}. {book.review_status}.")
    for change in site.changes:
        console.print(f"[yellow]site:[/] {change}", soft_wrap=True)


def _site(file: Path | None) -> Site:
    book, policy = load_rulebook(), load_policy()
    try:
        return read_site(file, book, policy) if file else Site(book, policy, judge=book)
    except SiteError as fault:
        raise click.ClickException(str(fault)) from None


def _table(rules: list[Rule] | tuple[Rule, ...], off: frozenset[str]) -> Table:
    table = Table("Rule", "Axis", "Origin", "Outcome", *HOOKS, "Review")
    for rule in rules:
        for number, outcome in enumerate(rule.fires.values()):
            head = (rule.id, rule.axis, rule.origin) if number == 0 else ("", "", "")
            status = _status(rule, off) if number == 0 else ""
            table.add_row(*head, outcome.name, *_tiers(outcome), status)
    return table


def _status(rule: Rule, off: frozenset[str]) -> str:
    return f"off, {rule.review_status}" if rule.id in off else rule.review_status


def _tiers(outcome: Outcome) -> Iterator[str]:
    return (str(outcome.tiers.get(hook, "-")) for hook in HOOKS)


def _preview(console: Console, rule: Rule) -> None:
    console.rule(f"{rule.id}: {rule.title}")
    for name, plan in first_cards(rule):
        outcome = plan.headline.outcome
        told = ", ".join(f"{hook} {tier}" for hook, tier in outcome.tiers.items())
        console.print(f"[bold]{outcome.name}[/] ({told}), example: {name}")
        console.print(f"[bold]{summary(plan)}[/]")
        console.print(Markdown(detail(plan, frozenset())), "")
