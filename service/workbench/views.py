"""The pages of the workbench and what its script asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, render_template, request, url_for
from flask.typing import ResponseReturnValue

from cards.override_reasons import displays
from cards.rulebook import Rulebook
from service.demo.stories import stories
from service.errors import BadRequest, Issue, NotFound, from_status, operation_outcome
from service.feedback_report import Answers, build_report
from service.fhir import Resource, first_object, objects, string
from service.workbench import orders, rule_pages, timeline
from service.workbench.card_views import card_views, silences, status_line, unsure
from service.workbench.history import events, reference_of
from service.workbench.orders import Form
from service.workbench.scenes import SERVICE_OF_HOOK, Scene, UnknownScene, scene

EXTENSION = "back-pain-cds-workbench"
KINDS = (
    ("drug", "Drug"),
    ("imaging", "Imaging"),
    ("referral", "Referral"),
    ("device", "Device"),
)
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

Json = dict[str, Any]

bp = Blueprint(
    "workbench",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/workbench/static",
)


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the pages show besides patients."""

    book: Rulebook
    answers: Answers | None  # where feedback is counted; None where nothing is kept


def register(app: Flask, book: Rulebook, answers: Answers | None) -> None:
    """Add the workbench to the service."""
    app.extensions[EXTENSION] = Shelf(book, answers)
    app.register_blueprint(bp)


@bp.after_request
def restrict(response: Response) -> Response:
    """Let pages load what this server gives, and nothing else."""
    response.headers["Content-Security-Policy"] = POLICY
    return response


@bp.context_processor
def review_status() -> dict[str, object]:
    """Say on every page how many of the rules a clinician has reviewed, and which are off."""
    book = _shelf().book
    return {"review_status": book.review_status, "off": book.off}


@bp.errorhandler(NotFound)
def missing(error: NotFound) -> ResponseReturnValue:
    """Say to a person that there is no such page; a script is told as everywhere else."""
    if request.accept_mimetypes.best_match(("application/json", "text/html")) == "text/html":
        return render_template("workbench/missing.html", nowhere=True), error.status
    return operation_outcome(error), error.status


@bp.get("/")
def workbench() -> str:
    """Show one patient, what is drafted, and the cards."""
    shown = _scene(_key())
    draft = shown.drafts[0] if shown.drafts else None
    current = string(draft.get("id")) if draft else "draft-1"
    return render_template(
        "workbench/workbench.html",
        scene=shown,
        chosen=shown.patient if shown.key.startswith("patient/") else "",
        stories=stories().values(),
        kinds=KINDS,
        choices=orders.Choices(),
        reasons=_reasons(shown),
        start=_start(shown, draft, current),
        **_drawn(shown, shown.drafts),
        **_listed(shown.drafts, current),
    )


@bp.get("/workbench/drugs")
def drug_names() -> ResponseReturnValue:
    """List names of drugs that begin with or hold what is typed."""
    return current_app.json.response(orders.drug_names(request.args.get("q", "")))


@bp.post("/workbench/request")
def made_request() -> Json:
    """Return the CDS Hooks request for the drafts, changed as the form says."""
    asked = _object(request.get_json(silent=True))
    shown = _scene(string(asked.get("scene")))
    current = string(asked.get("current"))
    drafts: list[Resource] = objects(asked.get("drafts"))
    if isinstance(asked.get("fields"), dict):
        drafts = _with_form(drafts, _form(asked["fields"]), shown)
    hook = string(asked.get("hook"))
    if hook not in SERVICE_OF_HOOK or (not drafts and hook != "patient-view"):
        hook = "patient-view"
    chosen = [reference_of(d) for d in drafts if d.get("id") == current]
    made = shown.request(hook, drafts, chosen)
    return {"url": f"/cds-services/{SERVICE_OF_HOOK[hook]}", "request": made, "drafts": drafts}


@bp.post("/workbench/answer")
def shown_answer() -> Json:
    """Return an answer of the service as the parts of a page."""
    asked = _object(request.get_json(silent=True))
    shown = _scene(string(asked.get("scene")))
    sent, answer = _object(asked.get("request")), _object(asked.get("response"))
    entries = objects(_object(_object(sent.get("context")).get("draftOrders")).get("entry"))
    drafts = [_object(entry.get("resource")) for entry in entries]
    views = card_views(answer)
    silent = silences(answer, _shelf().book)
    hook, status = string(sent.get("hook")), asked.get("status")
    return {
        "cards": render_template(
            "workbench/cards.html",
            cards=views,
            status=status,
            refused=status != HTTPStatus.OK,
            problem=_problem(answer),
            nothing=NOTHING.get(hook, ""),
            about_chart=hook == "patient-view",
            unsure=unsure(answer),
        ),
        "drafts": render_template(
            "workbench/drafts.html", **_listed(drafts, string(asked.get("current")))
        ),
        "timeline": render_template("workbench/timeline.html", **_drawn(shown, drafts)),
        "silent": render_template("workbench/silent.html", silent=silent),
        "silences": len(silent),
        "status": status_line(hook, views, status),
        "forms": {string(draft.get("id")): orders.form_of(draft) for draft in drafts},
    }


