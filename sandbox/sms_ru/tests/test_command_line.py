"""The command as people start it: first line, signals, wrong options."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sandbox.sms_ru import main

pytestmark = pytest.mark.row("BR-23")
ROOT = Path(__file__).parents[3]


def test_first_line_and_a_clean_end():
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "*"}
    process = subprocess.Popen(
        [Path(sys.executable).parent / "annex", "sandbox", "sms_ru", "--port", "0", "--token", "KEY-9", "--fault",
         "status_step=0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    try:
        about = json.loads(process.stdout.readline())
        assert (about["api_id"], about["portal"], about["senders"]) == ("KEY-9", "broker", ["BROKER"])
        told = requests.post(f"{about['base']}/my/balance", data={"api_id": "KEY-9", "json": 1}, timeout=120).json()
        assert told["balance"] == 1000.0
    finally:
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=120)
    assert (process.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize("options", [["--fault", "nope=1"], ["--portal", "other"]])
def test_wrong_options_say_why(capsys, options):
    with pytest.raises(SystemExit):
        main(["--port", "0", *options])
    assert options[0] in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--fault", "down=7"], ["--speedup", "0"], ["--fault", "errors_next=7"]])
def test_wrong_values_end_with_2(capsys, options):
    assert main(["--port", "0", *options]) == 2
    assert capsys.readouterr().err.startswith("sms_ru sandbox: ")
