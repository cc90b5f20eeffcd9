"""Find known phrases in free text, and leave out what the text denies."""

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

Meaning = TypeVar("Meaning", bound=Hashable)

_WORD = re.compile(r"[a-z0-9]+|[.,;:!?\n]")
_PERCENT = re.compile(r"(\d{1,3})(?:\s*(?:-|to)\s*\d{1,3})?\s*(?:%|percent\b)")
_HALF = 50

# How many words a denial reaches. "No fever, chills or weight loss" denies a whole list;
# "not" denies what it stands by, and ends at a comma; "non" only the next word.
_LIST, _VERB, _PREFIX = 6, 4, 1
_DENIALS: Mapping[str, tuple[tuple[tuple[str, ...], int], ...]] = {
    "no": (((), _LIST),),
    "denies": (((), _LIST),),
    "denied": (((), _LIST),),
    "denying": (((), _LIST),),
    "without": (((), _LIST),),
    "w": ((("o",), _LIST),),
    "nor": (((), _LIST),),
    "neg": ((("for",), _LIST),),
    "negative": ((("for",), _LIST),),
    "absence": ((("of",), _LIST),),
    "ruled": ((("out",), _LIST),),
    "not": (((), _VERB),),
    "never": (((), _VERB),),
    "non": (((), _PREFIX),),
    # Somebody else's illness, or nobody's yet.
    "family": ((("history",), _LIST), (("hx",), _LIST)),
    "fhx": (((), _LIST),),
    "fh": (((), _LIST),),
    "mother": (((), _VERB),),
    "father": (((), _VERB),),
    "sister": (((), _VERB),),
    "brother": (((), _VERB),),
    "screening": ((("for",), _VERB),),
    "screen": ((("for",), _VERB),),
    "at": ((("risk", "for"), _VERB), (("risk", "of"), _VERB)),
}
_STOPS = frozenset(".;:!?\n")
_TURNS = frozenset(
    {"but", "however", "except", "although", "though", "because", "due", "yet", "now"}
)
_ENDS = _STOPS | _TURNS
_DENIED_AFTER = (("ruled", "out"), ("excluded",), ("absent",), ("unlikely",), (":", "negative"))
_DENYING = frozenset(_DENIALS) | {late[0] for late in _DENIED_AFTER}


def words(text: str) -> list[str]:
    """Return the words and stops of a text; a percentage becomes at least or under half."""
    text = text.lower().replace("'", "").replace("\N{RIGHT SINGLE QUOTATION MARK}", "")
    if "%" in text or "percent" in text:
        text = _PERCENT.sub(_half, text)
    return _WORD.findall(text)


def _half(match: re.Match[str]) -> str:
    return " atleasthalf " if int(match[1]) >= _HALF else " underhalf "


class PhraseBook(Generic[Meaning]):
    """Phrases and what each stands for, found by their first word."""

    def __init__(self, phrases: Iterable[tuple[str, Meaning]]) -> None:
        """Take pairs of a phrase and what it stands for."""
        self._by_first: dict[str, dict[int, dict[tuple[str, ...], list[Meaning]]]] = {}
        for phrase, meaning in phrases:
            key = tuple(words(phrase))
            by_length = self._by_first.setdefault(key[0], {})
            by_length.setdefault(len(key), {}).setdefault(key, []).append(meaning)

    def affirmed(self, tokens: Sequence[str]) -> set[Meaning]:
        """Return what the phrases in these words stand for, but for those denied there."""
        hits = self._hits(tokens)
        if hits and not _DENYING.isdisjoint(tokens):
            denied = _denied(tokens, [(start, end) for start, end, _ in hits])
            hits = [
                hit for hit in hits if not denied[hit[0]] and not _denied_after(tokens, hit[1])
            ]
        return {meaning for _, _, meanings in hits for meaning in meanings}

    def _hits(self, tokens: Sequence[str]) -> list[tuple[int, int, list[Meaning]]]:
        """Return where each phrase begins and ends, and what it stands for."""
        hits = []
        for start, token in enumerate(tokens):
            if by_length := self._by_first.get(token):
                for length, phrases in by_length.items():
                    end = start + length
                    if meanings := phrases.get(tuple(tokens[start:end])):
                        hits.append((start, end, meanings))
        return hits


def _denied(tokens: Sequence[str], spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Say of each word whether a denial before it reaches it."""
    denied, until, at_comma = [], 0, False
    ends = _ends(spans, len(tokens))
    for position, word in enumerate(tokens):
        denied.append(position < until)
        if word in _ENDS or (word == "," and at_comma):
            until = 0
        elif word in _DENIALS and (denial := _denial(tokens, position)):
            after, reach = denial
            # A denial that is part of a phrase ("no relief") ends with the phrase.
            until = max(until, ends[position] if ends[position] > after else after + reach)
            at_comma = reach != _LIST
    return denied


def _ends(spans: Iterable[tuple[int, int]], length: int) -> list[int]:
    """Return for each word where the longest of the phrases over it ends."""
    ends = [0] * length
    for start, end in spans:
        for position in range(start, end):
            ends[position] = max(ends[position], end)
    return ends


def _denial(tokens: Sequence[str], position: int) -> tuple[int, int] | None:
    """Return where the denial beginning here ends, and how many words it reaches from there."""
    for rest, reach in _DENIALS[tokens[position]]:
        after = position + 1 + len(rest)
        if tuple(tokens[position + 1 : after]) == rest:
            return after, reach
    return None


def _denied_after(tokens: Sequence[str], end: int) -> bool:
    """Say whether the words right behind a phrase deny it: "fracture ruled out"."""
    return any(tuple(tokens[end : end + len(late)]) == late for late in _DENIED_AFTER)
