"""Every text of the application has a German one, with the same fields and a mnemonic where the English has one."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import incidentops_gui
import pytest
from incidentops_gui import answers, translate, wording

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = Path(incidentops_gui.__file__).parent


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    translate.use("C")


def texts() -> set[str]:
    """What is given to tr() and marked() anywhere."""
    found = set()
    for path in SOURCES.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("tr", "marked"):
                argument = node.args[0]
                if isinstance(argument, ast.Constant):
                    found.add(str(argument.value))
    return found


def test_every_text_is_translated_and_no_translation_is_left_over() -> None:
    german = translate.read((translate.FOLDER / "de.po").read_text())
    assert len(texts()) > 150
    assert set(german) == texts()


def test_translations_keep_fields_and_mnemonics() -> None:
    german = translate.read((translate.FOLDER / "de.po").read_text())
    for english, said in german.items():
        assert sorted(re.findall(r"{\w+}", said)) == sorted(re.findall(r"{\w+}", english)), english
        assert said.count("&") == english.count("&"), english


def test_a_language_is_found_by_its_code() -> None:
    assert translate.use("de_AT.UTF-8")
    assert translate.tr("Healthy") == "Gesund"
    assert wording.ago(0.0, 125.0) == "vor 2 min"
    for code in ("en_US", "C", "", "../../etc", "xx"):
        assert not translate.use(code)
        assert translate.tr("Healthy") == "Healthy"


def test_the_contracts_sentences_are_the_same_in_every_language() -> None:
    translate.use("de")
    nothing = answers.Remediation("completed", (), (), (), recorded=True)
    assert wording.remediation_popup(nothing)[0] == "No services required remediation."
    assert wording.STARTED_POPUP.format(service="redis") == "Service redis was restarted successfully!!"


def test_a_po_file_is_read_with_its_comments_fuzzy_entries_and_long_texts() -> None:
    text = """# a comment
msgid ""
msgstr "Language: de\\n"

#, fuzzy
msgid "wrong"
msgstr "falsch"

#: somewhere.py
msgid ""
"a long "
"text"
msgstr ""
"ein langer "
"Text"

msgid "not yet"
msgstr ""

msgid "last \\"one\\""
msgstr "letzter"
"""
    assert translate.read(text) == {"a long text": "ein langer Text", 'last "one"': "letzter"}


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3600, "1 h"), (3900, "1 h 5 min"), (90_000, "1 d 1 h"), (-5, "0 s")],
)
def test_lengths_of_time(seconds: float, said: str) -> None:
    assert wording.seconds(seconds) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0, "0 B"), (1023, "1023 B"), (1536, "1.5 KB"), (2**20 * 54, "54.0 MB"), (2**40 * 3, "3.0 TB")],  # noqa: RUF001
)
def test_sizes(value: float | None, said: str) -> None:
    assert wording.size(value) == said


@pytest.mark.parametrize(("names", "said"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_lists_of_names(names: list[str], said: str) -> None:
    assert wording.listed(names) == said
