"""The command as people start it: first line, signals, wrong options."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from sandbox.backoffice import main

pytestmark = pytest.mark.row("PL-08", "BR-23")
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_first_line_and_a_clean_end(number):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "*"}
    process = subprocess.Popen(
        [Path(sys.executable).parent / "annex", "sandbox", "backoffice", "--port", "0", "--token", "t-9", "--fault",
         "slow_s=0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    try:
        about = json.loads(process.stdout.readline())
        assert (about["token"], about["portal"], about["user"], about["header"]) == ("t-9", "broker", "annex", "X-Api-Key")
        assert {"id": "1000419", "name": "Ёлкина Анна", "kind": "person"} in about["clients"]
        answer = requests.get(f"{about['base']}/bo/contracts.xml?client_id=000042", timeout=120)
        assert b"B-2003/0042" in answer.content
        assert b"wsdl:definitions" in requests.get(about["wsdl"], timeout=120).content
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


@pytest.mark.parametrize("options", [["--fault", "down=7"], ["--speedup", "0"], ["--fault", "only=x"]])
def test_wrong_values_end_with_2(capsys, options):
    assert main(["--port", "0", *options]) == 2
    assert capsys.readouterr().err.startswith("backoffice sandbox: ")
