"""The command ``back-pain-cds rules``: the rulebook at a glance, and every card filled in."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from rich import box
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from cards import definitions
from cards.card_text import detail, summary
from cards.evaluation import Finding
from cards.examples import case_of
from cards.override_reasons import displays
from cards.policy import load_policy
from cards.previews import first_cards
from cards.rulebook import Outcome, Rule, load_rulebook
from cards.site import Site, read_site
from cards.suggestions import proposals
from service.command_output import console, format_option

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
@format_option
def rules_command(
    rule: str | None, site_file: Path | None, form: str, *, preview: bool
) -> None:
    """List the rules, or with a RULE only that one."""
    if preview and form == "json":
        raise click.UsageError("--preview is for reading; it has no JSON.")
    site = _site(site_file)
    if rule and rule not in site.book.by_id:
        raise click.ClickException(f"There is no rule {rule}. Without a name, all are listed.")
    chosen = [site.book.by_id[rule]] if rule else list(site.book.rules)
    if form == "json":
        click.echo(json.dumps(_document(chosen, site), indent=2, ensure_ascii=False))
        return
    screen = console()
    if preview:
        for each in chosen:
            _preview(screen, each, site)
    else:
        screen.print(_table(chosen, site.book.off))
        told = f"{len(chosen)} rules, rulebook {site.book.version}. {site.book.review_status}."
        screen.print(Text(told))
    for change in site.changes:
        screen.print(Text(f"site: {change}", "yellow"), soft_wrap=True)


def _site(file: Path | None) -> Site:
    """Return the rules of a site, and let its numbers decide as they do where it serves."""
    book, policy = load_rulebook(), load_policy()
    site = read_site(file, book, policy) if file else Site(book, policy, judge=book)
    definitions.use(site.definitions)
    return site


def _document(rules: Sequence[Rule], site: Site) -> dict[str, Any]:
    return {
        "rulebook": site.book.version,
        "site": list(site.changes),
        "rules": [
            {
                "id": rule.id,
                "title": rule.title,
                "axis": rule.axis,
                "origin": rule.origin,
                "off": rule.id in site.book.off,
                "review": rule.review_status,
                "outcomes": [_outcome(outcome) for outcome in rule.fires.values()],
            }
            for rule in rules
        ],
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    tiers = {hook: tier.value for hook, tier in outcome.tiers.items()}
    return {"name": outcome.name, "tiers": tiers}


def _table(rules: Sequence[Rule], off: frozenset[str]) -> Table:
    """Return a table that 80 columns hold: what is said of a rule stands below its name."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("Rule, and its outcomes", overflow="fold")
    for hook in HOOKS:
        table.add_column(hook.replace("-", "\n"), overflow="fold")
    for rule in rules:
        state = f"off, {rule.review_status}" if rule.id in off else rule.review_status
        about = f"{rule.axis}, {rule.origin}, {state}"
        table.add_row(Text.assemble((rule.id, "bold"), "\n", (about, "dim")))
        for outcome in rule.fires.values():
            table.add_row(f"  {outcome.name}", *_tiers(outcome))
        table.add_section()
    return table


def _tiers(outcome: Outcome) -> Iterator[str]:
    return (str(outcome.tiers.get(hook, "-")) for hook in HOOKS)


def _preview(screen: Console, rule: Rule, site: Site) -> None:
    screen.rule(Text(f"{rule.id}: {rule.title}"))
    shown = list(first_cards(rule))
    if not shown:
        screen.print("No example of this rule fires with these numbers.\n")
    for name, plan in shown:
        outcome = plan.headline.outcome
        told = ", ".join(f"{hook} {tier}" for hook, tier in outcome.tiers.items())
        screen.print(Text.assemble((outcome.name, "bold"), f" ({told}), example: {name}"))
        screen.print(Text(summary(plan), "bold"))
        screen.print(Markdown(detail(plan, frozenset())))
        _show_choices(screen, "Suggestions", _suggestions(site, name, plan.headline))
        _show_choices(screen, "Reasons to override", _reasons(site, plan.headline))
        screen.print()


def _show_choices(screen: Console, title: str, lines: Sequence[str]) -> None:
    """Print what a clinician can choose on the card, or that there is no such choice."""
    listed = "\n".join(f"- {line}" for line in lines)
    screen.print()
    screen.print(Markdown(f"**{title}**\n\n{listed or 'None.'}"))


def _suggestions(site: Site, example: str, finding: Finding) -> list[str]:
    """Return the suggestions for the patient of the example, as many as a card shows."""
    rule = finding.rule
    (given,) = (each["given"] for each in rule.examples if each["name"] == example)
    case = case_of(rule, given)
    offered = proposals(site.judge, case.view.patient, finding, case.hook)
    told = {f"{each.label} ({each.does}): {each.description}": None for each in offered}
    return list(told)[: site.policy.cards["suggestions"]]


def _reasons(site: Site, finding: Finding) -> list[str]:
    words = {**displays(), **site.reasons}
    return [words[code] for code in finding.outcome.override_reasons]
