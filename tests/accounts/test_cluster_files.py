"""The files of `examples/cluster`: the programs they are for can read them, and they agree with the app and with each
other. What HAProxy's does is in `test_cluster.py`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from salver.cli.arguments import Command, parse
from salver.service.settings import Settings
from tests.accounts.servers import CLUSTER, program

UNIT = CLUSTER / "salver@.service"
PROXY = CLUSTER / "haproxy.cfg"
CHECKS = 2.0  # seconds that the checks of haproxy.cfg take to find a process away, at most


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    """The documents by their kind."""
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    return {each["kind"]: each for each in yaml.safe_load_all((CLUSTER / "kubernetes.yaml").read_text())}


@pytest.fixture(scope="module")
def container(manifest: dict[str, Any]) -> dict[str, Any]:
    (found,) = manifest["Deployment"]["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environment_of_the_app() -> set[str]:
    return set(re.findall(r'environ\.get\("(\w+)"', (CLUSTER / "app.py").read_text()))


def is_patient(command: Command) -> bool:
    return bool(CHECKS < command.settings["timeout_last_request"] < Settings().timeouts.stop)


def test_the_app_is_short() -> None:
    assert len((CLUSTER / "app.py").read_text().splitlines()) < 60


class TestHAProxy:
    def test_reads_it(self) -> None:
        done = subprocess.run(
            [program("haproxy", "haproxy"), "-c", "-f", PROXY], capture_output=True, text=True, timeout=30, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")

    def test_finds_a_process_away_before_idle_connections_end(self) -> None:
        found = re.search(r"inter (\d+)s fastinter (\d+)ms fall (\d+)", PROXY.read_text())
        assert found is not None
        interval, fast, fall = int(found[1]), int(found[2]) / 1_000, int(found[3])
        assert interval + fast * (fall - 1) < CHECKS


class TestSystemd:
    def test_reads_it(self, tmp_path: Path) -> None:
        if shutil.which("systemd-analyze") is None:
            pytest.skip("systemd-analyze is not installed (Debian: systemd)")
        there = shutil.which("true") or "/bin/true"  # what is installed here is not what the unit names
        unit = tmp_path / "salver@8001.service"
        unit.write_text(re.sub(r"(?m)^(Exec\w+=)/\S+", rf"\g<1>{there}", UNIT.read_text()))
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, [line for line in done.stderr.splitlines() if "salver@" in line]) == (0, [])

    def test_starts_a_command_that_there_is(self) -> None:
        (line,) = re.findall(r"(?m)^ExecStart=\S+ (.*)$", UNIT.read_text())
        command = parse(line.replace("%i", "8001").split())
        assert (command.target, command.bind) == ("app:app", ("127.0.0.1:8001",))
        assert is_patient(command)

    def test_kills_nobody_who_is_still_finishing(self) -> None:
        (seconds,) = re.findall(r"(?m)^TimeoutStopSec=(\d+)$", UNIT.read_text())
        assert int(seconds) > Settings().timeouts.stop

    def test_names_what_the_app_is_told_by(self) -> None:
        assert environment_of_the_app() <= set(re.findall(r"SALVER_\w+", UNIT.read_text()))


class TestKubernetes:
    def test_starts_a_command_that_there_is(self, container: dict[str, Any]) -> None:
        assert container["command"][0] == "salver"
        command = parse(container["command"][1:])
        assert (command.target, command.bind) == ("app:app", ("0.0.0.0:8000",))
        assert container["ports"] == [{"name": "http", "containerPort": 8000}]
        assert is_patient(command)

    def test_asks_whether_it_answers(self, container: dict[str, Any]) -> None:
        for probe in ("readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"] == {"path": "/health", "port": "http"}
        assert '@app.get("/health")' in (CLUSTER / "app.py").read_text()

    def test_kills_nobody_who_is_still_finishing(self, manifest: dict[str, Any], container: dict[str, Any]) -> None:
        before = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
        grace = manifest["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert grace > before + Settings().timeouts.stop

    def test_gives_the_app_its_settings_and_secrets_as_such(self, container: dict[str, Any]) -> None:
        given = {each["name"]: each for each in container["env"]}
        assert set(given) == environment_of_the_app()
        assert "secretKeyRef" in given["SALVER_DATABASE"]["valueFrom"]
        assert "secretKeyRef" in given["SALVER_TRIES"]["valueFrom"]

    def test_they_belong_together(self, manifest: dict[str, Any]) -> None:
        labels = {"app": "salver"}
        assert manifest["Deployment"]["spec"]["template"]["metadata"]["labels"] == labels
        assert manifest["Deployment"]["spec"]["selector"]["matchLabels"] == labels
        assert manifest["Service"]["spec"]["selector"] == labels
        assert manifest["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
