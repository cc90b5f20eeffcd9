"""What is kept of a call: the cards issued and, when it comes, the feedback on them."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from service.card_writer import CardWriter
from service.clients import Client
from service.errors import Issue, ServiceError
from service.feedback import FeedbackBatch
from service.response import EVALUATION, Answered
from service.store import Delivery, IssuedCard, StorageUnavailable, Store

log = logging.getLogger("back_pain_cds")


class NothingStored(ServiceError):
    """The service was set up to keep nothing."""

    status = HTTPStatus.NOT_IMPLEMENTED
    code = "not-supported"

    def __init__(self) -> None:
        super().__init__(Issue("This service keeps no feedback."))


class Records:
    """The database as the views see it; while it is away, advice is given all the same."""

    def __init__(
        self,
        store: Store,
        watch: Callable[[int, int], None] = lambda _waiting, _dropped: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self._writer = CardWriter(self, watch)
        self._now = now
        self._prepared = False

    def prepare(self) -> None:
        """Create or migrate the tables, or say that it has to wait for the database."""
        try:
            self._upgrade()
        except StorageUnavailable as error:
            log.warning("database_unavailable fault=%s", error.fault)
        finally:
            self._store.close()  # a connection must not be carried into a forked worker

    def check(self) -> None:
        """Raise StorageUnavailable unless the database can be used now."""
        self._upgrade()
        self._store.check()

    def keep_cards(self, answered: Answered, body: Mapping[str, Any], client: Client) -> None:
        """Have the cards of an answer stored, soon."""
        if answered.plans:
            self._writer.put(list(self._issued(answered, body, client)))

    def record_cards(self, issued: Sequence[IssuedCard]) -> None:
        """Store cards, in a database that may have come only now."""
        self._upgrade()
        self._store.record_cards(issued)

    def keep_feedback(self, batch: FeedbackBatch, service: str, client: Client) -> None:
        """Store the feedback, durably; raise StorageUnavailable when that is not possible."""
        self._upgrade()
        delivery = Delivery(
            service=service,
            client=client.name,
            tenant=client.tenant or "",
            received_at=self._now(),
        )
        self._store.record_feedback(batch.items, delivery)

    def close(self) -> None:
        """Store what waits, and close the connections."""
        self._writer.stop()
        self._store.close()

    def _upgrade(self) -> None:
        if not self._prepared:
            self._store.upgrade()
            self._prepared = True

    def _issued(
        self, answered: Answered, body: Mapping[str, Any], client: Client
    ) -> Iterator[IssuedCard]:
        request = answered.request
        tenant = client.tenant or ""
        patient = self._store.patient_key(client.name, tenant, request.patient_id)
        rulebook = body["extension"][EVALUATION]["rulebook"]
        now = self._now()
        for plan, card in zip(answered.plans, body["cards"], strict=True):
            headline = plan.headline
            yield IssuedCard(
                uuid=card["uuid"],
                rule=headline.rule.id,
                outcome=headline.outcome.name,
                indicator=headline.indicator.value,
                service=request.service.id,
                hook_instance=request.instance,
                rulebook_version=rulebook,
                client=client.name,
                tenant=tenant,
                issued_at=now,
                patient_key=patient,
                suggestions=tuple(made["uuid"] for made in card.get("suggestions", ())),
                findings=tuple(
                    (finding.rule.id, finding.outcome.name, finding.indicator.value)
                    for finding in plan.findings
                ),
            )
