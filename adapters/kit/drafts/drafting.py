"""From what an agency says of itself to a folder that passes the suite, with a mark at every line that is a guess."""

import json
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import schemas
from adapters.kit import claims, conformance, golden
from adapters.kit.drafts.source import DraftRefused, Source, Told
from adapters.kit.drafts.suggesting import LIKE_ENOUGH, Line, best_records, suggested, unmet, words_of

_UNKNOWN = "/CHANGE"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")  # a line's end in a name would write lines of a mapping
_NOTHING = "nothing in the answer looks like a field of ours; choose a record with --record (`sandhi adapter records`)"
_MEANT = (  # words in a state of the answer -> what it is likely to mean
    ({"unknown", "unregistered", "notfound"}, "unknown_person"),
    ({"ambiguous", "several", "multiple"}, "ambiguous"),
    ({"no", "none", "nothing", "empty", "not"}, "no_data"),
)
_KNOWN = {"known", "found", "exist", "exists", "registered"}  # words of a boolean that says whether there is anybody
_STATES = {"code", "error", "kood", "message", "outcome", "reason", "result", "state", "status"}
_PLACES = ("setting", "secret")  # what a reference begins with
_NUMBERS = {"code", "id", "identifier", "identity", "nic", "nin", "number", "no", "pin", "uin"}
_CARRIED = (  # words in a member's name -> what it carries
    ({"birth", "dob"}, "birth_date"),
    ({"from", "start", "begin", "algus"}, "period_from"),
    ({"to", "until", "end", "lopp"}, "period_to"),
    ({"as", "at", "on", "date", "day", "kuupaev"}, "as_at"),
    ({"fullname", "name", "nimi"}, "name:Latn"),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """The files of a folder by name; what was suggested for each value of the agency; what our record still lacks; and
    which other records find something in the answer, best first, where none was asked for."""

    files: Mapping[str, bytes]
    record: str
    told: Sequence[Told]
    lines: Mapping[str, Line]
    unmet: Sequence[str]
    others: Sequence[str] = ()

    def taken(self) -> Mapping[str, str]:
        """Pointer of the agency's answer -> the field of ours that a line suggests for it."""
        places = {place: name for name, line in self.lines.items() for place in line.pointers()}
        return {place: name for place, name in places.items() if place != _UNKNOWN}


def drafted(source: Source, adapter: str, *, service: str, record: str = "", number: str = "NIC") -> Draft:
    """A folder for one service.

    Args:
        adapter: the folder's name, and the id everywhere.
        record: the canonical record; the one that fits best if left out.
        number: the identifier that the agency is asked by.

    Raises:
        DraftRefused: no such record, nothing in the answer looks like any, or a name in it is no text of one line.
    """
    if any(_CONTROL.search(f"{each.pointer}{each.caption}") for each in source.told):
        raise DraftRefused("a name in the answer has a control character; leave it out")
    fitting = [record] if record else best_records(source.told)
    if not fitting:
        raise DraftRefused(_NOTHING)
    chosen = fitting[0]
    try:
        lines = suggested(chosen, source.told)
    except schemas.SchemaError as error:
        raise DraftRefused(str(error)) from None
    if not lines and not (record and source.told):
        raise DraftRefused(_NOTHING)
    draft = Draft({}, chosen, source.told, lines, unmet(chosen, lines), fitting[1:4])
    files = {
        "manifest.toml": _manifest(source, draft, adapter, service, number),
        "mapping.toml": _mapping(draft, service),
        "samples/conformance.toml": _conformance(source, adapter, number),
        "README.md": f"# {adapter}\n\nWhat the agency is, who runs it, and what it is asked for. CHANGE this page.\n",
    }
    if told := _codes(draft):
        files["codes.toml"] = told
    written = {name: text.encode() for name, text in files.items()} | dict(source.files)
    samples = _samples(written, adapter, source)
    return replace(draft, files=written | samples)


def _manifest(source: Source, draft: Draft, adapter: str, service: str, number: str) -> str:
    upper, address = adapter.upper(), source.about.get("address")
    asked = {name: _carried(told, number) for name, told in source.asked.items()}
    request = {name: what for name, what in asked.items() if what}
    sends = sorted({_sent(what, number) for what in request.values()} - {""} | {number})
    able = [
        each.name for each in claims.CLAIMS.values() if each.record == draft.record and each.needs <= {*draft.lines}
    ]
    special = any(each.sensitivity == "special" for each in draft.told)
    lines = [
        "contract = 1",
        f'id       = "{adapter}"',
        f"name     = {_text(source.about.get('title') or 'CHANGE: what the agency is called')}",
        'owner    = "change@agency.example"         # CHANGE: who is called when it breaks',
        f"summary  = {_text(source.about.get('summary') or 'CHANGE: what it can be asked, in one sentence.')}",
        "",
        "[transport]",
        f'kind       = "{source.transport}"',
        f'base_url   = "setting:{upper}_URL"{f"   # its document says {address}" if address else ""}',
        "timeout_s  = 10.0                          # one call, retries included",
        "attempts   = 3",
        "concurrent = 8                             # CHANGE: how many questions at once the agency allows",
        "",
    ]
    if source.settings:
        lines += ["[settings]                                 # X-Road: who asks, who is asked"]
        lines += [f'{key} = "setting:{upper}_{name}"' for key, name in source.settings.items()]
    else:
        lines += ["[auth]", *_auth(source, upper)]
    lines += [
        "",
        f"[service.{service}]",
        f"summary       = {_text(source.about.get('summary') or f'CHANGE: what this answers ({source.operation}).')}",
        f"actions       = {json.dumps(['read', 'verify'] if able else ['read'])}",
        f"id_types      = {json.dumps([number])}",
        f"sends         = {json.dumps(sends)}                   # all that the agency learns of a person",
        f"fields        = {json.dumps(sorted({*draft.lines, *draft.unmet}))}",
        *([f"claims        = {json.dumps(sorted(able))}"] if able else []),
        f'record_schema = "{draft.record}"',
        f'sensitivity   = "{"special" if special else "personal"}"             # CHANGE: a guess by words; look again',
        *(f"{key:<13} = {json.dumps(value)}" for key, value in source.service.items()),
    ]
    return "\n".join([*lines, *_request(source, request), *_means(source, draft), ""])


def _text(words: str) -> str:
    return json.dumps(" ".join(_CONTROL.sub(" ", words).split())[:200], ensure_ascii=False)


def _means(source: Source, draft: Draft) -> Iterator[str]:
    """What the answer's own state may mean, by its words: it matters to who decides about a person, so look again."""
    guessed = {
        f"{told.pointer}={choice}": outcome
        for told in source.told
        for choice in (told.choices if not told.lists and told.sensitivity == "open" else ())
        if (outcome := next((each for words, each in _MEANT if words & set(words_of(choice))), ""))
    }
    ours = {line.pointer for line in draft.lines.values() if line.likely >= LIKE_ENOUGH}  # a field of ours says it
    guessed |= {f"{told.pointer}=false": "unknown_person" for told in source.told if _says_known(told, ours)}
    guessed |= dict.fromkeys(_says_nobody(source, ours), "unknown_person")
    if guessed:
        pairs = ", ".join(f"{_text(place)} = {json.dumps(outcome)}" for place, outcome in guessed.items())
        yield f"means         = {{ {pairs} }}   # CHANGE: a guess; see `means` in the guide"
    if unknown := source.about.get("unknown"):
        yield f"# 404 is unknown_person unless `means` says otherwise; the document says: {unknown}"


def _says_known(told: Told, ours: Collection[str]) -> bool:
    """A boolean of the answer that is false where the agency knows nobody; in a sample of somebody it is true."""
    alone = told.kind == "boolean" and not told.lists and "false" not in told.choices
    return alone and told.pointer not in ours and bool(_KNOWN & set(words_of(told.name)))


def _says_nobody(source: Source, ours: Collection[str]) -> Iterator[str]:
    """The first state in the answer about nobody that the answer about somebody has not: at most one is guessed."""
    somebody = {(told.pointer, choice) for told in source.told for choice in told.choices}
    states = ((told, choice) for told in source.told_of_nobody for choice in told.choices)
    new = (each for each in states if (each[0].pointer, each[1]) not in somebody and _is_state(*each, ours))
    yield from islice((f"{told.pointer}={choice}" for told, choice in new), 1)


def _is_state(told: Told, choice: str, ours: Collection[str]) -> bool:
    """Whether it speaks of the answer, not of a person: by its name and, where a field of ours takes it, its words."""
    name, said = set(words_of(told.name)), set(words_of(choice))
    if told.kind == "boolean":
        return choice == "false" and bool(_KNOWN & name)
    return bool(_STATES & name) and (told.pointer not in ours or any(words & said for words, _ in _MEANT))


def _auth(source: Source, upper: str) -> Iterator[str]:
    """How to sign in; references get the adapter's name in front."""
    if not source.auth:
        yield 'kind = "none"            # CHANGE: or api_key, bearer, basic, client_credentials; see the guide'
    for key, value in source.auth.items():
        place, reference, name = value.partition(":")
        yield f"{key:<13} = {json.dumps(f'{place}:{upper}_{name}' if reference and place in _PLACES else value)}"


def _request(source: Source, request: Mapping[str, str]) -> Iterator[str]:
    if request or not source.asked:
        pairs = request or {"CHANGE": "identifier:NIC"}
        words = [f"{json.dumps(name, ensure_ascii=False)} = {json.dumps(what)}" for name, what in pairs.items()]
        yield f"request       = {{ {', '.join(words)} }}"
    for name, told in source.asked.items():
        if name not in request:
            must = "may be left out" if told.optional else "the agency wants it"
            yield f"# not asked with: {name} ({told.kind}, {must}){f': {told.caption}' if told.caption else ''}"
    if source.transport == "rest" and "path" not in source.service:
        yield 'path          = "/CHANGE"                     # POSTed to; or method = "GET", and "/people/{name}"'


def _carried(told: Told, number: str) -> str:
    """What a member of the request is likely to carry; empty where nothing is likely and the agency does without."""
    words = set(words_of(told.name))
    if told.kind != "date" and (words & _NUMBERS or told.name.lower().endswith("kood")):
        return f"identifier:{number}"
    guess = next((what for names, what in _CARRIED if words & names), "")
    if guess and told.notation and not guess.startswith("name"):
        return f"{guess}:{told.notation}"
    return guess or ("" if told.optional else "text:CHANGE")


def _sent(what: str, number: str) -> str:
    kind = what.partition(":")[0]
    return {"identifier": number, "name": "names", "birth_date": "birth_date"}.get(kind, "")


def _mapping(draft: Draft, service: str) -> str:
    taken = draft.taken()
    lines = [
        "# Suggested; look at each line. One line a field of ours: where it stands, and the converter of its notation."
    ]
    lines += [f"[{service}]", *(f"{name} = {line.toml()}{_unsure(line)}" for name, line in draft.lines.items())]
    if draft.unmet:
        lines += ["", f"# {draft.record} also wants these, and nothing in the answer looks like them:"]
        lines += [f"#   {name}" for name in draft.unmet]
        lines += [f'{name} = {{ from = "{_UNKNOWN}" }}' for name in draft.unmet]
    rest = [each for each in draft.told if each.pointer not in taken]
    if rest:
        lines += ["", "# What else the agency tells. It is dropped unless a line takes it:"]
        lines += [f"#   {each.pointer}  {each.kind}, {each.sensitivity}{_said(each)}" for each in rest]
    return "\n".join([*lines, ""])


def _unsure(line: Line) -> str:
    places = ", ".join(line.without_value())
    return f"   # CHANGE: the answer has no value at {places}; say its notation" if places else ""


def _said(told: Told) -> str:
    codes = f" ({', '.join(told.choices[:12])})" if len(told.choices) > 1 else ""
    return f"{codes}: {told.caption}" if told.caption else codes


def _codes(draft: Draft) -> str:
    """The agency's codes on the left, ours on the right; empty where no line translates any."""
    tables: dict[str, Line] = {}
    for found in (each for line in draft.lines.values() for each in line.code_lists()):
        tables.setdefault(found.codes, found)  # two values of one name share the first one's list
    lines = ["# The agency's code on the left, ours on the right. Guesses: look at each line."]
    for name, found in tables.items():
        lines += ["", f"# ours: {', '.join(found.ours)}", f"[{name}]"]
        lines += [f"{_text(code)} = {json.dumps(our or 'CHANGE')}" for code, our in found.rows.items()]
    return "\n".join([*lines, ""]) if tables else ""


def _conformance(source: Source, adapter: str, number: str) -> str:
    upper = adapter.upper()
    lines = ["# An invented person, and addresses: {url} is a server that the suite breaks on purpose.", "[settings]"]
    lines += [f'{upper}_URL = "{{url}}"']
    shown = {"client": "LK/GOV/SANDHI/GATEWAY", "service": f"LK/GOV/AGENCY/{upper}"}
    lines += [f'{upper}_{name} = "{shown.get(key, "conformance")}"' for key, name in source.settings.items()]
    named = [value.partition(":")[2] for value in source.auth.values() if value.partition(":")[0] in _PLACES]
    lines += [f'{upper}_{name} = "{"{url}/token" if name == "TOKEN_URL" else "conformance"}"' for name in named]
    person = ["", "[subject]", f'identifiers = {{ {number} = "199012304567" }}', "birth_date = 1990-05-02"]
    return "\n".join([*lines, *person, 'names = [{ language = "eng", script = "Latn", value = "Kamal Perera" }]', ""])


def _samples(files: Mapping[str, bytes], adapter: str, source: Source) -> dict[str, bytes]:
    """Golden samples with what comes of them now, found by running the folder."""
    stories = {
        "an_answer": ("CHANGE: an answer as the agency sends it, about an invented person.", source.answer),
        "broken": ("An answer that has nothing of what it should: refused, not guessed.", source.broken),
        "nobody": ("CHANGE: an answer about somebody whom the agency does not know; see `means`.", source.unknown),
    }
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / adapter
        write(files, folder)
        found = {}
        for name, (story, answer) in stories.items():
            if not answer:
                continue
            sample = golden.Sample(name, story, "agency", "", answer.encode(), "record", "")
            result, told = conformance.outcome_of(folder, sample)
            text = json.dumps(told, ensure_ascii=False, indent=1) if result == "record" else str(told)
            found[f"samples/{name}.golden"] = (
                f"{story}\n---------- agency\n{answer}\n---------- {result}\n{text}\n".encode()
            )
    return found


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the files of a draft into a folder that is not there yet.

    Raises:
        FileExistsError: it is.
    """
    folder.mkdir(parents=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
