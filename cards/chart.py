"""The nouns a rule may use: the patient's chart, the orders on screen, what a rule answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple


class Code(NamedTuple):
    """One code in one code system.

    ``system`` is a short name: ``rxnorm``, ``ndc``, ``snomed``, ``icd10cm``, ``icd9cm``,
    ``loinc``, ``cpt``, ``hcpcs``; any other system keeps its URL.
    """

    system: str
    value: str


class Route(StrEnum):
    """How a medicine gets into the body, as far as the order or the product says."""

    ORAL = "oral"
    SUBLINGUAL = "sublingual"
    BUCCAL = "buccal"
    INTRAVENOUS = "intravenous"
    INTRAMUSCULAR = "intramuscular"
    SUBCUTANEOUS = "subcutaneous"
    INJECTION = "injection"  # the product is injectable; where to is not said
    TRANSDERMAL = "transdermal"
    TOPICAL = "topical"
    INHALED = "inhaled"
    NASAL = "nasal"
    OPHTHALMIC = "ophthalmic"
    OTIC = "otic"
    RECTAL = "rectal"
    VAGINAL = "vaginal"
    INTRA_ARTICULAR = "intra-articular"
    EPIDURAL = "epidural"
    INTRATHECAL = "intrathecal"
    PERINEURAL = "perineural"
    IMPLANT = "implant"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Concept:
    """What a coded or free-text field says, and which of our named sets it falls into.

    ``text`` came from the client: it is for matching, never for showing.
    """

    codes: tuple[Code, ...] = ()
    text: str = ""
    terms: frozenset[str] = frozenset()


class Identified(StrEnum):
    """How a drug was recognised, from the surest way to the least sure."""

    CODE = "code"  # an RxNorm code of our table
    NDC = "ndc"
    NAME = "name"  # an RxNorm-like name was taken apart
    TEXT = "text"  # a generic or brand name stands in free text


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One active ingredient; ``mg`` per ``unit``, ``mL``, ``h``, ``actuation`` or ``g``."""

    name: str  # RxNorm ingredient name, lower case, base and not salt: "oxycodone"
    mg: float | None = None
    per: str = "unit"


@dataclass(frozen=True, slots=True)
class Drug:
    """A medicine as our table knows it; nothing in it came from the client."""

    name: str  # "oxycodone hydrochloride 5 MG Oral Tablet"
    label: str  # short, for a card's summary: "oxycodone 5 mg"
    ingredients: tuple[Ingredient, ...]
    classes: frozenset[str]  # names of cards/classes.toml
    code: str = ""  # the RxCUI or NDC it was found by
    route: Route = Route.UNKNOWN  # the only route of the product, if it has one
    form: str = ""  # "tablet", "capsule", "film", "patch", "solution", "injection", ...
    extended: bool = False  # extended release or long acting
    pack: bool = False  # a taper or dose pack: no dose arithmetic
    brand: str = ""
    identified: Identified = Identified.CODE
    doubt: str = ""  # set when code and text contradict each other
    ingredient_names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = frozenset(ingredient.name for ingredient in self.ingredients)
        object.__setattr__(self, "ingredient_names", names)  # asked for at every turn


@dataclass(frozen=True, slots=True)
class Amount:
    """A quantity or a range of one; ``low == high`` when it is a single number."""

    low: float
    high: float
    unit: str = ""  # lower case, as our reading normalises it: "tablet", "mg", "mcg", "ml", ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dosage:
    """One dosage instruction, its timing already brought to a day."""

    text: str = ""
    route: Route = Route.UNKNOWN
    amount: Amount | None = None  # at one time
    times_per_day: Amount | None = None  # unit ""
    as_needed: bool = False
    max_per_day: Amount | None = None  # of maxDosePerPeriod
    once: bool = False  # given one time only
    days: float | None = None  # how long this instruction lasts (boundsDuration or period)
    sequence: int | None = None  # instructions of different numbers follow one another


