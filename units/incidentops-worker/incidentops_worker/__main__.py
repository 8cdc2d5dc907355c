"""The command `incidentops-worker`."""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from incidentops_worker import __version__
from incidentops_worker.config import DEFAULT_PATH, ConfigError, broker_url, load

EXIT_FAILED = 1
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h; systemctl shows it as CONFIG

_EPILOG = """Each setting SECTION.KEY of the file can also be given as the environment variable
INCIDENTOPS_WORKER_SECTION_KEY, which wins. RabbitMQ's URL, with its password, is read from the systemd credential
incidentops.rabbitmq, or from the file that rabbitmq.credential names.
Exit status: 0 stopped as asked or the settings are right, 1 cannot start, 2 usage, 78 wrong settings."""


class _JournalFormatter(logging.Formatter):
    """Lines that journald sorts by priority: see SyslogLevelPrefix= in systemd.exec(5)."""

    def format(self, record: logging.LogRecord) -> str:
        priority = 3 if record.levelno >= logging.ERROR else 4 if record.levelno >= logging.WARNING else 6
        return "\n".join(f"<{priority}>{line}" for line in super().format(record).splitlines())


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    if "JOURNAL_STREAM" in os.environ:
        handler.setFormatter(_JournalFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # What happens to connections is said by the worker, in one line each; pika would add twenty.
    logging.getLogger("pika").setLevel(logging.CRITICAL)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="incidentops-worker",
        description="Record each job of RabbitMQ's queue incidentops.jobs exactly once in PostgreSQL.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help=f"the settings (default: {DEFAULT_PATH}, if there)")
    parser.add_argument("--check-config", action="store_true", help="say what is wrong with the settings, and end")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    options = parser.parse_args(arguments)
    try:
        config = load(options.config or DEFAULT_PATH, os.environ, required=options.config is not None)
        if options.check_config:
            print("The settings are right.")
            return 0
        url = broker_url(config, os.environ)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_CONFIG
    _log_to_stderr()
    # Not at the top: --help and --check-config answer also where the client libraries are missing or broken.
    from incidentops_worker.worker import Worker

    try:
        asyncio.run(Worker(config, url).run())
    except OSError as error:
        logging.getLogger(__name__).critical("Cannot start: %s.", error.strerror or error)
        return EXIT_FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
