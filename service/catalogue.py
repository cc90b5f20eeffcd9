"""The CDS services offered: id, hook, title, what they ask to be prefetched."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cards import terms
from service.errors import Issue, UnknownService

# Of CDS Hooks. 2.0.1 is what every client reads; the field itself came with 3.0.
PROTOCOL_VERSION = "2.0.1"

# What rules read of the laboratory and the questionnaires. Weight and blood pressure are left
# out: measured every hour, they would fill the page, and eGFR mostly serves in their place.
_OBSERVATIONS = (
    *("egfr", "creatinine", "alt", "ast", "pregnancy", "pain-score", "peg", "start-back"),
    *("phq-2", "phq-9", "gad-7", "risk-screen"),
)


def _history(resource_type: str) -> str:
    # A default page is often 20, and some clients do not follow the links to the next.
    return f"{resource_type}?patient={{{{context.patientId}}}}&_count=200"


def _observations() -> str:
    codes = (code for name in _OBSERVATIONS for code in terms.codes(name)["loinc"])
    return _history("Observation") + "&code=" + ",".join(f"http://loinc.org|{c}" for c in codes)


# Only what CDS Hooks 2.0 clients resolve: one context token, no date, no _sort, no _include.
# All statuses are asked for: stopped medicines and past problems are what rules look at.
# Without an encounter the path cannot be resolved, and clients leave the key out.
PREFETCH: Mapping[str, str] = MappingProxyType(
    {
        "patient": "Patient/{{context.patientId}}",
        "encounter": "Encounter/{{context.encounterId}}",
        "conditions": _history("Condition"),
        "medicationRequests": _history("MedicationRequest"),
        "medicationStatements": _history("MedicationStatement"),
        "allergies": _history("AllergyIntolerance"),
        "procedures": _history("Procedure"),
        "serviceRequests": _history("ServiceRequest"),
        "observations": _observations(),
    }
)

_USAGE = (
    "FHIR R4; DSTU2 and STU3 orders are read too. Send every prefetch key that can be had: "
    "a key that is not sent counts as unknown, never as none, and is named in the answer. "
    "Each card says whether a clinician has reviewed its rule."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDefinition:
    """One entry of the discovery document."""

    id: str
    hook: str
    title: str
    description: str
    usage_requirements: str = _USAGE
    prefetch: Mapping[str, str] = field(default_factory=lambda: PREFETCH)

    def entry(self) -> dict[str, object]:
        """Return the entry as JSON, the prefetch keys in their order."""
        return {
            "hook": self.hook,
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "usageRequirements": self.usage_requirements,
            "version": PROTOCOL_VERSION,
            "prefetch": dict(self.prefetch),
        }


# One id a hook: some clients key services by their address.
SERVICES = (
    ServiceDefinition(
        id="back-pain-patient-view",
        hook="patient-view",
        title="Back pain: treatment overview",
        description=(
            "Shows, when a chart is opened, which steps of back-pain treatment are on record "
            "and which are missing."
        ),
    ),
    ServiceDefinition(
        id="back-pain-order-select",
        hook="order-select",
        title="Back pain: orders being chosen",
        description=(
            "Checks the selected orders for back pain against the patient's medicines, "
            "problems and earlier treatment, and offers alternatives."
        ),
    ),
    ServiceDefinition(
        id="back-pain-order-sign",
        hook="order-sign",
        title="Back pain: orders being signed",
        description=(
            "Checks all orders about to be signed for back pain: safety first, then whether "
            "they fit what was tried before."
        ),
    ),
)

HOOKS = frozenset(service.hook for service in SERVICES)

_BY_ID = {service.id: service for service in SERVICES}


def find(service_id: str) -> ServiceDefinition:
    """Return the service with this id; raise UnknownService when there is none."""
    try:
        return _BY_ID[service_id]
    except KeyError:
        raise UnknownService(
            Issue(
                "No CDS service has this id.",
                remedy="Use an id of GET /cds-services: " + ", ".join(_BY_ID) + ".",
            )
        ) from None


def discovery() -> dict[str, object]:
    """Return the discovery document."""
    return {"services": [service.entry() for service in SERVICES]}
