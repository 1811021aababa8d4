"""The command as people start it: first line, signals, wrong options."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sandbox.telegram import main

pytestmark = pytest.mark.row("PL-08")
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_line_and_a_clean_end(number):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "*"}
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.telegram", "--port", "0", "--token", "7000000009:x", "--fault", "latency=0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    try:
        about = json.loads(process.stdout.readline())
        assert (about["token"], about["portal"]) == ("7000000009:x", "partners")
        assert about["bots"] == [{"id": 7000000009, "username": "partner_desk_bot"}]
        assert len(about["groups"]) == 3
        me = requests.get(f"{about['base']}{about['token']}/getMe", timeout=120).json()
        assert me["result"]["first_name"] == "Обмін: партнери"
    finally:
        process.send_signal(number)
        rest, errors = process.communicate(timeout=120)
    assert (process.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize("options", [["--fault", "nope=1"], ["--portal", "other"]])
def test_wrong_options_say_why(capsys, options):
    with pytest.raises(SystemExit) as ended:
        main(["--port", "0", *options])
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["--fault", "down=7"], ["--speedup", "0"], ["--token", "nonsense"], ["--fault", "errors_next=x"]]
)
def test_wrong_values_end_with_2(capsys, options):
    assert main(["--port", "0", *options]) == 2
    assert capsys.readouterr().err.startswith("telegram sandbox: ")
