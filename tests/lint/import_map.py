"""Who may import whom, as data, and the few functions that hold sources against it.

Imports count wherever they stand: in functions and under TYPE_CHECKING too.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

AGENT = "incidentops_agent"

# The daemon from top to bottom: a module may import from the lines below its own, never from its own or above.
# What talks to the world stands above the server, so that only app can reach it and the rest knows it by ports.py.
LAYERS = (
    "__main__",
    "app",
    "audit upkeep",
    "audit_retention audit_verify",
    "audit_store bus chaos_client exits fault_files journal listeners meter metrics prober system unit_journal",
    "probes.http probes.postgres probes.rabbitmq probes.redis probes.worker",
    "probes.amqp",
    "credentials probes.base",
    "server",
    "api",
    "handlers.agent handlers.audit handlers.chaos handlers.faults handlers.incidents",
    "handlers.recovery handlers.services handlers.streams",
    "handlers.actions",
    "actions lookup openapi",
    "autorecovery chaos faults incidents remediation",
    "fault_answers remedies",
    "ledger planner recorder",
    "jobs notes",
    "evidence",
    "engine",
    "bodies",
    "queries",
    "access answers configuration events peer polkit routes views",
    "live plan reliability report",
    "book chart grouping",
    "history incident last_seen onset recall",
    "causes policy",
    "rules",
    "ports",
    "fault_kinds",
    "catalogue chain settings",
    "parameters",
    "edge model",
    "handlers probes",
)

# Programs of their own inside the agent's package: they share nothing with the daemon but the package's version.
ISLANDS = ("cli", "bus_worker")
ISLAND_OF = {"_pystemd": "bus_worker", "bus_records": "bus_worker"}

HANDLERS = tuple(name for line in LAYERS for name in line.split() if name.startswith("handlers."))
OPERATIONS = (
    *("actions", "autorecovery", "chaos", "fault_answers", "faults", "incidents", "ledger", "planner", "remediation"),
    "remedies",
)
"""What acts on the services."""

# Only these modules of the agent may import these.
ONLY_IN = {
    f"{AGENT}.engine": (*OPERATIONS, "api", "app", "evidence", "jobs", "lookup", "metrics", "recorder", *HANDLERS),
    "aiohttp": ("answers", "api", "bodies", "chaos_client", "probes.http", "queries", "server", *HANDLERS),
    "aiohttp.web": ("answers", "api", "bodies", "queries", "server", *HANDLERS),
    "pika": ("probes.amqp", "probes.worker"),
    "prometheus_client": ("metrics",),
    "psutil": ("system",),
    "psycopg": ("probes.postgres",),
    "pystemd": ("_pystemd", "bus_worker"),
    "redis": ("probes.redis",),
    "sqlite3": ("audit", "audit_retention", "audit_store", "audit_verify"),
    "systemd": ("app", "journal"),
}

# These only compute: the same input gives the same output, always.
PURE = (
    *("book", "catalogue", "causes", "chain", "chart", "edge", "fault_kinds", "grouping", "history", "incident"),
    *(
        "last_seen",
        "model",
        "onset",
        "parameters",
        "plan",
        "policy",
        "recall",
        "reliability",
        "report",
        "rules",
        "settings",
    ),
)
IMPURE_IMPORTS = (
    "aiohttp",
    "asyncio",
    "datetime",
    "http",
    "io",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "shutil",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
    "urllib",
    "uuid",
)
PURE_AFTER_ALL = ("pathlib.PurePath", "pathlib.PurePosixPath")
IMPURE_CALLS = ("__import__", "eval", "exec", "input", "open", "print")

# Packages know each other by their protocols alone, with one exception: the root code may read the agent's words and
# catalogue, but nothing that serves.
PACKAGES = ("incidentops_agent", "incidentops_chaos", "incidentops_faults", "incidentops_gui", "incidentops_worker")
FAULTS_MAY_IMPORT = ("catalogue", "edge", "model", "parameters")

GRAB_BAGS = ("common", "helpers", "misc", "util", "utils")


@dataclass(frozen=True, slots=True, order=True)
class Import:
    """``target`` is a module of the project, or a dotted name outside it, such as ``pathlib.Path``."""

    importer: str
    line: int
    target: str


def sources(folder: Path) -> dict[str, ast.Module]:
    """Every module below a folder that holds packages, parsed, by its dotted name."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(), str(path))
    return found


def imports(modules: Mapping[str, ast.Module]) -> list[Import]:
    return sorted(one for name, tree in modules.items() for one in _imports_of(name, tree, modules))


