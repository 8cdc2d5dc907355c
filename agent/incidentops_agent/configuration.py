"""Reads the agent's files: settings and catalogue. Parsing itself is in settings.py and catalogue.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import catalogue, edge, settings

if TYPE_CHECKING:
    from collections.abc import Iterable

SETTINGS = Path("/etc/incidentops/agent.yaml")
CATALOGUE = (Path("/usr/share/incidentops/services.d"), Path("/etc/incidentops/services.d"))


@dataclass(frozen=True, slots=True)
class Configuration:
    settings: settings.Settings
    catalogue: catalogue.Catalogue


def load(settings_file: Path, folders: Iterable[Path]) -> Configuration:
    """Read everything; a file in a later folder replaces the one of the same name, and an empty one masks it.

    Raises:
        edge.EdgeError: with the mistakes of all files.
    """
    problems: list[edge.Problem] = []
    loaded = settings.Settings()
    text = _read(settings_file, problems)
    if text is not None:
        try:
            loaded = settings.parse(str(settings_file), text)
        except edge.EdgeError as error:
            problems.extend(error.problems)
    services = catalogue.Catalogue({})
    try:
        services = catalogue.parse(_catalogue_files(folders, problems))
    except edge.EdgeError as error:
        problems.extend(error.problems)
    if problems:
        raise edge.EdgeError(problems)
    return Configuration(loaded, services)


def _read(path: Path, problems: list[edge.Problem]) -> str | None:
    """The text of a file; None when there is none, or when it can't be read (reported)."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        problems.append(edge.Problem(str(path), 1, "", f"can't be read: {error}"))
        return None


def _catalogue_files(folders: Iterable[Path], problems: list[edge.Problem]) -> list[tuple[str, str]]:
    chosen: dict[str, Path] = {}
    for folder in folders:
        if folder.is_dir():
            chosen.update((path.name, path) for path in sorted(folder.iterdir()) if path.suffix == ".yaml")
    texts = ((str(path), _read(path, problems)) for _, path in sorted(chosen.items()))
    return [(name, text) for name, text in texts if text is not None and text.strip()]
