"""Command lines as the pages write them, and whether the programs would take them."""

import re
import shlex
from importlib import import_module
from typing import Any

import typer
from architecture.checkout import blocks

PROGRAMS = {
    "sandhi": "gateway.cli.main",
    "gateway": "gateway.cli.main",
    "registry": "registry.cli",
    "sandbox": "sandbox.__main__",
}
BEFORE = re.compile(r"(\$ )?([A-Z_]+=\S* )*((docker compose (exec|run)( -\S+)* \w+ )?)(\.venv/bin/)?")
UsageError: Any = typer.BadParameter.__bases__[0]  # the parent of everything a command line can do wrong
START = re.compile(r"(sandhi|python -m (gateway|registry|sandbox))( |$)")


def in_blocks(text: str) -> list[str]:
    """Every line of a code block that starts one of our programs, without what the shell does around it."""
    lines = "\n".join(body for _, body in blocks(text)).replace("\\\n", " ").splitlines()
    bare = (BEFORE.sub("", line.strip(), count=1) for line in lines)
    return [line for line in bare if START.match(line)]


def in_sentences(text: str) -> list[str]:
    """Every command in back-quotes; `review list|approve` is two."""
    without_blocks = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    named = (code for code in re.findall(r"`([^`\n]+)`", without_blocks) if START.match(code))
    return [line for code in named for line in _alternatives(code)]


def _alternatives(code: str) -> list[str]:
    found = re.search(r"\w+(?:\\?\|\w+)+", code)
    if not found:
        return [code]
    return [code[: found.start()] + word + code[found.end() :] for word in re.split(r"\\?\|", found.group())]


def refused(line: str) -> str:
    """Why the program would not take the line; empty if it would. Nothing is run."""
    try:
        command, words = _command(_words(line))
        command.make_context("documented", words)
    except typer.Exit:  # --help
        return ""
    except (KeyError, UsageError) as error:
        return f"{type(error).__name__} {error}"
    return ""


def missing(line: str) -> str:
    """Which command or option of the line does not exist; required arguments may be left out."""
    try:
        command, words = _command(_words(line))
    except KeyError as error:
        return f"no command {error}"
    known = {"--help", *(option for parameter in command.params for option in parameter.opts)}
    return " ".join(word for word in words if word.startswith("-") and word not in known)


def _words(line: str) -> list[str]:
    """The words up to the first pipe, redirection or comment; `<folder>` is a word that stands for another."""
    reading = shlex.shlex(re.sub(r"<(\w+)>", r"\1", line), posix=True, punctuation_chars=True)
    reading.whitespace_split = True
    words = []
    for word in reading:
        if set(word) <= set("|&;<>()"):
            break
        words.append(word)
    return words[2:] if words[0] == "python" else words


def _command(words: list[str]) -> tuple[Any, list[str]]:
    """The command that the first words name, and the rest."""
    program, *rest = words
    if program in {"sandhi", "gateway"} and rest[:1] == ["sandbox"]:
        program, rest = "sandbox", rest[1:]
    command: Any = typer.main.get_command(import_module(PROGRAMS[program]).app)
    while rest and hasattr(command, "commands") and not rest[0].startswith("-"):
        command, rest = command.commands[rest[0]], rest[1:]
        command = command.real() if hasattr(command, "real") else command  # imported when it is wanted
    return command, rest
