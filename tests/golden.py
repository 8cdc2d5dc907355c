"""Files that say how something must look. UPDATE_GOLDEN=1 writes them anew: then read the difference."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "golden"


def hold_text(name: str, text: str) -> None:
    """The text is that of the file."""
    path = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), f"{name} looks different now; if that is right: UPDATE_GOLDEN=1"


def hold(name: str, value: Any) -> None:
    """The value is that of the JSON file; order of keys included, because people read it."""
    hold_text(name, json.dumps(value, indent=2) + "\n")
