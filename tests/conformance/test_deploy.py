"""The files in deploy/ say what the program knows: its settings, commands and probes; nothing runs as root."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from app.cli import _parser
from app.discovery import find_connectors, find_plugins
from kernel.settings import GENERAL
from kernel.web import WEB_SETTINGS
from tests.conformance.checkout import ROOT, output, run, tool

pytestmark = pytest.mark.row("PL-14")

DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "box" not in path.relative_to(DEPLOY).parts)
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
IMAGE = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "annex"}
OBJECTS: list[dict[str, Any]] = list(
    yaml.safe_load_all((DEPLOY / "kubernetes/annex.yaml").read_text(encoding="utf-8")),
)
SETTINGS = {known.name for known in (*GENERAL, *WEB_SETTINGS)} | {
    line.name for connector in find_connectors().values() for line in connector.settings
}
LONGEST_STOP_SECONDS = 20  #: what a worker and gunicorn take at most


def where(path: Path) -> str:
    return str(path.relative_to(ROOT))


def kind(name: str, called: str) -> dict[str, Any]:
    return next(one for one in OBJECTS if (one["kind"], one["metadata"]["name"]) == (name, called))


def pods() -> Iterator[dict[str, Any]]:
    yield kind("Deployment", "annex-web")["spec"]["template"]["spec"]
    yield kind("StatefulSet", "annex-worker")["spec"]["template"]["spec"]


def unit(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, mark, value = line.partition("=")
        if mark and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def commands() -> Iterator[tuple[str, list[str]]]:
    """Where it stands, and the arguments of `annex`."""
    yield "Containerfile", json.loads(re.findall(r"^CMD (\[.*\])$", IMAGE, re.MULTILINE)[-1])
    yield from ((f"compose.yaml {name}", service["command"]) for name, service in OURS.items())
    yield from ((pod["containers"][0]["name"], pod["containers"][0]["args"]) for pod in pods())
    for path in UNITS:
        [line] = unit(path)["ExecStart"]
        program, *arguments = shlex.split(line)
        assert program.endswith("/annex")
        yield path.name, arguments


@pytest.mark.parametrize("path", FILES, ids=where)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(re.findall(r"\b(?:ANNEX|PLANFIX|BITRIX24)_[A-Z0-9_]+", path.read_text(encoding="utf-8")))
    assert named - SETTINGS == set()


@pytest.mark.parametrize(("place", "arguments"), list(commands()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_command_is_understood_by_the_command_line(place: str, arguments: list[str]) -> None:
    brought = [command for plugin in find_plugins().values() for command in plugin.commands]
    args = _parser(brought).parse_args(arguments)
    assert args.command in ("serve", "worker")
    if args.command == "serve" and not place.endswith(".service"):
        assert args.host == "0.0.0.0", "inside a container nobody reaches 127.0.0.1"


@pytest.mark.parametrize("path", FILES, ids=where)
def test_no_image_names_a_host_it_comes_from(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"^\s*(?:-\s+)?image:\s*(\S+)|^FROM\s+(\S+)|^ARG PYTHON=(\S+)", text, re.MULTILINE)
    for name in filter(None, (one for names in named for one in names)):
        assert re.fullmatch(r"[a-z0-9-]+(:[\w.-]+)?|\$\{PYTHON\}", name), name
    assert not re.search(r"--(extra-)?index-url|--trusted-host", text)


def test_the_image_holds_all_our_packages_and_no_root_runs_it() -> None:
    stages = IMAGE.split("\nFROM ")
    assert len(stages) == 3, "what builds is not what runs"
    include = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]["find"]
    rooms = {name.rstrip("*") for name in include["include"]}
    assert rooms == set(re.findall(r"^COPY (\w+) \1$", stages[1], re.MULTILINE))
    sent = set((DEPLOY / "Containerfile.dockerignore").read_text(encoding="utf-8").split())
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", stages[1], re.MULTILINE):
        for name in line.split():
            assert (ROOT / name).exists() and f"!{name}" in sent
    assert "--require-hashes" in stages[1]
    [user] = re.findall(r"^USER (\d+):(\d+)$", stages[2], re.MULTILINE)
    assert "0" not in user and "/healthz" in stages[2].split("HEALTHCHECK")[1]
    home = "/var/lib/annex"
    assert f"ANNEX_HOME={home}" in IMAGE and f"VOLUME {home}" in IMAGE and f"--home-dir {home}" in IMAGE


@pytest.mark.parametrize("name", sorted(OURS))
def test_compose_runs_ours_locked_in(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True and service["tmpfs"] == ["/tmp"]
    assert service["user"].split(":")[0] not in ("", "0", "root")
    assert service["cap_drop"] == ["ALL"] and "no-new-privileges:true" in service["security_opt"]
    assert int(service["stop_grace_period"].rstrip("s")) > LONGEST_STOP_SECONDS
    assert service["volumes"] == [f"home:{service['environment']['ANNEX_HOME']}"]


def test_compose_hangs_together() -> None:
    assert "/readyz" in str(SERVICES["web"]["healthcheck"]["test"])
    workers = {name: service for name, service in OURS.items() if service["command"][0] == "worker"}
    assert len(workers) > 1
    for name, service in workers.items():
        assert service["command"] == ["worker", "--id", name], "one service, one slot"
        assert not {"deploy", "scale"} & set(service)
    assert "ports" not in SERVICES["database"] and COMPOSE["networks"]["inside"]["internal"] is True
    for service in SERVICES.values():
        assert service["read_only"] is True
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        named = [volume.split(":")[0] for volume in service["volumes"]]
        assert all(one in COMPOSE["volumes"] or (DEPLOY / one).is_file() for one in named)
        for other in service.get("depends_on", {}):
            assert "test" in SERVICES[other]["healthcheck"]


def test_the_proxy_leads_to_the_web_part_and_keeps_numbers_inside() -> None:
    text = (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
    command = SERVICES["web"]["command"]
    assert f"reverse_proxy web:{command[command.index('--port') + 1]}" in text
    assert re.search(r"@inside path /metrics /readyz /healthz\n\s+respond @inside 404", text)
    assert set(re.findall(r"\{\$(\w+)\}", text)) <= set(SERVICES["proxy"]["environment"])


@pytest.mark.parametrize("path", UNITS, ids=where)
def test_units_are_locked_in_and_stop_gracefully(path: Path) -> None:
    found = unit(path)
    assert found["User"] == ["annex"] and found["NoNewPrivileges"] == ["yes"] and found["ProtectSystem"] == ["strict"]
    assert found["StateDirectory"] == ["annex"] and found["Environment"] == ["ANNEX_HOME=/var/lib/annex"]
    assert int(found["TimeoutStopSec"][0]) > LONGEST_STOP_SECONDS and found["Restart"] == ["always"]


def test_the_instance_is_the_workers_slot() -> None:
    [line] = unit(DEPLOY / "systemd/annex-worker@.service")["ExecStart"]
    assert line.endswith(" worker --id %i")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    copies = []
    for path in UNITS:
        # It wants the program to be there; ours lies where these tests run.
        text = path.read_text(encoding="utf-8").replace("/opt/annex/.venv/bin/annex", tool("annex"))
        copies.append(tmp_path / path.name.replace("@.", "@1."))
        copies[-1].write_text(text, encoding="utf-8")
    done = run("systemd-analyze", "verify", "--man=no", *map(str, copies))
    wrong = [line for line in output(done).splitlines() if str(tmp_path) in line or "annex" in line]
    assert done.returncode == 0 and wrong == [], output(done)


def test_kubernetes_runs_nobody_as_root_and_writes_nowhere_else() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 0
        assert pod["automountServiceAccountToken"] is False
        assert pod["terminationGracePeriodSeconds"] > LONGEST_STOP_SECONDS
        [container] = pod["containers"]
        locked = container["securityContext"]
        assert locked["readOnlyRootFilesystem"] is True and locked["allowPrivilegeEscalation"] is False
        assert locked["capabilities"] == {"drop": ["ALL"]}
        mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
        assert mounts == {"home": "/var/lib/annex", "tmp": "/tmp"}
        assert {volume["name"] for volume in pod["volumes"]} == set(mounts)
        assert {"name": "ANNEX_HOME", "value": mounts["home"]} in container["env"]


def test_kubernetes_asks_the_right_doors() -> None:
    [web] = kind("Deployment", "annex-web")["spec"]["template"]["spec"]["containers"]
    assert web["livenessProbe"]["httpGet"]["path"] == web["startupProbe"]["httpGet"]["path"] == "/healthz"
    assert web["readinessProbe"]["httpGet"]["path"] == "/readyz"
    port = web["args"][web["args"].index("--port") + 1]
    assert [str(one["containerPort"]) for one in web["ports"]] == [port]


def test_a_pods_number_is_the_workers_slot() -> None:
    workers = kind("StatefulSet", "annex-worker")
    assert workers["spec"]["serviceName"] == kind("Service", "annex-worker")["metadata"]["name"]
    [container] = workers["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["worker", "--id", "$(WORKER_ID)"]
    [slot] = [one for one in container["env"] if one["name"] == "WORKER_ID"]
    assert slot["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"


def test_every_selector_finds_its_pods() -> None:
    labels = [kind(*one)["spec"]["template"]["metadata"]["labels"] for one in
              (("Deployment", "annex-web"), ("StatefulSet", "annex-worker"))]  # fmt: skip
    for one in OBJECTS:
        spec = one.get("spec", {})
        wanted = spec.get("podSelector") or spec.get("selector") or {}
        wanted = wanted.get("matchLabels", wanted)
        if wanted and one["metadata"]["name"] != "annex-nobody":
            assert any(wanted.items() <= found.items() for found in labels), one["metadata"]
    kinds = {one["kind"] for one in OBJECTS}
    assert kinds >= {"PodDisruptionBudget", "NetworkPolicy", "Ingress", "ServiceAccount"}


def test_the_proxy_of_the_example_asks_for_https_from_then_on():
    assert 'Strict-Transport-Security "max-age=31536000"' in (DEPLOY / "Caddyfile").read_text(encoding="utf-8")
