"""Opioid use disorder on record, what buprenorphine is for, and addiction medicine."""

from datetime import date

import pytest

from cards.chart import (
    Amount,
    Chart,
    Concept,
    Dosage,
    Drug,
    Encounter,
    Fact,
    Ingredient,
    MedicationUse,
    Order,
    Problem,
    Route,
    ServiceUse,
)
from cards.drugs import by_name
from cards.oud import (
    OpioidUseDisorder,
    OudStatus,
    ProductClass,
    addiction_consult,
    addiction_referral_placed,
    buprenorphine_uses,
    drafted_buprenorphine,
    opioid_use_disorder,
    product_class,
)
from cards.terms import title
from tests.records import TODAY, ago, concept

NAMED = title("opioid-use-disorder")
REMITTED = title("opioid-use-disorder-remission")


OUD = concept("opioid-use-disorder", code="F11.20")
REMISSION = concept("opioid-use-disorder-remission", code="F11.21")
OPIOID_USE = concept(code="F11.90")
LONG_TERM_OPIOIDS = concept(code="Z79.891")
BACK = concept("back-pain", code="M54.50")
ADDICTION = concept("addiction-medicine")


def problem(what: Concept, **fields: object) -> Problem:
    return Problem(reference="Condition/1", concept=what, **fields)  # type: ignore[arg-type]


def problems(*listed: Problem) -> Chart:
    return Chart(today=TODAY, problems=listed)


ON_RECORD = Fact("Condition/1", f"{NAMED} (F11.20), on record")
IN_REMISSION = Fact("Condition/1", f"{REMITTED} (F11.20), on record")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(
            problems(problem(OUD)), OpioidUseDisorder(OudStatus.ACTIVE, ON_RECORD), id="active"
        ),
        pytest.param(
            problems(problem(OUD, onset=date(1999, 1, 1))),
            OpioidUseDisorder(
                OudStatus.ACTIVE, Fact("Condition/1", f"{NAMED} (F11.20), since 1999-01-01")
            ),
            id="it does not expire",
        ),
        pytest.param(
            problems(problem(OUD, verification="provisional")),
            OpioidUseDisorder(OudStatus.ACTIVE, ON_RECORD, provisional=True),
            id="provisional",
        ),
        pytest.param(
            problems(problem(REMISSION)),
            OpioidUseDisorder(
                OudStatus.REMISSION, Fact("Condition/1", f"{REMITTED} (F11.21), on record")
            ),
            id="remission by code",
        ),
        pytest.param(
            problems(problem(OUD, clinical="remission")),
            OpioidUseDisorder(OudStatus.REMISSION, IN_REMISSION),
            id="remission by status",
        ),
        pytest.param(
            problems(problem(OUD, clinical="resolved")),
            OpioidUseDisorder(OudStatus.REMISSION, IN_REMISSION),
            id="resolved",
        ),
        pytest.param(
            problems(problem(OUD, clinical="inactive")),
            OpioidUseDisorder(OudStatus.REMISSION, IN_REMISSION),
            id="inactive",
        ),
        pytest.param(
            problems(problem(OUD, abated=ago(400))),
            OpioidUseDisorder(OudStatus.REMISSION, IN_REMISSION),
            id="abated",
        ),
        pytest.param(
            problems(problem(OUD, clinical="relapse", abated=ago(400))),
            OpioidUseDisorder(OudStatus.ACTIVE, ON_RECORD),
            id="relapse",
        ),
        pytest.param(
            problems(problem(REMISSION), problem(OUD)),
            OpioidUseDisorder(OudStatus.ACTIVE, ON_RECORD),
            id="active outranks remission",
        ),
        pytest.param(
            problems(problem(OUD, verification="provisional"), problem(OUD)),
            OpioidUseDisorder(OudStatus.ACTIVE, ON_RECORD),
            id="confirmed outranks provisional",
        ),
        pytest.param(
            problems(problem(OUD, verification="refuted")), OpioidUseDisorder(), id="refuted"
        ),
        pytest.param(
            problems(problem(REMISSION, verification="entered-in-error")),
            OpioidUseDisorder(),
            id="in error",
        ),
        pytest.param(problems(problem(OPIOID_USE)), OpioidUseDisorder(), id="use unspecified"),
        pytest.param(
            problems(problem(LONG_TERM_OPIOIDS)), OpioidUseDisorder(), id="long-term opioids"
        ),
        pytest.param(
            problems(problem(concept("opioid-overdose"))), OpioidUseDisorder(), id="overdose"
        ),
        pytest.param(problems(), OpioidUseDisorder(), id="no problems"),
    ],
)
def test_record_of_opioid_use_disorder(record: Chart, expected: OpioidUseDisorder) -> None:
    assert opioid_use_disorder(record) == expected


