"""Which care plans were shown lately, so that each opening of a chart does not repeat them."""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from dataclasses import replace
from datetime import date

from cards.card_text import detail, summary
from cards.evaluation import Silence
from cards.policy import PLAN, CardPlan
from service.clients import Client
from service.response import Answered

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
        plan = self._plan(answered)
        if plan is None or not self._was_shown(self._key(plan, answered, client), answered):
            return answered
        silence = Silence(plan.headline.rule.id, "", SHOWN_LATELY)
        said = answered.evaluation
        return replace(
            answered,
            plans=tuple(each for each in answered.plans if each is not plan),
            evaluation=replace(said, silences=(*said.silences, silence)),
        )

    def remember(self, answered: Answered, client: Client) -> None:
        """Note the plan of an answer that is about to go out."""
        plan = self._plan(answered)
        if plan is None:
            return
        key = self._key(plan, answered, client)
        with self._lock:
            self._shown[key] = answered.reading.chart.today, answered.request.instance
            self._shown.move_to_end(key)
            if len(self._shown) > MOST:
                self._shown.popitem(last=False)

    def _plan(self, answered: Answered) -> CardPlan | None:
        """Return the plan that this is about; none when nobody is known to be shown it."""
        if not self._days or answered.request.user_id is None:
            return None
        return next((each for each in answered.plans if each.group == PLAN), None)

    def _was_shown(self, key: bytes, answered: Answered) -> bool:
        with self._lock:
            shown_on, shown_at = self._shown.get(key, (date.min, ""))
        days = (answered.reading.chart.today - shown_on).days
        return 0 <= days <= self._days and shown_at != answered.request.instance

    def _key(self, plan: CardPlan, answered: Answered, client: Client) -> bytes:
        """Return the keyed hash of who was told what about whom."""
        request = answered.request
        told = (summary(plan), detail(plan, answered.reading.chart.missing))
        who = (client.name, client.tenant or "", request.user_id or "", request.patient_id)
        words = (*who, *told)
        message = "".join(f"{len(word)}:{word}" for word in words).encode(errors="replace")
        return hmac.digest(self._secret, message, hashlib.sha256)
