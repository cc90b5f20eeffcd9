"""Named sets of conditions, procedures, observations and reasons: what a code or text means."""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, Literal

from cards.chart import Code, Concept
from cards.phrases import PhraseBook, words

_FOLDER: Final = Path(__file__).with_name("terms")
_NONE: Final[frozenset[str]] = frozenset()
_CACHED_TEXT: Final = 160  # longer texts are notes: met once, and not worth keeping

_PREFIX_SYSTEMS: Final = frozenset({"icd10cm", "icd9cm"})
_RANGE_SYSTEMS: Final = frozenset({"cpt", "hcpcs"})
_SHAPES: Final[Mapping[str, re.Pattern[str]]] = {
    "icd10cm": re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?"),
    "icd9cm": re.compile(r"(\d{3}|V\d\d|E\d{3})(\.\d{1,2})?"),
    "snomed": re.compile(r"\d{6,18}"),
    "loinc": re.compile(r"\d{1,6}-\d"),
    "cpt": re.compile(r"\d{4}[0-9TUF]"),
    "hcpcs": re.compile(r"[A-Z]\d{4}"),
}
_RANGE: Final = re.compile(r"([A-Z]?)(\d+)-([A-Z]?)(\d+)")
_FILE_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TEXTS: Final = ("title", "why", "source")
_LISTS: Final = ("includes", "text", "text_except", "refines", "refining_text", "replaces")
_TABLES: Final = ("codes", "except")


# What a phrase does for its set: names it; names it if the concept is in a set that it
# refines; keeps the text out of it. (Not an Enum: its members hash slowly.)
_Kind = Literal["name", "refine", "veto"]


class TermsError(ValueError):
    """A file of term sets is wrong; the message names the file and the fault."""


class UnknownTerm(KeyError):
    """No term set has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermSet:
    """One named set, as its file says; ``docs/terminology.md`` explains every field."""

    name: str
    title: str
    source: str
    why: str = ""
    silences: bool = False
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    excluded: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    includes: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    text_except: tuple[str, ...] = ()
    refines: tuple[str, ...] = ()
    refining_text: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()


def concept(codes: Sequence[Code], text: str = "") -> Concept:
    """Return the concept of these codes and this text, with every set that it falls into.

    Codes decide. Text is read when no code belongs to any set, and to refine: a coded low
    back pain whose text says "chronic" is chronic.
    """
    if len(text) > _CACHED_TEXT:
        return Concept(tuple(codes), text, _terms(tuple(codes), text))
    return _concept(tuple(codes), text)


def known(name: str) -> str:
    """Return the name if a set has it, else raise `UnknownTerm`."""
    if name not in _index().sets:
        raise UnknownTerm(f"no term set is called {name!r}")
    return name


def title(name: str) -> str:
    """Return the words that a card uses for this set."""
    return _index().sets[known(name)].title


def names() -> frozenset[str]:
    """Return the names of all sets."""
    return frozenset(_index().sets)


def term_set(name: str) -> TermSet:
    """Return the set of this name as its file says, unions not resolved."""
    return _index().sets[known(name)]


def codes(name: str) -> Mapping[str, tuple[str, ...]]:
    """Return the codes of this set and of all that it includes, by code system."""
    found: dict[str, list[str]] = {}
    for member in _index().members(known(name)):
        for system, values in _index().sets[member].codes.items():
            found.setdefault(system, []).extend(values)
    return {system: tuple(dict.fromkeys(values)) for system, values in found.items()}


def example(name: str) -> Concept:
    """Return one concept of this set: its first code, or its first phrase if it has no code."""
    index = _index()
    members = [index.sets[member] for member in index.members(known(name))]
    for member in members:
        for system, values in member.codes.items():
            return concept((Code(system, values[0]),))
    return concept((), next(phrase for member in members for phrase in member.text))


def version() -> str:
    """Return a short hash of all files, for the record of each answer."""
    return _index().version


@lru_cache(maxsize=16_384)
def _concept(codes: tuple[Code, ...], text: str) -> Concept:
    return Concept(codes, text, _terms(codes, text))


def _terms(codes: tuple[Code, ...], text: str) -> frozenset[str]:
    index = _index()
    found, barred = index.coded(codes)
    terms = index.with_unions(found - barred)
    if not text or (terms and terms.isdisjoint(index.refinable)):
        return terms
    said, refining = index.written(text)
    terms = terms or index.with_unions(said - barred)
    refined = index.refining(terms, said | refining) - barred
    if found:  # a code stands: only what a text named can become something else
        refined = {name for name in refined if not index.sets[name].replaces}
    return (terms | index.with_unions(refined)) - index.replaced(refined)


class _Index:
    """All sets, turned round so that a code or a text finds its sets in a few look-ups."""

    def __init__(self, sets: Mapping[str, TermSet], version: str) -> None:
        self.sets = sets
        self.version = version
        self._stems = {system: _by_stem(sets.values(), system) for system in _PREFIX_SYSTEMS}
        self._exact = _by_code(sets.values())
        self._unions = _unions(sets)
        self._phrases = PhraseBook(_phrases(sets.values()))
        self._refines = {name: one.refines for name, one in sets.items() if one.refines}
        self.refinable = frozenset().union(*self._refines.values())

    def coded(self, codes: Iterable[Code]) -> tuple[set[str], set[str]]:
        """Return the sets that these codes fall into, and the sets they are kept out of."""
        found: set[str] = set()
        barred: set[str] = set()
        for system, written in codes:
            if (stems := self._stems.get(system)) is None:
                found |= self._exact.get(system, {}).get(written, _NONE)
                continue
            value = written.replace(".", "").strip().upper()
            for end in range(3, len(value) + 1):
                if entry := stems.get(value[:end]):
                    found |= entry[0]
                    barred |= entry[1]
        return found, barred

    def written(self, text: str) -> tuple[set[str], set[str]]:
        """Return the sets that the text names, and those it names only to refine others."""
        kinds: dict[_Kind, set[str]] = {"name": set(), "refine": set(), "veto": set()}
        for kind, name in self._phrases.affirmed(words(text)):
            kinds[kind].add(name)
        return kinds["name"] - kinds["veto"], kinds["refine"] - kinds["veto"]

    def refining(self, terms: frozenset[str], said: set[str]) -> set[str]:
        """Return those of the sets said that make one of these terms more specific."""
        return {
            name
            for name in said & self._refines.keys()
            if not terms.isdisjoint(self._refines[name])
        }

    def replaced(self, refined: Iterable[str]) -> frozenset[str]:
        """Return the sets that a text has left by being in these."""
        return _NONE.union(*(self.sets[name].replaces for name in refined))

    def with_unions(self, found: Iterable[str]) -> frozenset[str]:
        """Return these sets and every set that includes one of them."""
        return _NONE.union(*(self._unions[name] for name in found))

    def members(self, name: str) -> Iterator[str]:
        """Return the set's own name and then those of all sets that it includes."""
        yield name
        for included in self.sets[name].includes:
            yield from self.members(included)


