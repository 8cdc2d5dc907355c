"""Texts in the operator's language, from gettext's .po files beside this module; English where there is none.

The files are read as they are: nothing has to be compiled, and a translator sees the result at the next start. The
contract's own sentences (the action log and the three popups) are the same in every language, so that runbooks can
quote them.
"""

from __future__ import annotations

import ast
from pathlib import Path

FOLDER = Path(__file__).with_name("translations")

_texts: dict[str, str] = {}


def tr(text: str) -> str:
    """The text in the language that ``use`` has chosen."""
    return _texts.get(text, text)


def marked(text: str) -> str:
    """A text that is translated later, where it is shown; the mark lets the test of the translations find it."""
    return text


def use(language: str) -> bool:
    """Choose a language by its code, such as ``de`` or ``de_AT.UTF-8``; False when there is no translation of it."""
    _texts.clear()
    code = language.split(".")[0].split("_")[0].split("-")[0].lower()
    file = FOLDER / f"{code}.po"
    if not code.isalpha() or not file.is_file():
        return False
    _texts.update(read(file.read_text(encoding="utf-8")))
    return True


def read(text: str) -> dict[str, str]:
    """The entries of a .po file; those without a translation, the fuzzy ones and the header are left out."""
    found: dict[str, str] = {}
    parts = {"msgid": "", "msgstr": ""}
    where, fuzzy = "", False

    def close() -> None:
        if parts["msgid"] and parts["msgstr"] and not fuzzy:
            found[parts["msgid"]] = parts["msgstr"]
        parts.update(msgid="", msgstr="")

    for line in [*text.splitlines(), 'msgid ""']:
        word, _, rest = line.partition(" ")
        if word == "msgid":
            close()
            fuzzy = fuzzy and where == "comment"
        if word == "#,":
            close()
            fuzzy, where = "fuzzy" in rest, "comment"
        elif word in parts:
            where = word
            parts[where] = str(ast.literal_eval(rest))
        elif line.startswith('"') and where in parts:
            parts[where] += str(ast.literal_eval(line))
    return found
