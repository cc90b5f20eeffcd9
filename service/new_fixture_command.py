"""The command ``back-pain-cds new-fixture``: a whole, valid request from a few words."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import click
from click.core import ParameterSource

from service.catalogue import HOOKS, PREFETCH
from service.command_output import write_file
from service.demo.stories import resources, stories
from service.envelope import AS_OF
from service.fhir import day, first_object
from service.fhir_sources import ResourceSource
from service.fixture_parts import (
    Described,
    Kind,
    NotUnderstood,
    concept,
    condition,
    described,
    doubts,
    drug_order,
    service_order,
    statement,
)
from service.hook_conformance import request_faults
from service.prefetch_resolution import prefetched

PATIENT = "patient-1"
USER = "Practitioner/example"
_ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command was told."""

    patient: str | None
    age: int | None
    sex: str
    visit: str
    problem: tuple[str, ...]
    medication: tuple[str, ...]
    failed: tuple[str, ...]
    order: tuple[str, ...]
    service: tuple[str, ...]
    sig: str | None
    days: float | None
    reason: tuple[str, ...]
    setting: str | None
    hook: str
    as_of: datetime | None
    out: Path | None
    force: bool


@click.command("new-fixture")
@click.option("--patient", metavar="NAME|FILE", help="A patient of the demo, or a FHIR Bundle.")
@click.option("--age", type=click.IntRange(0, 120), help="Of a new patient, in years.")
@click.option(
    "--sex",
    type=click.Choice(["female", "male", "other", "unknown"]),
    default="unknown",
    show_default=True,
)
@click.option(
    "--visit",
    type=click.Choice(["AMB", "EMER", "IMP"]),
    default="AMB",
    show_default=True,
    help="A new patient's visit: ambulatory, emergency, inpatient.",
)
@click.option("--problem", multiple=True, help='"M54.50; since 26 weeks", or in words.')
@click.option("--medication", multiple=True, help='"naproxen 500 mg tablet; 1 tablet bid".')
@click.option(
    "--failed", multiple=True, help='"gabapentin 800 mg tablet; 2025-01-10 to 2025-04-01".'
)
@click.option("--order", multiple=True, help='A draft: "oxycodone 5 mg tablet".')
@click.option("--service", multiple=True, help='A draft: "lumbar spine MRI; cpt 72148".')
@click.option("--sig", help="How the ordered drugs are taken, unless their --order says it.")
@click.option(
    "--days",
    type=click.FloatRange(0, 1000, min_open=True),
    help="How long the ordered drugs last.",
)
@click.option("--reason", multiple=True, help="Why it is ordered: a code, or words.")
@click.option(
    "--setting",
    type=click.Choice(["outpatient", "inpatient", "discharge", "community"]),
    help="The category of the ordered drugs.",
)
@click.option(
    "--hook", type=click.Choice(sorted(HOOKS)), default="order-sign", show_default=True
)
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="The day of the evaluation.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="*.request.json")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def new_fixture_command(**given: Any) -> None:
    """Write a request about a known or a new patient, ready for replay.

    A description is what it is about, then parts after semicolons: "since 26 weeks", "since
    2025-09-01", "2025-01-10 to 2025-04-01", "icd10 M54.50", "snomed ...", "cpt ...", and for
    drugs how they are taken. A part that is none of these is refused. The day of the
    evaluation is that of the known patient's visit, or today.
    """
    options = Options(**given)
    for fault in _useless(options):
        raise click.UsageError(fault)
    try:
        request, drugs = _request(options)
    except NotUnderstood as fault:
        raise click.UsageError(str(fault)) from None
    if invalid := list(request_faults(request)):
        raise click.ClickException("Not valid: " + "; ".join(invalid))
    for doubt in doubts(drugs):
        click.echo(f"Note: {doubt}.", err=True)
    text = json.dumps(request, indent=2, ensure_ascii=False) + "\n"
    if options.out:
        write_file(options.out, text)
    else:
        click.echo(text, nl=False)


def _useless(options: Options) -> Iterator[str]:
    """Yield why the request cannot be made as it was told: options that would do nothing."""
    context = click.get_current_context()

    def said(*names: str) -> list[str]:
        default = ParameterSource.DEFAULT
        given = [name for name in names if context.get_parameter_source(name) is not default]
        return [f"--{name}" for name in given]

    if options.patient is not None and (idle := said("age", "sex", "visit")):
        yield f"{', '.join(idle)}: only of a new patient; --patient has their own."
    if options.hook == "patient-view":
        about_orders = ["order", "service", "sig", "days", "setting"]
        if idle := said(*about_orders, *(["reason"] if options.patient else [])):
            yield f"{', '.join(idle)}: at patient-view nothing is ordered."
    elif not options.order and (idle := said("sig", "days", "setting")):
        yield f"{', '.join(idle)}: of ordered drugs; there is no --order."
    if options.out and options.out.exists() and not options.force:
        yield f"{options.out} is there already; --force writes over it."