def test_status_says_whether_the_disorder_is_on_record() -> None:
    on_record = [status for status in OudStatus if OpioidUseDisorder(status).on_record]

    assert on_record == [OudStatus.ACTIVE, OudStatus.REMISSION]


def buprenorphine(mg: float | None = None, *, naloxone: bool = False, **fields: object) -> Drug:
    ingredients = (Ingredient("buprenorphine", mg), *([Ingredient("naloxone")] * naloxone))
    classes = frozenset({"buprenorphine"})
    return Drug("buprenorphine", "buprenorphine", ingredients, classes, **fields)  # type: ignore[arg-type]


def methadone() -> Drug:
    return Drug(
        "methadone",
        "methadone",
        (Ingredient("methadone", 10),),
        frozenset({"opioid-full-agonist"}),
    )


FILM = buprenorphine(8, naloxone=True, form="film", route=Route.SUBLINGUAL)
PATCH = buprenorphine(0.01, form="patch", route=Route.TRANSDERMAL)


def use(drug: Drug, *reasons: Concept, **fields: object) -> MedicationUse:
    return MedicationUse(
        reference="MedicationRequest/1",
        drug=drug,
        reasons=reasons,
        **fields,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        pytest.param(use(FILM), ProductClass.OUD, id="film with naloxone"),
        pytest.param(
            use(buprenorphine(8, form="tablet", route=Route.SUBLINGUAL)),
            ProductClass.OUD,
            id="sublingual tablet",
        ),
        pytest.param(
            use(buprenorphine(2, form="tablet", route=Route.SUBLINGUAL)),
            ProductClass.OUD,
            id="least sublingual strength",
        ),
        pytest.param(
            use(buprenorphine(0.4, form="tablet", route=Route.SUBLINGUAL)),
            ProductClass.UNKNOWN,
            id="sublingual micrograms",
        ),
        pytest.param(
            use(buprenorphine(route=Route.SUBLINGUAL)),
            ProductClass.OUD,
            id="sublingual, strength not said",
        ),
        pytest.param(
            use(buprenorphine(1.4, naloxone=True)),
            ProductClass.OUD,
            id="naloxone, low strength",
        ),
        pytest.param(use(buprenorphine(brand="Zubsolv")), ProductClass.OUD, id="Zubsolv"),
        pytest.param(use(buprenorphine(brand="Sublocade")), ProductClass.OUD, id="Sublocade"),
        pytest.param(use(buprenorphine(brand="BRIXADI")), ProductClass.OUD, id="Brixadi"),
        pytest.param(
            use(buprenorphine(200, route=Route.SUBCUTANEOUS)), ProductClass.OUD, id="depot"
        ),
        pytest.param(
            use(buprenorphine(route=Route.INJECTION, extended=True)),
            ProductClass.OUD,
            id="depot, strength not said",
        ),
        pytest.param(use(buprenorphine(74, form="implant")), ProductClass.OUD, id="implant"),
        pytest.param(use(PATCH), ProductClass.PAIN, id="patch"),
        pytest.param(use(buprenorphine(brand="Butrans")), ProductClass.PAIN, id="Butrans"),
        pytest.param(use(buprenorphine(brand="Belbuca")), ProductClass.PAIN, id="Belbuca"),
        pytest.param(
            use(buprenorphine(0.3, form="film", route=Route.BUCCAL)),
            ProductClass.PAIN,
            id="buccal micrograms",
        ),
        pytest.param(
            use(buprenorphine(0.3, route=Route.INJECTION)), ProductClass.PAIN, id="ampoule"
        ),
        pytest.param(use(buprenorphine()), ProductClass.UNKNOWN, id="no form, no strength"),
        pytest.param(
            use(buprenorphine(), dosages=(Dosage(amount=Amount(8, 8, "mg")),)),
            ProductClass.OUD,
            id="strength from the dose",
        ),
        pytest.param(
            use(buprenorphine(), dosages=(Dosage(amount=Amount(1, 1, "film")),)),
            ProductClass.UNKNOWN,
            id="dose in films",
        ),
        pytest.param(
            use(buprenorphine(), dosages=(Dosage(text="as directed"),)),
            ProductClass.UNKNOWN,
            id="no dose",
        ),
        pytest.param(use(PATCH, OUD), ProductClass.OUD, id="patch for the disorder"),
        pytest.param(use(PATCH, REMISSION), ProductClass.OUD, id="patch for remission"),
        pytest.param(use(FILM, BACK), ProductClass.PAIN, id="film for back pain"),
        pytest.param(
            use(FILM, concept(text="Chronic pain")), ProductClass.PAIN, id="film for pain, text"
        ),
        pytest.param(use(FILM, BACK, OUD), ProductClass.OUD, id="film for both"),
        pytest.param(
            use(FILM, concept(text="painting")), ProductClass.OUD, id="a word like pain"
        ),
    ],
)
def test_reason_then_product_tells_what_buprenorphine_is_for(
    taken: MedicationUse, expected: ProductClass
) -> None:
    assert product_class(taken) is expected


