"""The command ``back-pain-cds check``: explain what the service makes of one request."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table

from cards.case import OrderView
from cards.chart import MedicationUse, Order
from cards.dosing import daily_mg, days_supplied
from cards.rulebook import Rulebook
from service.answering import Answering
from service.catalogue import SERVICES, ServiceDefinition
from service.conformance import faults
from service.envelope import HookRequest, Json, read_request
from service.errors import ServiceError
from service.response import Answered
from service.settings import read_settings


@click.command("check")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--silent/--no-silent", default=True, help="Also list the rules that were silent."
)
def check_command(file: Path, *, silent: bool) -> None:
    """Explain a request: what is read, what is not valid, which rules fire and why.

    The exit status is 1 when the service would refuse the request, or when something in it
    is not valid CDS Hooks or FHIR R4.
    """
    console = Console()
    body = file.read_bytes()
    try:
        request = read_request(body, None, _service(body), extensions=True)
        answering = Answering(read_settings())
        answered = answering.consider(request, request.as_of or _today())
    except ServiceError as error:
        _show_refusal(console, error)
        raise SystemExit(1) from None
    invalid = list(_invalid(answered))
    _show_request(console, answered)
    _show_invalid(console, invalid)
    _show_orders(console, answered)
    _show_rules(console, answered, answering.book, silent=silent)
    raise SystemExit(1 if invalid else 0)


def _today() -> date:
    return datetime.now().astimezone().date()


def _service(body: bytes) -> ServiceDefinition:
    """Return the service of the request's hook; a body without one is explained later."""
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        return SERVICES[0]
    hook = parsed.get("hook") if isinstance(parsed, dict) else None
    return next((service for service in SERVICES if service.hook == hook), SERVICES[0])


def _show_refusal(console: Console, error: ServiceError) -> None:
    console.print(f"[red]The service refuses this request with status {int(error.status)}.[/]")
    for issue in error.issues:
        where = f" at {issue.path}" if issue.path else ""
        console.print(f"- {issue.text}{where} {issue.remedy}")


def _show_request(console: Console, answered: Answered) -> None:
    request, reading, chart = answered.request, answered.reading, answered.reading.chart
    console.rule(f"{request.hook}, evaluated for {chart.today.isoformat()}")
    counted = {
        "medications": chart.medications,
        "problems": chart.problems,
        "services": chart.services,
        "measurements": chart.measurements,
        "allergies": chart.allergies,
        "encounters": chart.encounters,
    }
    told = ", ".join(f"{len(found)} {name}" for name, found in counted.items())
    console.print(f"Read as meaningful to a rule: {told}.")
    if reading.unidentified_on_record:
        count = reading.unidentified_on_record
        console.print(f"{count} recorded medicines are none that a rule looks at.")
    _listed(console, "Could not be had", sorted(chart.missing))
    _listed(console, "Came in part (more pages were not fetched)", answered.gathered.incomplete)
    _listed(console, "Could not be read", reading.unread)
    _listed(console, "Drafts of an unknown medicine", reading.unidentified)


def _listed(console: Console, title: str, lines: Iterable[str]) -> None:
    if told := sorted(lines):
        console.print(f"[yellow]{title}:[/] {', '.join(told)}")


def _invalid(answered: Answered) -> Iterator[tuple[str, str]]:
    """Yield what is not FHIR R4: the resource and path, and the kind of fault."""
    for reference, resource in _resources(answered.request):
        for fault in faults(resource):
            yield f"{reference} {fault.path}", fault.text


def _resources(request: HookRequest) -> Iterator[tuple[str, Json]]:
    for draft in request.drafts:
        yield f"draftOrders {draft.get('resourceType')}/{draft.get('id')}", draft
    for key, value in request.prefetch.items():
        if not isinstance(value, dict):
            continue
        entries = value.get("entry") if value.get("resourceType") == "Bundle" else [value]
        for entry in entries if isinstance(entries, list) else ():
            resource = entry.get("resource", entry) if isinstance(entry, dict) else None
            if isinstance(resource, dict):
                yield f"{key} {resource.get('resourceType')}/{resource.get('id')}", resource


def _show_invalid(console: Console, invalid: list[tuple[str, str]]) -> None:
    if not invalid:
        console.print("Every resource is valid FHIR R4.")
        return
    table = Table("Not valid FHIR R4 (read all the same)", "Fault")
    for where, what in invalid:
        table.add_row(where, what)
    console.print(table)


def _show_orders(console: Console, answered: Answered) -> None:
    evaluated = {order.reference for order in answered.reading.orders}
    table = Table("Draft", "Counts", "Taken for", "Found by", "Route", "A day", "Days", "Why")
    for order in answered.reading.chart.drafts:
        counts = "evaluated" if order.reference in evaluated else "context"
        view = answered.patient.view(order)
        table.add_row(f"{order.reference} ({order.status})", counts, *_columns(order, view))
    if table.row_count:
        console.print(table)


def _columns(order: Order, view: OrderView) -> tuple[str, ...]:
    weeks = view.acuity.weeks
    length = f", {view.acuity.phase}" + (f" ({weeks:.0f} weeks)" if weeks is not None else "")
    why = f"back pain {view.relevance}{length}"
    if order.medication is None:
        return ", ".join(sorted(order.classes)) or "nothing known", "", "", "", "", why
    use = order.medication
    found = f"{use.drug.identified} {use.drug.code}".strip()
    doubt = f"; {use.drug.doubt}" if use.drug.doubt else ""
    days = days_supplied(use)
    return (
        use.drug.label,
        f"{found}{doubt}",
        use.route.value,
        "; ".join(_daily(use)) or "unknown",
        "unknown" if days is None else f"{days:g}",
        why,
    )


def _daily(use: MedicationUse) -> Iterator[str]:
    for name in sorted(use.drug.ingredient_names):
        if amount := daily_mg(use, name):
            low, high = f"{amount.low:g}", f"{amount.high:g}"
            yield f"{name} {low if low == high else f'{low}-{high}'} mg"


def _show_rules(console: Console, answered: Answered, book: Rulebook, *, silent: bool) -> None:
    table = Table("Rule", "On", "Outcome", "Because")
    for finding in answered.evaluation.findings:
        facts = "; ".join(f"{fact.text} [{fact.resource}]" for fact in finding.facts)
        told = f"[bold]{finding.indicator}[/] {finding.outcome.name}"
        table.add_row(finding.rule.id, finding.order.reference, told, facts)
    for silence in answered.evaluation.silences if silent else ():
        why = book.by_id[silence.rule].silent.get(silence.outcome, "not shown at this hook")
        table.add_row(silence.rule, silence.order, f"silent: {silence.outcome}", why)
    for broken in answered.evaluation.broken:
        table.add_row(broken.rule, "", "[red]broken[/]", broken.fault)
    console.print(table)
    for plan in answered.plans:
        console.print(f"[bold]Card, {plan.headline.indicator}:[/] {plan.headline.summary}")
    if not answered.plans:
        console.print("No card.")
