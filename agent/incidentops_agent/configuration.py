"""Reads the agent's files: settings and catalogue. Parsing itself is in settings.py and catalogue.py."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import catalogue, edge, settings

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

SETTINGS = Path("/etc/incidentops/agent.yaml")
CATALOGUE = (Path("/usr/share/incidentops/services.d"), Path("/etc/incidentops/services.d"))


@dataclass(frozen=True, slots=True)
class Configuration:
    settings: settings.Settings
    catalogue: catalogue.Catalogue


def load_what_is_right(settings_file: Path, folders: Sequence[Path]) -> tuple[Configuration, list[edge.Problem]]:
    """As ``load``, but files with mistakes are left out and their mistakes given beside: one wrong file must not keep
    an agent from starting. Without its settings nobody but root may operate."""
    problems: list[edge.Problem] = []
    left_out: set[str] = set()
    while True:
        try:
            return load(settings_file, folders, left_out), sorted(problems)
        except edge.EdgeError as error:
            problems.extend(error.problems)
            left_out.update(problem.file for problem in error.problems)


def load(settings_file: Path, folders: Sequence[Path], left_out: Collection[str] = ()) -> Configuration:
    """Read everything; a file in a later folder replaces the one of the same name, and an empty one masks it.

    Raises:
        edge.EdgeError: with the mistakes of all files but those that are to be left out.
    """
    problems: list[edge.Problem] = []
    loaded = settings.Settings()
    text = None
    if str(settings_file) in left_out:
        loaded = settings.Settings(settings.Callers(), settings.Callers())
    else:
        text = _read(settings_file, problems)
    if text is not None:
        try:
            loaded = settings.parse(str(settings_file), text)
        except edge.EdgeError as error:
            problems.extend(error.problems)
    services = catalogue.Catalogue({})
    try:
        services = catalogue.parse(_catalogue_files(folders, left_out, problems))
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


def _catalogue_files(
    folders: Sequence[Path], left_out: Collection[str], problems: list[edge.Problem]
) -> list[tuple[str, str]]:
    chosen: dict[str, Path] = {}
    for folder in (folder for folder in folders if str(folder) not in left_out):
        try:
            chosen.update((path.name, path) for path in sorted(folder.iterdir()) if path.suffix == ".yaml")
        except FileNotFoundError:
            continue
        except OSError as error:
            problems.append(edge.Problem(str(folder), 1, "", f"can't be read: {error}"))
    paths = (path for _, path in sorted(chosen.items()) if str(path) not in left_out)
    texts = ((str(path), _read(path, problems)) for path in paths)
    return [(name, text) for name, text in texts if text is not None and text.strip()]