def test_buprenorphine_in_use_is_found() -> None:
    current = use(FILM, started=ago(200), written=ago(10))
    stopped = use(FILM, status="stopped", started=ago(900), ended=ago(700))
    other = use(methadone(), started=ago(10))
    record = Chart(today=TODAY, medications=(stopped, other, current))

    found = buprenorphine_uses(record)

    assert [(one.use, one.product) for one in found] == [(current, ProductClass.OUD)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, [ProductClass.OUD], id="draft"),
        pytest.param({"status": "active"}, [ProductClass.OUD], id="signed again"),
        pytest.param({"status": "stopped"}, [], id="stopped"),
        pytest.param({"status": "entered-in-error"}, [], id="in error"),
        pytest.param({"do_not_perform": True}, [], id="not to be done"),
    ],
)
def test_drafted_buprenorphine_is_kept_apart(
    fields: dict[str, object], expected: list[ProductClass]
) -> None:
    drafted = Order(reference="MedicationRequest/1", medication=use(FILM), **fields)  # type: ignore[arg-type]
    record = Chart(today=TODAY, drafts=(drafted,))

    assert [one.product for one in drafted_buprenorphine(record)] == expected
    assert buprenorphine_uses(record) == ()


def test_drafted_methadone_is_no_buprenorphine() -> None:
    drafted = Order(reference="MedicationRequest/1", medication=use(methadone()))

    assert drafted_buprenorphine(Chart(today=TODAY, drafts=(drafted,))) == ()


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        pytest.param(OUD, OudStatus.ACTIVE, id="for the disorder"),
        pytest.param(REMISSION, OudStatus.ACTIVE, id="for the disorder in remission"),
        pytest.param(BACK, OudStatus.NONE, id="for pain"),
    ],
)
def test_methadone_says_what_its_reason_says(reason: Concept, expected: OudStatus) -> None:
    taken = use(methadone(), reason, started=ago(10), written=ago(10))

    assert opioid_use_disorder(Chart(today=TODAY, medications=(taken,))).status is expected


def service(what: Concept, **fields: object) -> ServiceUse:
    return ServiceUse(reference="ServiceRequest/1", concept=what, **fields)  # type: ignore[arg-type]


def services(*listed: ServiceUse) -> Chart:
    return Chart(today=TODAY, services=listed)


def test_treatment_programme_is_a_fact_with_its_day() -> None:
    programme = service(
        concept("opioid-treatment-programme"), status="active", started=ago(21), written=ago(30)
    )

    assert opioid_use_disorder(services(programme)).fact == Fact(
        "ServiceRequest/1", f"{title('opioid-treatment-programme')}, 2026-02-09"
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [("active", OudStatus.ACTIVE), ("revoked", OudStatus.NONE), ("completed", OudStatus.NONE)],
)
def test_treatment_programme_under_way_is_active_disorder(
    status: str, expected: OudStatus
) -> None:
    programme = service(concept("opioid-treatment-programme"), status=status)

    assert opioid_use_disorder(services(programme)).status is expected


def visit(*kinds: Concept, **fields: object) -> Chart:
    met = Encounter(reference="Encounter/1", kinds=kinds, **fields)  # type: ignore[arg-type]
    return Chart(today=TODAY, encounters=(met,))


