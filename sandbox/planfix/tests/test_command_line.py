"""The command as people start it: first line, signals, https, wrong options."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sandbox.planfix import main

ROOT = Path(__file__).parents[3]


def start(*options):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox.planfix", "--port", "0", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_line_and_a_clean_end(number):
    process = start("--token", "t0ken", "--fault", "rate_per_second=7")
    try:
        about = json.loads(process.stdout.readline())
        assert about["base"] == about["address"] + "/rest/"
        assert (about["token"], about["portal"]) == ("t0ken", "exchange-desk")
        assert about["accounts"][1] == {"id": "user:3", "name": "Ігор Бондар", "role": "User", "token": "staff-3"}
        header = {"Authorization": "Bearer t0ken"}
        assert requests.get(about["base"] + "ping", headers=header, timeout=120).json() == {"result": "success"}
        shown = requests.get(about["address"] + "/sandbox/faults", timeout=120).json()
        assert shown["rate_per_second"]["value"] == 7
    finally:
        process.send_signal(number)
        rest, errors = process.communicate(timeout=120)
    assert (process.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize("options", [["--fault", "nope=1"], ["--fault", "limit_answer"], ["--portal", "other"]])
def test_wrong_options_say_why(capsys, options):
    with pytest.raises(SystemExit) as ended:
        main(["--port", "0", *options])
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--fault", "limit_answer=7"], ["--speedup", "0"], ["--tls", "/none", "/none"]])
def test_wrong_values_end_with_2(capsys, options):
    assert main(["--port", "0", *options]) == 2
    assert capsys.readouterr().err.startswith("planfix sandbox: ")


def test_https(tmp_path, portal):
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("no openssl here")
    sandbox = portal(tls=(str(cert), str(key)))
    assert sandbox.address.startswith("https://")
    header = {"Authorization": "Bearer sandbox"}
    answer = requests.get(f"{sandbox.address}/rest/ping", headers=header, verify=str(cert), timeout=120)
    assert answer.json() == {"result": "success"}