NOTHING: Mapping[str, str] = {
    "patient-view": "Nothing to say about this chart.",
    "order-select": "No card: nothing speaks against what is chosen.",
    "order-sign": "No card: these orders would be signed without an interruption.",
}


@bp.get("/rules")
def rules() -> str:
    """Show every rule, to be searched and filtered."""
    book = _shelf().book
    listed = [rule_pages.entry(rule) for rule in book.rules]
    return render_template(
        "workbench/rules.html",
        rules=listed,
        version=book.version,
        things=rule_pages.things(book),
        axes=sorted({rule.axis for rule in book.rules}),
    )


@bp.get("/rules/<rule_id>")
def rule(rule_id: str) -> str:
    """Show one rule as its reviewer reads it."""
    found = _shelf().book.by_id.get(rule_id)
    if found is None:
        raise from_status(HTTPStatus.NOT_FOUND)
    return render_template(
        "workbench/rule.html",
        rule=found,
        body=rule_pages.body(found),
        fixtures=rule_pages.fixtures(found),
    )


@bp.get("/report")
def report() -> str:
    """Show what became of the cards."""
    answers = _shelf().answers
    counted = build_report(answers) if answers else None
    titles = {rule.id: rule.title for rule in _shelf().book.rules}
    return render_template(
        "workbench/report.html", report=counted, reasons=displays(), titles=titles
    )


def _shelf() -> Shelf:
    return cast(Shelf, current_app.extensions[EXTENSION])


def _key() -> str:
    if fixture := request.args.get("fixture"):
        return f"fixture/{fixture}"
    return f"patient/{request.args.get('patient') or next(iter(stories()))}"


def _scene(key: str) -> Scene:
    try:
        return scene(key)
    except UnknownScene:
        raise from_status(HTTPStatus.NOT_FOUND) from None


def _object(value: object) -> Json:
    """Return the object that was sent; anything else is not from our script."""
    if isinstance(value, dict):
        return value
    if value is None:
        return {}
    raise BadRequest(Issue("This is not what the script of the workbench sends."))


def _form(fields: Mapping[str, object]) -> Form:
    form = Form.of(fields)
    if wrong := orders.mistakes(form):
        raise BadRequest(*map(Issue, wrong))
    return form


def _with_form(drafts: Iterable[Resource], form: Form, shown: Scene) -> list[Resource]:
    """Return the drafts with the one that the form describes in its place, or at the end."""
    made = orders.draft_of(form, shown.patient, shown.today.isoformat())
    changed: list[Resource | None] = [
        made if draft.get("id") == form.id else draft for draft in drafts
    ]
    if made and made not in changed:
        changed.append(made)
    return [draft for draft in changed if draft is not None]


def _start(shown: Scene, draft: Resource | None, current: str) -> Json:
    reasons = _reasons(shown)
    return {
        "key": shown.key,
        "hook": shown.hook,
        "drafts": list(shown.drafts),
        "current": current,
        "form": orders.form_of(draft) if draft else None,
        "reason": reasons[0][0] if reasons else "",
        "urls": {
            "request": url_for("workbench.made_request"),
            "answer": url_for("workbench.shown_answer"),
            "drugs": url_for("workbench.drug_names"),
        },
    }


def _reasons(shown: Scene) -> list[tuple[str, str]]:
    """Return the conditions that an order may be for: back pain is what this is about."""
    found = [
        (event.resource, event.label)
        for event in events(shown.resources, (), shown.today)
        if event.group == "Conditions"
    ]
    return sorted(found, key=lambda one: "back" not in one[1].lower())


def _drawn(shown: Scene, drafts: Iterable[Resource]) -> Mapping[str, object]:
    found = events(shown.resources, drafts, shown.today)
    return {
        "shown": found,
        "wide": timeline.picture(found, shown.today, timeline.WIDE),
        "narrow": timeline.picture(found, shown.today, timeline.NARROW),
    }


def _listed(drafts: Iterable[Resource], current: str) -> Mapping[str, object]:
    listed = [
        {
            "id": string(draft.get("id")),
            "reference": reference_of(draft),
            "name": orders.short_name(draft),
            "sentence": orders.sentence(draft),
        }
        for draft in drafts
    ]
    return {"drafts": listed, "current": current}


def _problem(answer: Json) -> str:
    """Return why the service refused, in its own words."""
    return " ".join(
        said
        for issue in objects(answer.get("issue"))
        for value in (first_object(issue.get("details")).get("text"), issue.get("diagnostics"))
        if (said := string(value))
    )
