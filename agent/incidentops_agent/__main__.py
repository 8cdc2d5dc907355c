"""incidentops-agent: the command line of the daemon."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from . import __version__, configuration, edge, polkit, ports

FAILED, USAGE = 1, 2


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="incidentops-agent",
        description="Watches and controls the services of the catalogue through PID 1 and serves the local API."
        " Normally started by systemd, which also holds its sockets.",
    )
    made.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    made.add_argument(
        "--check-config", action="store_true", help="check settings and catalogue, say all mistakes, exit"
    )
    made.add_argument(
        "--write-polkit-rules", type=Path, metavar="FILE", help="write the polkit rule for the catalogue's units, exit"
    )
    made.add_argument(
        "--verify-audit",
        type=Path,
        metavar="FILE",
        help="say whether the audit trail in this database is as it was written, exit; the agent need not run",
    )
    made.add_argument(
        "--config", type=Path, default=configuration.SETTINGS, metavar="FILE", help="settings (default: %(default)s)"
    )
    made.add_argument(
        "--catalogue",
        type=Path,
        action="append",
        metavar="DIR",
        help="folder of service files; later ones override earlier ones (default: "
        + " ".join(map(str, configuration.CATALOGUE))
        + ")",
    )
    made.add_argument(
        "--state",
        type=Path,
        default=Path(os.environ.get("STATE_DIRECTORY", "/var/lib/incidentops")),
        metavar="DIR",
        help="folder of the audit trail (default: $STATE_DIRECTORY or %(default)s)",
    )
    made.add_argument(
        "--listen",
        action="append",
        default=[],
        metavar="WHERE",
        help="without sockets from systemd: a path, 127.0.0.1:PORT or [::1]:PORT; may be given several times",
    )
    made.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    return made


class _JournalFormatter(logging.Formatter):
    """Lines with a priority prefix, sd-daemon(3), for the journal; plain ones for a terminal."""

    _PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6), (logging.DEBUG, 7))

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if "JOURNAL_STREAM" not in os.environ:
            return text
        priority = next((number for level, number in self._PRIORITIES if record.levelno >= level), 7)
        return "\n".join(f"<{priority}>{line}" for line in text.splitlines())


def set_up_logging(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_JournalFormatter("%(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for noisy in ("pika", "psycopg"):  # what they report, the probes say better
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def write_polkit_rules(path: Path, loaded: configuration.Configuration) -> None:
    """Replace the file in one step, and only when it differs: polkit reads it anew each time that it changes."""
    text = polkit.rule(loaded.catalogue)
    if path.exists() and path.read_text() == text:
        return
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.chmod(0o644)
    fresh.rename(path)


def main() -> int:
    """Run the agent; 0 when it was told to stop, 1 when it can't go on, 2 for a wrong command line."""
    arguments = parser().parse_args()
    if arguments.verify_audit:
        return verify_audit(arguments.verify_audit)
    set_up_logging(arguments.log_level)
    folders = arguments.catalogue or list(configuration.CATALOGUE)
    loaded, problems = configuration.load_what_is_right(arguments.config, folders)
    for problem in problems:
        print(problem, file=sys.stderr)
    if problems and arguments.check_config:
        count = len(problems)
        print(f"cannot use this configuration: {count} mistake{'s' if count > 1 else ''}", file=sys.stderr)
        return FAILED
    if arguments.check_config:
        print(f"the configuration is right: {len(loaded.catalogue.services)} services")
        return 0
    try:
        if arguments.write_polkit_rules:
            write_polkit_rules(arguments.write_polkit_rules, loaded)
            return 0
        return run(arguments, loaded, folders, problems)
    except OSError as error:
        print(f"cannot go on: {error}", file=sys.stderr)
        return FAILED


def verify_audit(path: Path) -> int:
    """Verify a trail; 0 when it holds. Root may look into any: SQLite leaves the owner of the files as it was."""
    from . import audit_verify, chain

    try:
        verdict = audit_verify.verify(path, None)
    except OSError as error:
        print(error, file=sys.stderr)
        return FAILED
    print(chain.sentence(verdict), file=sys.stderr if verdict.problem else sys.stdout)
    return FAILED if verdict.problem else 0


def run(
    arguments: argparse.Namespace,
    loaded: configuration.Configuration,
    folders: list[Path],
    problems: list[edge.Problem],
) -> int:
    """Serve. What the daemon needs is imported here: checking a configuration needs none of it."""
    from . import app

    options = app.Options(arguments.config, folders, arguments.state, arguments.listen)
    try:
        asyncio.run(app.serve(options, loaded, problems))
    except ports.SchemaError as error:
        print(f"cannot start: {error}", file=sys.stderr)
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