@cache
def _index() -> _Index:
    return load(_FOLDER)


def load(folder: Path) -> _Index:
    """Read and check every set of a folder, or raise `TermsError`."""
    digest = hashlib.sha256()
    sets: dict[str, TermSet] = {}
    for path in sorted(folder.glob("*.toml")):
        data = path.read_bytes()
        digest.update(path.name.encode() + b"\0" + data + b"\0")
        sets[path.stem] = _read(path.name, data)
    for one in sets.values():
        _check_links(one, sets)
    return _Index(sets, digest.hexdigest()[:12])


def _read(file: str, data: bytes) -> TermSet:
    try:
        fields = tomllib.loads(data.decode())
    except ValueError as error:  # not UTF-8, or not TOML
        raise TermsError(f"terms/{file}: {error}") from error
    _check_fields(file, fields)
    lists = {key: tuple(fields.get(key, ())) for key in _LISTS}
    one = TermSet(
        name=file.removesuffix(".toml"),
        title=fields.get("title", ""),
        source=fields.get("source", ""),
        why=fields.get("why", ""),
        silences=fields.get("silences", False),
        codes=_codes(file, fields.get("codes", {})),
        excluded=_codes(file, fields.get("except", {})),
        **lists,
    )
    _check_whole(file, one)
    return one


def _check_fields(file: str, fields: Mapping[str, object]) -> None:
    for key, value in fields.items():
        wrong = (
            (key in _TEXTS and not isinstance(value, str))
            or (key in _LISTS and not _strings(value))
            or (key in _TABLES and not isinstance(value, dict))
            or (key == "silences" and not isinstance(value, bool))
        )
        if wrong:
            raise TermsError(f"terms/{file}: {key} has the wrong type")
        if key not in (*_TEXTS, *_LISTS, *_TABLES, "silences"):
            raise TermsError(f"terms/{file}: unknown key {key!r}")


