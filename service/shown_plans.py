"""Which care plans were shown lately, so that each opening of a chart does not repeat them."""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import replace
from datetime import date

from cards.evaluation import Silence
from cards.policy import PLAN, CardPlan
from service.clients import Client
from service.response import Answered, detail, summary

SHOWN_LATELY = "shown-lately"
MOST = 100_000  # of a worker; a key takes about 300 bytes


class ShownPlans:
    """Remembers for ``days`` days what each user was shown of each patient; 0 days: nothing.

    Only keyed hashes are kept, in the memory of each worker, and their key ends with it. A call
    that is sent again gets the same answer again.
    """

    def __init__(self, days: int) -> None:
        self._days = days
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._shown: OrderedDict[bytes, tuple[date, str]] = OrderedDict()

    def without_repeats(self, answered: Answered, client: Client) -> Answered:
        """Return what is to be said, without a plan that this user has seen as it is."""
        plan = next((each for each in answered.plans if each.group == PLAN), None)
        if not self._days or plan is None or answered.request.user_id is None:
            return answered
        if not self._is_repeated(self._key(plan, answered, client), answered):
            return answered
        silence = Silence(plan.headline.rule.id, "", SHOWN_LATELY)
        said = answered.evaluation
        return replace(
            answered,
            plans=tuple(each for each in answered.plans if each is not plan),
            evaluation=replace(said, silences=(*said.silences, silence)),
        )

    def _is_repeated(self, key: bytes, answered: Answered) -> bool:
        today, call = answered.reading.chart.today, answered.request.instance
        with self._lock:
            shown_on, shown_at = self._shown.get(key, (date.min, ""))
            repeated = 0 <= (today - shown_on).days <= self._days and shown_at != call
            if not repeated:
                self._shown[key] = today, call
                self._shown.move_to_end(key)
                if len(self._shown) > MOST:
                    self._shown.popitem(last=False)
        return repeated

    def _key(self, plan: CardPlan, answered: Answered, client: Client) -> bytes:
        """Return the keyed hash of who was told what about whom."""
        request = answered.request
        told = (summary(plan), detail(plan, answered.reading.chart.missing))
        words = (client.name, request.user_id or "", request.patient_id, *told)
        message = "".join(f"{len(word)}:{word}" for word in words).encode(errors="replace")
        return hmac.digest(self._secret, message, hashlib.sha256)
