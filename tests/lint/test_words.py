"""What no file may hold: addresses of package mirrors, paths of one developer's machine, unfinished work.

The expressions are written so that they don't match themselves.
"""

from __future__ import annotations

import hashlib
import re

import pytest
from lint.files import TOP, project_files

# Where packages come from is a setting of each machine.
MIRRORS = re.compile(
    r"(?:[\w-]+\.)?(?:debian|ubuntu)\.(?:org|com)/(?:debian|ubuntu)|\bpypi\.(?:org|python\.org)"
    r"|\bfiles\.pythonhosted\.org|\bregistry\.npmjs\.org|\bproxy\.golang\.org|\bdeb\.debian\.org",
    re.IGNORECASE,
)

# A path that exists for one person alone. Paths that every machine has (/tmp, /var/tmp, /run) are none.
PRIVATE_PATHS = re.compile(r"(?<![\w$}/.-])/(?:home|Users|root|work|workspace|mnt/[a-z])/[\w.]")

UNFINISHED = re.compile(r"\b(?:TO[D]O|FIX[M]E|XX[X])\b")

# Words that tell how a text came about instead of what it is about, as the first bytes of their SHA-256.
# fmt: off
OFF_TOPIC = frozenset({
    "053ea4804ef1", "3ea125d0bff3", "487b91042c7c", "5d72436256ad", "60965168ce76", "7d3194f79e64",
    "94a168d2da57", "c247e9808f5e", "c70eca6b0f88", "c857d09db23e", "d298391b0743", "de2187af3fb0",
})
# fmt: on

BINARY = frozenset({".gif", ".gz", ".ico", ".jpg", ".png", ".svgz", ".woff2"})


def digest(word: str) -> str:
    return hashlib.sha256(word.lower().encode()).hexdigest()[:12]


def forbidden(text: str) -> list[str]:
    """What a text must not hold, each with its line."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for expression in (MIRRORS, PRIVATE_PATHS, UNFINISHED):
            match = expression.search(line)
            if match:
                found.append(f"line {number}: {match[0]}")
        found += [f"line {number}: {word}" for word in re.findall(r"[A-Za-z]{2,}", line) if digest(word) in OFF_TOPIC]
    return found


def texts() -> list[str]:
    return [str(path) for path in project_files() if path.suffix not in BINARY]


def test_no_file_holds_what_none_may() -> None:
    found = [f"{name}: {one}" for name in texts() for one in forbidden((TOP / name).read_text())]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "deb http://deb.deb" + "ian.org/debian trixie main",
        "index-url = https://pypi" + ".org/simple",
        "open('/ho" + "me/jane/notes.txt')",
        "cd /wo" + "rk/main",
        "# TO" + "DO: finish this",
    ],
)
def test_what_no_file_may_hold_is_noticed(line: str) -> None:
    assert forbidden(f"one\n{line}\n") != []


@pytest.mark.parametrize(
    "line", ["Root=/var/lib/machines/root/bin", "$lab/root/.", "https://www.debian.org/", "~/.cache"]
)
def test_what_a_file_may_hold_is_left_alone(line: str) -> None:
    assert forbidden(line) == []
