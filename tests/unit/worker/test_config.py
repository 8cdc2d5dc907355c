"""The worker's settings: every mistake is reported, with its place and its key."""

from pathlib import Path

import pytest
from incidentops_worker.__main__ import EXIT_CONFIG, main
from incidentops_worker.config import Config, ConfigError, broker_url, load


def problems(path: Path, environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, environment or {})
    return caught.value.problems


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "worker.yaml"


def test_a_missing_file_means_the_defaults(file: Path) -> None:
    config = load(file, {})
    assert config == Config()
    assert (config.trickle_rate, config.rabbitmq_prefetch, config.metrics_listen) == (2.0, 20, ("127.0.0.1", 8001))


def test_a_file_asked_for_must_be_there(file: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(file, {}, required=True)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "trickle:\n  # rate: 5\n"])
def test_an_empty_file_means_the_defaults(file: Path, text: str) -> None:
    file.write_text(text)
    assert load(file, {}) == Config()


def test_the_environment_wins_over_the_file(file: Path) -> None:
    file.write_text("trickle:\n  rate: 5\nrabbitmq:\n  prefetch: 7\n")
    config = load(file, {"INCIDENTOPS_WORKER_TRICKLE_RATE": "0", "INCIDENTOPS_WORKER_POSTGRES_KEEP_DAYS": "30"})
    assert (config.trickle_rate, config.rabbitmq_prefetch, config.postgres_keep_days) == (0.0, 7, 30)


def test_all_mistakes_are_reported_at_once_with_line_and_key(file: Path) -> None:
    file.write_text(
        "trickle:\n"
        "  rate: fast\n"
        "  rate: 3\n"
        "  colour: red\n"
        "rabbitmq: 5672\n"
        "metrics:\n"
        "  listen: 0.0.0.0:8001\n"
        "redis:\n"
        "  url: http://localhost\n"
        "  ttl: true\n"
        "postgres:\n"
        "  dsn: [a, b]\n"
    )
    environment = {"INCIDENTOPS_WORKER_STOP_TIMEOUT": "soon", "INCIDENTOPS_WORKER_NOSUCH_KEY": "1", "HOME": "/"}
    found = problems(file, environment)
    assert sorted(found) == sorted(
        [
            f"{file}:2: trickle.rate: must be a number from 0 to 200, not 'fast'",
            f"{file}:3: trickle.rate: given twice",
            f"{file}:4: trickle.colour: unknown key",
            f"{file}:5: rabbitmq: must be a mapping",
            f"{file}:7: metrics.listen: must be a loopback address and a port, such as 127.0.0.1:8001,"
            " not '0.0.0.0:8001'",
            f"{file}:9: redis.url: must begin with redis:// or unix://",
            f"{file}:10: redis.ttl: must be a whole number from 1 to 86400, not True",
            f"{file}:12: postgres.dsn: must be a single value",
            "$INCIDENTOPS_WORKER_NOSUCH_KEY: nosuch.key: unknown key",
            "$INCIDENTOPS_WORKER_STOP_TIMEOUT: stop.timeout: must be a number from 1 to 60, not 'soon'",
        ]
    )


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2\n", "just text", "x: !!python/object:os.system y\n", "\x00"])
def test_what_is_no_settings_file_is_refused_without_a_traceback(file: Path, text: str) -> None:
    file.write_text(text)
    assert problems(file)[0].startswith(str(file))


@pytest.mark.parametrize("value", [".nan", ".inf", "-1", "201", "null", "2026-11-24", "2026-99-99"])
def test_a_rate_is_a_number_in_range(file: Path, value: str) -> None:
    file.write_text(f"trickle:\n  rate: {value}\n")
    assert len(problems(file)) == 1


@pytest.mark.parametrize(
    "value", ["127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1", "localhost:8001", "10.0.0.1:8001", ":1"]
)
def test_metrics_are_for_this_machine_only(file: Path, value: str) -> None:
    assert len(problems(file, {"INCIDENTOPS_WORKER_METRICS_LISTEN": value})) == 1


def test_metrics_may_use_ipv6_loopback(file: Path) -> None:
    assert load(file, {"INCIDENTOPS_WORKER_METRICS_LISTEN": "[::1]:9000"}).metrics_listen == ("::1", 9000)


def test_the_broker_url_comes_from_the_systemd_credential(tmp_path: Path) -> None:
    (tmp_path / "incidentops.rabbitmq").write_text("amqp://incidentops:secret@127.0.0.1:5672/%2F\n")
    url = broker_url(Config(), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert url == "amqp://incidentops:secret@127.0.0.1:5672/%2F"


def test_the_broker_url_may_come_from_a_named_file(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("amqp://a:b@127.0.0.1/")
    assert broker_url(Config(rabbitmq_credential=str(path)), {}) == "amqp://a:b@127.0.0.1/"


@pytest.mark.parametrize("content", [None, "", "http://x\n", "amqp://a:b@c\namqp://d:e@f\n"])
def test_a_bad_credential_is_named_and_never_shown(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "incidentops.rabbitmq").write_text(content)
    with pytest.raises(ConfigError) as caught:
        broker_url(Config(), {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert str(tmp_path) in str(caught.value)
    assert "a:b" not in str(caught.value)


def test_no_credential_at_all_is_explained() -> None:
    with pytest.raises(ConfigError, match=r"incidentops\.rabbitmq nor rabbitmq\.credential"):
        broker_url(Config(), {})


def test_check_config_says_so_and_exits(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("trickle:\n  rate: 1\n")
    assert main(["--config", str(file), "--check-config"]) == 0
    assert capsys.readouterr().out == "The settings are right.\n"
    file.write_text("trickle:\n  rate: x\n  y: z\n")
    assert main(["--config", str(file), "--check-config"]) == EXIT_CONFIG
    assert len(capsys.readouterr().err.splitlines()) == 2
