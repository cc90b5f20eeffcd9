"""Ordered services have a name of our own, found by code, by term or by the words used."""

import pytest

from cards.chart import Code, Concept, Order, ServiceUse
from cards.service_labels import CT, MRI, X_RAY, imaging_method, service_label
from cards.terms import codes, concept


@pytest.mark.parametrize(
    ("code", "text", "label"),
    [
        (Code("cpt", "72148"), "", "lumbar spine MRI"),
        (Code("cpt", "72100"), "XRAY L-SPINE 2V", "lumbar spine X-ray"),
        (Code("cpt", "72128"), "", "thoracic spine CT"),
        (Code("cpt", "72080"), "", "thoracolumbar spine X-ray"),
        (Code("snomed", "241577003"), "", "whole spine CT"),
        (Code("loinc", "24968-0"), "MR Lumbar spine WO contrast", "lumbar spine MRI"),
        (Code("loinc", "24968-0"), "", "spine imaging"),
        (None, "MRI L-spine w/o contrast, STAT", "lumbar spine MRI"),
        (None, "CT thoracic spine", "thoracic spine CT"),
        (None, "X-ray thoracolumbar spine", "thoracolumbar spine X-ray"),
        (None, "MRI lumbar and thoracic spine", "spine MRI"),
        (None, "TENS unit", "TENS"),
        (Code("hcpcs", "L0625"), "", "lumbar support"),
        (Code("cpt", "62323"), "Lumbar ESI", "epidural steroid injection"),
        (None, "strict bed rest", "bed rest"),
        (None, "Interventional pain consult, RFA evaluation", "radiofrequency ablation"),
        (None, "Acupuncture", "acupuncture"),
        (None, "wash the windows", "this order"),
    ],
)
def test_a_service_is_named_in_our_own_words(code: Code | None, text: str, label: str) -> None:
    assert service_label(concept((code,) if code else (), text)) == label


@pytest.mark.parametrize(
    ("text", "method"),
    [
        ("MRI lumbar spine", MRI),
        ("CT lumbar spine", CT),
        ("lumbar spine x-ray", X_RAY),
        ("imaging of the lumbar spine", ""),
    ],
)
def test_the_method_is_read_from_the_words(text: str, method: str) -> None:
    assert imaging_method(concept((), text)) == method


def test_every_coded_study_of_snomed_tells_its_method() -> None:
    known = codes("spine-imaging")["snomed"]

    assert not [c for c in known if not imaging_method(Concept((Code("snomed", c),)))]


def test_an_order_is_called_what_its_service_is_called() -> None:
    use = ServiceUse(reference="ServiceRequest/1", concept=Concept(), label="lumbar spine MRI")

    assert Order(reference="ServiceRequest/1", service=use).label == "lumbar spine MRI"