def _request(options: Options) -> tuple[Json, list[Described]]:
    """Return the request, and the drugs in it that were described."""
    chart = _known(options)
    today = _today(options, chart)
    chart = chart or list(_new_patient(options, today))
    patient = next(one["id"] for one in chart if one["resourceType"] == "Patient")
    described_drugs = [
        *(described(text, today, Kind.TAKEN) for text in options.medication + options.failed),
        *(described(text, today, Kind.ORDER) for text in _drug_orders(options)),
    ]
    chart += _additions(options, patient, today)
    context = _context(options, chart, patient, today)
    instance = uuid5(NAMESPACE_URL, json.dumps([context, chart], sort_keys=True))
    request = {
        "hook": options.hook,
        "hookInstance": str(instance),
        "context": context,
        "extension": {AS_OF: today.isoformat()},
    }
    return prefetched(request, PREFETCH, ResourceSource(chart))[0], described_drugs


def _known(options: Options) -> list[Json]:
    """Return the chart that ``--patient`` names; nothing for a new patient."""
    name = options.patient
    if name is None:
        return []
    if name in stories():
        return list(resources(name))
    try:
        bundle = json.loads(Path(name).read_bytes())
        chart = [entry["resource"] for entry in bundle["entry"]]
    except (OSError, ValueError, KeyError, TypeError):
        known = ", ".join(stories())
        raise NotUnderstood(f"{name}: neither a Bundle nor one of {known}") from None
    if not any(one.get("resourceType") == "Patient" for one in chart):
        raise NotUnderstood(f"{name}: no Patient in it")
    return chart


def _today(options: Options, chart: list[Json]) -> date:
    if options.as_of:
        return options.as_of.date()
    visits = (one for one in chart if one["resourceType"] == "Encounter")
    started = (day(first_object(visit.get("period")).get("start")) for visit in visits)
    return max(filter(None, started), default=datetime.now().astimezone().date())


def _new_patient(options: Options, today: date) -> Iterator[Json]:
    # Born on 1 January: the age is the one that was asked for on any day of the year.
    born = (
        {"birthDate": f"{today.year - options.age:04}-01-01"} if options.age is not None else {}
    )
    yield {"resourceType": "Patient", "id": PATIENT, "gender": options.sex, **born}
    yield {
        "resourceType": "Encounter",
        "id": "visit-1",
        "status": "in-progress",
        "class": {"system": _ACT_CODE, "code": options.visit},
        "subject": {"reference": f"Patient/{PATIENT}"},
        "period": {"start": today.isoformat()},
        **_reasons(options, today),
    }


def _additions(options: Options, patient: str, today: date) -> list[Json]:
    problems = [described(text, today, Kind.PROBLEM) for text in options.problem]
    taken = [described(text, today, Kind.TAKEN) for text in options.medication]
    failed = [described(text, today, Kind.TAKEN) for text in options.failed]
    return [
        *(condition(one, n, patient) for n, one in enumerate(problems, 1)),
        *(statement(one, n, patient, failed=False) for n, one in enumerate(taken, 1)),
        *(statement(one, n, patient, failed=True) for n, one in enumerate(failed, 1)),
    ]


def _context(options: Options, chart: list[Json], patient: str, today: date) -> Json:
    context: Json = {"userId": USER, "patientId": patient}
    visits = [one["id"] for one in chart if one["resourceType"] == "Encounter"]
    if visits:
        context["encounterId"] = visits[0]
    if options.hook == "patient-view":
        return context
    orders = [
        {**order, "id": f"draft-{number}", "subject": {"reference": f"Patient/{patient}"}}
        for number, order in enumerate(_orders(options, today), 1)
    ]
    if not orders:
        raise NotUnderstood(f"{options.hook} needs an --order or a --service")
    if options.hook == "order-select":
        context["selections"] = [f"{one['resourceType']}/{one['id']}" for one in orders]
    entries = [{"resource": order} for order in orders]
    context["draftOrders"] = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return context


def _orders(options: Options, today: date) -> Iterator[Json]:
    reasons = _reasons(options, today)
    for text in _drug_orders(options):
        thing = described(text, today, Kind.ORDER)
        order = drug_order(thing, days=options.days, setting=options.setting, today=today)
        yield order | reasons
    for text in options.service:
        yield service_order(described(text, today, Kind.CODED), today) | reasons


def _drug_orders(options: Options) -> list[str]:
    """Return the described orders, each with its instruction."""
    sig = f"; {options.sig}" if options.sig else ""
    return [text if ";" in text else f"{text}{sig}" for text in options.order]


def _reasons(options: Options, today: date) -> Json:
    reasons = [concept(described(text, today, Kind.CODED)) for text in options.reason]
    return {"reasonCode": reasons} if reasons else {}