def _imports_of(name: str, tree: ast.Module, modules: Mapping[str, ast.Module]) -> Iterator[Import]:
    is_package = any(other.startswith(f"{name}.") for other in modules)
    package = name if is_package else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(name, node.lineno, _known(alias.name, modules))
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")
                above = above[: len(above) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            for alias in node.names:
                yield Import(name, node.lineno, _known(f"{base}.{alias.name}", modules))


def _known(dotted: str, modules: Mapping[str, ast.Module]) -> str:
    """The module of the project that a dotted name lies in; the name itself when it lies outside."""
    candidate = dotted
    while candidate:
        if candidate in modules:
            return candidate
        candidate = candidate.rpartition(".")[0]
    return dotted


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def violations(modules: Mapping[str, ast.Module]) -> list[str]:
    """A sentence for each import that must not be; empty when the map is kept."""
    found = imports(modules)
    return [
        *_against_layers(modules, found),
        *_against_owners(found),
        *_against_purity(modules, found),
        *_against_packages(found),
        *(f"{name}: a module named so collects what belongs elsewhere" for name in modules if _is_grab_bag(name)),
        *(f"import cycle: {' > '.join(cycle)}" for cycle in cycles(modules, found)),
    ]


def _is_grab_bag(name: str) -> bool:
    return name.rpartition(".")[2] in GRAB_BAGS


def _local(name: str) -> str | None:
    """The name below the agent's package, empty for the package itself; None for what is not the agent's."""
    if name == AGENT:
        return ""
    return name.removeprefix(f"{AGENT}.") if name.startswith(f"{AGENT}.") else None


def _island(local: str) -> str:
    first = local.partition(".")[0]
    first = ISLAND_OF.get(first, first)
    return first if first in ISLANDS else ""


def _against_layers(modules: Mapping[str, ast.Module], found: list[Import]) -> Iterator[str]:
    rank = {name: number for number, line in enumerate(LAYERS) for name in line.split()}
    for name in modules:
        local = _local(name)
        if local and not _island(local) and local not in rank:
            yield f"{name} has no place in import_map.LAYERS yet; give it one"
    for one in found:
        importer, target = _local(one.importer), _local(one.target)
        if importer is None or not target:
            continue
        if _island(importer) != _island(target):
            yield f"{one.importer}:{one.line} imports {one.target}: they are different programs"
        elif not _island(importer) and rank.get(importer, -1) >= rank.get(target, len(LAYERS)):
            yield f"{one.importer}:{one.line} imports {one.target}, which does not stand below it"


def _against_owners(found: list[Import]) -> Iterator[str]:
    for one in found:
        importer = _local(one.importer)
        for package, owners in ONLY_IN.items():
            if importer is not None and within(one.target, package) and importer not in owners:
                yield f"{one.importer}:{one.line} imports {one.target}, which only {', '.join(owners)} may"


def _against_purity(modules: Mapping[str, ast.Module], found: list[Import]) -> Iterator[str]:
    pure = [f"{AGENT}.{name}" for name in PURE]
    for one in found:
        impure = any(within(one.target, name) for name in IMPURE_IMPORTS) and one.target not in PURE_AFTER_ALL
        if one.importer in pure and impure:
            yield f"{one.importer}:{one.line} imports {one.target}, but it must only compute"
    for name in pure:
        for node in ast.walk(modules.get(name, ast.Module([], []))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
                yield f"{name}:{node.lineno} calls {node.func.id}(), but it must only compute"


def _against_packages(found: list[Import]) -> Iterator[str]:
    for one in found:
        importer, target = one.importer.partition(".")[0], one.target.partition(".")[0]
        if target not in PACKAGES or importer == target:
            continue
        if importer == "incidentops_faults" and _local(one.target) in FAULTS_MAY_IMPORT:
            continue
        yield f"{one.importer}:{one.line} imports {one.target}: the two packages share no code"


def cycles(modules: Mapping[str, ast.Module], found: list[Import]) -> list[list[str]]:
    """Each cycle once, as the names along it; a package's __init__ counts only for what it imports itself."""
    graph: dict[str, list[str]] = {name: [] for name in modules}
    for one in found:
        if one.target in modules and one.target not in graph[one.importer] and one.target != one.importer:
            graph[one.importer].append(one.target)
    done: set[str] = set()
    result: list[list[str]] = []

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            result.append([*path[path.index(name) :], name])
        elif name not in done:
            for target in graph[name]:
                visit(target, [*path, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    return result