def _strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def _codes(file: str, table: Mapping[str, object]) -> Mapping[str, tuple[str, ...]]:
    read: dict[str, tuple[str, ...]] = {}
    for system, written in table.items():
        # A long list is written as one text: it reads as well, and loads ten times faster.
        values = written.split() if isinstance(written, str) else written
        if not isinstance(values, list) or not _strings(values) or not values:
            raise TermsError(f"terms/{file}: {system} is not a list of codes")
        if system not in _SHAPES and not system.startswith(("http://", "https://", "urn:")):
            raise TermsError(f"terms/{file}: unknown code system {system!r}")
        read[system] = tuple(_expanded(file, system, values))
        if len(set(read[system])) != len(read[system]):
            raise TermsError(f"terms/{file}: {system} has a code twice")
    return read


def _expanded(file: str, system: str, values: Sequence[str]) -> Iterator[str]:
    """Yield the codes, each number of a range such as "62320-62323" as a code of its own."""
    shape = _SHAPES.get(system)
    for value in values:
        if system in _RANGE_SYSTEMS and (match := _RANGE.fullmatch(value)):
            letter, first, _, last = match.groups()
            width = len(first)
            yield from (f"{letter}{n:0{width}}" for n in range(int(first), int(last) + 1))
        elif shape and not shape.fullmatch(value):
            raise TermsError(f"terms/{file}: {value!r} is not a code of {system}")
        else:
            yield value


def _check_whole(file: str, one: TermSet) -> None:
    if not _FILE_NAME.fullmatch(one.name):
        raise TermsError(f"terms/{file}: the name is not lower case words with hyphens")
    if not one.title or not one.source:
        raise TermsError(f"terms/{file}: title and source are needed")
    if one.silences and not one.why:
        raise TermsError(f"terms/{file}: a set that silences needs a why")
    if not (one.codes or one.text or one.includes):
        raise TermsError(f"terms/{file}: the set is empty")
    if (one.refining_text or one.replaces) and not one.refines:
        raise TermsError(f"terms/{file}: refining_text and replaces need a set to refine")


def _check_links(one: TermSet, sets: Mapping[str, TermSet]) -> None:
    for name in (*one.includes, *one.refines, *one.replaces):
        if name not in sets:
            raise TermsError(f"terms/{one.name}.toml: no set is called {name!r}")
    _check_circle(one.name, sets, ())


def _check_circle(name: str, sets: Mapping[str, TermSet], path: tuple[str, ...]) -> None:
    if name in path:
        raise TermsError(f"terms/{path[0]}.toml: includes itself by way of {path[-1]!r}")
    for included in sets[name].includes if name in sets else ():
        _check_circle(included, sets, (*path, name))


def _by_stem(
    sets: Iterable[TermSet], system: str
) -> Mapping[str, tuple[frozenset[str], frozenset[str]]]:
    """Map each stem to the sets it belongs to and the sets it is kept out of."""
    inside: dict[str, set[str]] = {}
    outside: dict[str, set[str]] = {}
    for one in sets:
        for stem in one.codes.get(system, ()):
            inside.setdefault(stem.replace(".", ""), set()).add(one.name)
        for stem in one.excluded.get(system, ()):
            outside.setdefault(stem.replace(".", ""), set()).add(one.name)
    return {
        stem: (frozenset(inside.get(stem, ())), frozenset(outside.get(stem, ())))
        for stem in inside.keys() | outside.keys()
    }


def _by_code(sets: Iterable[TermSet]) -> Mapping[str, Mapping[str, frozenset[str]]]:
    found: dict[str, dict[str, frozenset[str]]] = {}
    for one in sets:
        alone = frozenset({one.name})
        for system in one.codes.keys() - _PREFIX_SYSTEMS:
            by_value = found.setdefault(system, {})
            for value in one.codes[system]:
                others = by_value.get(value)
                by_value[value] = others | alone if others else alone
    return found


def _unions(sets: Mapping[str, TermSet]) -> Mapping[str, frozenset[str]]:
    """Map each set to itself and every set that includes it, directly or not."""
    parents: dict[str, set[str]] = {name: set() for name in sets}
    for one in sets.values():
        for included in one.includes:
            parents[included].add(one.name)

    def upward(name: str) -> Iterator[str]:
        yield name
        for parent in parents[name]:
            yield from upward(parent)

    return {name: frozenset(upward(name)) for name in sets}


def _phrases(sets: Iterable[TermSet]) -> Iterator[tuple[str, tuple[_Kind, str]]]:
    for one in sets:
        yield from ((phrase, ("name", one.name)) for phrase in one.text)
        yield from ((phrase, ("refine", one.name)) for phrase in one.refining_text)
        yield from ((phrase, ("veto", one.name)) for phrase in one.text_except)