@dataclass(frozen=True, slots=True, kw_only=True)
class MedicationUse:
    """A medicine drafted, ordered, dispensed, given or reported."""

    reference: str  # "MedicationStatement/7"
    drug: Drug
    status: str = "active"  # the FHIR code
    kind: str = "request"  # request | statement | dispense | administration
    route: Route = Route.UNKNOWN  # order's route, else text, else product's
    dosages: tuple[Dosage, ...] = ()
    supply_days: float | None = None  # expectedSupplyDuration
    quantity: Amount | None = None  # dispensed quantity
    refills: int = 0
    dispensed: bool = False  # a dispenseRequest or dispense is part of it
    written: date | None = None
    started: date | None = None
    ended: date | None = None
    reasons: tuple[Concept, ...] = ()
    status_reasons: tuple[Concept, ...] = ()
    notes: str = ""  # of the client: for matching, never for showing
    categories: frozenset[str] = frozenset()  # inpatient, outpatient, community, discharge
    encounter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUse:
    """A procedure, referral, device, plan activity or visit: ordered, done or drafted."""

    reference: str
    concept: Concept
    kind: str = "request"  # request | procedure | device | plan | appointment | team
    status: str = "active"
    written: date | None = None
    started: date | None = None
    ended: date | None = None
    outcomes: tuple[Concept, ...] = ()
    reasons: tuple[Concept, ...] = ()
    status_reasons: tuple[Concept, ...] = ()
    notes: str = ""
    visits: int | None = None
    label: str = "this order"  # our own words, for a card's summary: "lumbar spine MRI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order on the screen: a medication or a service, never both."""

    reference: str
    status: str = "draft"
    intent: str = "order"
    do_not_perform: bool = False
    medication: MedicationUse | None = None
    service: ServiceUse | None = None

    @property
    def classes(self) -> frozenset[str]:
        """What the order is, in the words that rules name under ``looks_at``."""
        if self.medication:
            return self.medication.drug.classes
        return self.service.concept.terms if self.service else frozenset()

    @property
    def label(self) -> str:
        """The order's name in our own words, short enough for a summary."""
        if self.medication:
            return self.medication.drug.label
        return self.service.label if self.service else "this order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A condition of the problem list or of an encounter."""

    reference: str
    concept: Concept
    clinical: str = "active"  # active, recurrence, relapse, inactive, remission, resolved
    verification: str = "confirmed"
    encounter_diagnosis: bool = False
    encounter: str = ""
    onset: date | None = None
    recorded: date | None = None
    abated: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A laboratory value or a score."""

    reference: str
    concept: Concept
    value: float | None = None
    unit: str = ""
    on: date | None = None
    text: str = ""  # a coded or textual value, for matching


@dataclass(frozen=True, slots=True, kw_only=True)
class Allergy:
    """A recorded allergy or intolerance to a drug."""

    reference: str
    drug: Drug
    intolerance: bool = False  # AllergyIntolerance.type, when it says so
    recorded: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    """A visit; ``current`` is the one this call belongs to."""

    reference: str
    class_code: str = ""  # AMB, EMER, IMP, ACUTE, OBSENC, ...
    status: str = ""
    current: bool = False
    reasons: tuple[Concept, ...] = ()
    kinds: tuple[Concept, ...] = ()
    started: date | None = None
    ended: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """What the rules need of the person, and no more."""

    born: date | None = None
    sex: str = ""
    deceased: bool = False


@dataclass(frozen=True, kw_only=True)  # no slots: what is worked out once is kept beside them
class Chart:
    """Everything read about one patient at this moment."""

    today: date
    patient: Patient = field(default_factory=Patient)
    drafts: tuple[Order, ...] = ()  # every order of the call, selected or not
    medications: tuple[MedicationUse, ...] = ()
    problems: tuple[Problem, ...] = ()
    services: tuple[ServiceUse, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    encounters: tuple[Encounter, ...] = ()
    user_specialties: frozenset[str] = frozenset()  # terms of the ordering user's roles
    missing: frozenset[str] = frozenset()  # prefetch keys that could not be had

    @cached_property
    def problems_by_term(self) -> Mapping[str, tuple[Problem, ...]]:
        """The problems of each named set, in the order of the chart."""
        found: dict[str, list[Problem]] = {}
        for problem in self.problems:
            for term in problem.concept.terms:
                found.setdefault(term, []).append(problem)
        return {term: tuple(problems) for term, problems in found.items()}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something on record that a finding rests on; ``text`` is in our own words."""

    resource: str
    text: str


@dataclass(frozen=True, slots=True)
class Fires:
    """Show the card of this outcome; ``words`` fill the ``{placeholders}`` of its text."""

    outcome: str
    facts: tuple[Fact, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # names of [notes] sentences that apply to this patient
    suggestions: tuple[str, ...] = ()  # of suggestions.toml, instead of the outcome's own


@dataclass(frozen=True, slots=True)
class Silent:
    """Show nothing, for a reason named under ``[silent]`` in the rule's file."""

    outcome: str


Verdict = Fires | Silent