CONSULTED = Fact("ServiceRequest/1", "addiction-medicine consultation, 2026-02-09")
VISITED = Fact("Encounter/1", "addiction-medicine visit, 2026-02-09")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(
            services(service(ADDICTION, status="completed", ended=ago(21))),
            CONSULTED,
            id="completed",
        ),
        pytest.param(
            services(service(ADDICTION, status="completed", ended=ago(91))), None, id="long ago"
        ),
        pytest.param(
            services(service(ADDICTION, status="completed")), None, id="completed, undated"
        ),
        pytest.param(
            services(service(ADDICTION, status="active", written=ago(21))), None, id="ordered"
        ),
        pytest.param(
            services(service(concept("pain-specialist"), status="completed", ended=ago(21))),
            None,
            id="another specialty",
        ),
        pytest.param(
            services(service(ADDICTION, kind="team")),
            Fact("ServiceRequest/1", "addiction medicine on the care team"),
            id="care team",
        ),
        pytest.param(
            services(service(ADDICTION, kind="team", status="inactive")), None, id="past team"
        ),
        pytest.param(visit(ADDICTION, status="finished", started=ago(21)), VISITED, id="visit"),
        pytest.param(
            visit(ADDICTION, status="cancelled", started=ago(21)), None, id="visit cancelled"
        ),
        pytest.param(
            visit(ADDICTION, status="finished", started=ago(200)), None, id="visit long ago"
        ),
        pytest.param(visit(ADDICTION, current=True, started=ago(21)), VISITED, id="this visit"),
        pytest.param(visit(BACK, status="finished", started=ago(21)), None, id="other visit"),
        pytest.param(
            Chart(today=TODAY, user_specialties=frozenset({"addiction-medicine"})),
            Fact("", "the ordering clinician practices addiction medicine"),
            id="the user's specialty",
        ),
        pytest.param(Chart(today=TODAY), None, id="nothing"),
    ],
)
def test_addiction_consult_is_documented(record: Chart, expected: Fact | None) -> None:
    assert addiction_consult(record) == expected


PLACED = Fact("ServiceRequest/1", "addiction-medicine referral placed, 2026-02-09")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"status": "active", "written": ago(21)}, PLACED, id="ordered"),
        pytest.param(
            {"status": "booked", "kind": "appointment", "written": ago(21)}, PLACED, id="booked"
        ),
        pytest.param(
            {"status": "active"},
            Fact("ServiceRequest/1", "addiction-medicine referral placed"),
            id="undated",
        ),
        pytest.param({"status": "active", "written": ago(200)}, None, id="long ago"),
        pytest.param({"status": "completed", "written": ago(21)}, None, id="completed"),
        pytest.param({"status": "revoked", "written": ago(21)}, None, id="revoked"),
        pytest.param({"status": "active", "kind": "team"}, None, id="care team"),
    ],
)
def test_addiction_referral_is_placed(fields: dict[str, object], expected: Fact | None) -> None:
    assert addiction_referral_placed(services(service(ADDICTION, **fields))) == expected


def test_drafted_referral_is_placed() -> None:
    drafted = service(ADDICTION, status="draft", written=ago(21))
    order = Order(reference="ServiceRequest/1", service=drafted)

    assert addiction_referral_placed(Chart(today=TODAY, drafts=(order,))) == PLACED


def seen_for(*reasons: Concept) -> Chart:
    visit = Encounter(reference="Encounter/1", current=True, reasons=reasons)
    return Chart(today=TODAY, encounters=(visit,))


def test_disorder_that_is_only_the_reason_for_the_visit_is_one() -> None:
    assert opioid_use_disorder(seen_for(BACK, OUD)) == OpioidUseDisorder(
        OudStatus.ACTIVE, Fact("Encounter/1", f"{NAMED}, the reason for this visit")
    )
    assert opioid_use_disorder(seen_for(REMISSION)).status is OudStatus.REMISSION
    assert opioid_use_disorder(seen_for(BACK)).status is OudStatus.NONE


def test_disorder_that_is_only_suspected_in_words_is_provisional() -> None:
    suspected = Concept(text="possible OUD", terms=frozenset({"opioid-use-disorder"}))
    listed = Problem(reference="Condition/1", concept=suspected, clinical="active")

    assert opioid_use_disorder(seen_for(suspected)).provisional
    assert opioid_use_disorder(Chart(today=TODAY, problems=(listed,))).provisional


@pytest.mark.parametrize(
    ("sig", "expected"),
    [
        ("90 mg by mouth daily for opioid use disorder", OudStatus.ACTIVE),
        ("80 mg daily from methadone clinic", OudStatus.ACTIVE),
        ("90 mg daily, dispensed at OTP", OudStatus.ACTIVE),
        ("10 mg three times a day for pain", OudStatus.NONE),
    ],
)
def test_methadone_tells_of_the_disorder_in_its_instructions(
    sig: str, expected: OudStatus
) -> None:
    drug = by_name("methadone hydrochloride 10 mg oral tablet")
    assert drug
    use = MedicationUse(
        reference="MedicationStatement/1", drug=drug, dosages=(Dosage(text=sig),)
    )

    assert opioid_use_disorder(Chart(today=TODAY, medications=(use,))).status is expected
