"""The catalogue's files are tidy YAML, and the agent takes them as they are."""

from __future__ import annotations

import subprocess
import sys

from incidentops_agent import catalogue
from lint.files import TOP, project_files

RULES = "{extends: default, rules: {document-start: disable, line-length: {max: 120}}}"


def yaml_files() -> list[str]:
    return [str(path) for path in project_files() if path.suffix in (".yaml", ".yml")]


def test_yamllint_finds_nothing() -> None:
    assert "agent/services.d/redis.yaml" in yaml_files()
    done = subprocess.run(
        [sys.executable, "-m", "yamllint", "--strict", "-d", RULES, *yaml_files()],
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_agent_takes_the_catalogue() -> None:
    files = [path for path in project_files() if path.parent.name == "services.d" and path.suffix == ".yaml"]
    found = catalogue.parse((str(path), (TOP / path).read_text()) for path in files)
    assert {"postgres", "redis", "rabbitmq", "worker", "chaos"} <= set(found.services)
    assert found.services["postgres"].unit == "postgresql@*-main.service"
    assert found.services["worker"].depends_on == ("postgres", "rabbitmq", "redis")
