"""The rule that asks for care without drugs beside the first drug for chronic back pain."""

from collections.abc import Callable, Mapping
from typing import Final

from cards import maintenance, oud
from cards.case import WILL_BE_TAKEN, Case
from cards.chart import Fires, Silent, Verdict
from cards.medications import systemic
from cards.nonpharmacologic import MODALITIES, CareState
from cards.oud import ProductClass
from cards.procedures import has_opioid_use_disorder, not_for_back_pain

# Where care without drugs is read from: without these, "none" is not known.
_WHERE_CARE_STANDS: Final = frozenset({"procedures", "serviceRequests"})


def nonpharmacologic_care_missing(case: Case) -> Verdict:
    """Note that a drug is begun for chronic back pain and nothing beside drugs is on record."""
    silence = (
        _is_no_start_of_a_drug(case)
        or not_for_back_pain(case)
        or ("" if case.view.acuity.chronic else "not-chronic")
        or ("cancer-or-palliative" if case.view.exemption else "")
        or _care(case)
    )
    if silence:
        return Silent(silence)
    notes = ("opioid-use-disorder",) if has_opioid_use_disorder(case) else ()
    return Fires("none-on-record", case.view.back_pain, notes=notes)


def _is_no_start_of_a_drug(case: Case) -> str:
    """Name why the order begins no treatment of the whole body at home, or return ""."""
    if not systemic(case.use):
        return "acts-locally"
    if _treats_opioid_use_disorder(case):
        return "for-opioid-use-disorder"
    if case.view.supervised:
        return "supervised"
    return "renewal" if case.view.renewal_of else ""


def _treats_opioid_use_disorder(case: Case) -> bool:
    if "buprenorphine" in case.drug.classes:
        return oud.product_class(case.use) is ProductClass.OUD
    return maintenance.is_treatment(case)


def _care(case: Case) -> str:
    """Name how far care without drugs has come, or return "" if there is none."""
    if _is_drafted(case):
        return "ordered-or-done"
    states = {trial.state for trial in case.history.nonpharmacologic.values()}
    if states - {CareState.UNTRIED, CareState.DECLINED}:
        return "ordered-or-done"
    if CareState.DECLINED in states:
        return "declined"
    return "record-incomplete" if case.chart.missing & _WHERE_CARE_STANDS else ""


def _is_drafted(case: Case) -> bool:
    return any(
        order.service and order.classes & MODALITIES and order.status in WILL_BE_TAKEN
        for order in case.chart.drafts
    )


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "nonpharmacologic-care-missing": nonpharmacologic_care_missing,
}
