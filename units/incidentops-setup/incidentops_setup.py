"""Makes what IncidentOps needs in PostgreSQL (two roles, a database) and in RabbitMQ (a user). Run as root.

Idempotent, and quick when all is there. A server that does not answer is named, and the exit status is 1: the service
manager then runs this again.
"""

import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pika
from pika.exceptions import AMQPError, ProbableAccessDeniedError, ProbableAuthenticationError

POSTGRES_SOCKET = "/var/run/postgresql/.s.PGSQL.5432"
CREDENTIAL = "incidentops.rabbitmq"
# One run of rabbitmqctl boots an Erlang machine: about a second, more on a loaded host.
COMMAND_SECONDS = 30

# What it made in the servers, one thing a line, such as "role incidentops": the package's purge takes back that and no
# more. Written after the thing was made, so it never claims what somebody else made in between.
STATE = "/var/lib/incidentops-setup"
CREATED = "created"

# The agent's role may log in and no more. UTF8 by name: a cluster made under the locale C would have no encoding, and
# jobs carry any text.
_SQL = """
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'incidentops') AS missing \\gset
\\if :missing
CREATE ROLE incidentops LOGIN;
\\echo role incidentops
\\endif
SELECT NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'incidentops-worker') AS missing \\gset
\\if :missing
CREATE ROLE "incidentops-worker" LOGIN;
\\echo role incidentops-worker
\\endif
SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = 'incidentops') AS missing \\gset
\\if :missing
CREATE DATABASE incidentops OWNER "incidentops-worker" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C';
\\echo database incidentops
\\endif
"""

# What the worker and the agent's probes use, and nothing of anybody else's: configure, write, read.
_PERMISSIONS = (r"^incidentops\.", r"^(incidentops\..*|amq\.default)$", r"^incidentops\.")


class SetupError(Exception):
    """Something is missing; the text says what."""


def main() -> int:
    """Provision both servers, whichever answers; the process's exit status."""
    problems = []
    for provision in (provision_postgres, provision_rabbitmq):
        try:
            provision()
        except SetupError as error:
            problems.append(str(error))
    for problem in problems:
        _say(4, problem)
    return 1 if problems else 0


def provision_postgres() -> None:
    """Raises SetupError."""
    try:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(2)
            line.connect(POSTGRES_SOCKET)
    except OSError as error:
        raise SetupError(f"PostgreSQL is not there: {POSTGRES_SOCKET}: {error.strerror or error}") from None
    command = ["psql", "-qXw", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-f", "-"]
    done = _execute_as("postgres", command, _SQL)
    _remember(done.stdout.splitlines())  # also when it failed half way
    _judge(done)


def provision_rabbitmq() -> None:
    """Raises SetupError. Does not start rabbitmqctl when the credential lets one in."""
    url = _credential()
    try:
        _log_in(url)
    except ProbableAuthenticationError:
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        # rabbitmqctl reads the password from its standard input: the list of processes is public. With any further
        # option, such as -q, its wrapper script (4.0) takes the password for given, and the command hangs.
        try:
            _run_as("rabbitmq", ["rabbitmqctl", "add_user", user], password + "\n")
        except SetupError:
            _run_as("rabbitmq", ["rabbitmqctl", "change_password", user], password + "\n")
        else:
            _remember([f"user {user}"])
        _permit(user)
        _say(6, f"RabbitMQ has the user {user} now.")
    except ProbableAccessDeniedError:
        _permit(unquote(urlsplit(url).username or ""))
    except (AMQPError, OSError) as error:
        raise SetupError(f"RabbitMQ is not there: {str(error) or type(error).__name__}") from None


def _permit(user: str) -> None:
    _run_as("rabbitmq", ["rabbitmqctl", "set_permissions", "-p", "/", user, *_PERMISSIONS])


def _credential() -> str:
    path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/etc/credstore")) / CREDENTIAL
    try:
        url = path.read_text().strip()
    except OSError as error:
        raise SetupError(f"there is no RabbitMQ credential: {path}: {error.strerror}") from None
    if not url.startswith("amqp://") or not urlsplit(url).username or not urlsplit(url).password:
        raise SetupError(f"{path}: must be one line: amqp://USER:PASSWORD@HOST:PORT/%2F")
    return url


def _log_in(url: str) -> None:
    parameters = pika.URLParameters(url)
    parameters.connection_attempts = 1
    parameters.socket_timeout = parameters.stack_timeout = 5
    parameters.blocked_connection_timeout = 5
    pika.BlockingConnection(parameters).close()


def _say(priority: int, sentence: str) -> None:
    """To the journal, which sorts by the number (syslog's) in front."""
    sys.stderr.write(f"<{priority}>{sentence}\n")


def _remember(things: list[str]) -> None:
    """Add to the list of what was made. Raises SetupError."""
    path = Path(os.environ.get("STATE_DIRECTORY", STATE)) / CREATED
    try:
        known = path.read_text().splitlines() if path.exists() else []
        new = [thing for thing in things if thing not in known]
        if new:
            path.write_text("".join(f"{thing}\n" for thing in [*known, *new]))
    except OSError as error:
        raise SetupError(f"cannot write down what was made: {path}: {error.strerror}") from None


def _run_as(user: str, command: list[str], text: str = "") -> None:
    """Run a command as another user. Raises SetupError with what it complained about."""
    _judge(_execute_as(user, command, text))


def _execute_as(user: str, command: list[str], text: str) -> subprocess.CompletedProcess[str]:
    """Run a command as another user, without shell or PAM. Raises SetupError when it can't be run."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise SetupError(f"there is no user {user}: its server is not installed") from None
    environment = {"PATH": "/usr/sbin:/usr/bin", "HOME": entry.pw_dir, "LC_ALL": "C.UTF-8", "PGCONNECT_TIMEOUT": "5"}
    try:
        return subprocess.run(
            command,
            input=text,
            text=True,
            capture_output=True,
            check=False,
            timeout=COMMAND_SECONDS,
            cwd=entry.pw_dir,
            env=environment,
            user=entry.pw_uid,
            group=entry.pw_gid,
            extra_groups=[],
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"cannot run {command[0]}: {error}") from None


def _judge(done: subprocess.CompletedProcess[str]) -> None:
    """Raises SetupError with what a command complained about, if it failed."""
    if done.returncode:
        complaint = " ".join((done.stderr or done.stdout).split())[:300]
        raise SetupError(f"{' '.join(done.args[:3])} failed: {complaint}")


if __name__ == "__main__":
    sys.exit(main())
