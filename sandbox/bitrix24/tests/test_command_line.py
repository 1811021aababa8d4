"""The command line: its first line, its end, its refusals."""

import json
import signal
import subprocess
import sys

import pytest
import requests

from sandbox.bitrix24 import main


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_stops_quietly(number):
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.bitrix24", "--port", "0", "--token", "t0ken", "--fault", "plan=standard"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        about = json.loads(process.stdout.readline())
        assert about["base"] == f"{about['address']}/rest/1/t0ken/"
        assert {account["id"] for account in about["accounts"]} >= {"1", "2", "14"}
        assert {"client_id", "client_secret", "oauth", "member_id", "application_token"} <= set(about["app"])
        manager = next(account for account in about["accounts"] if account["id"] == "14")
        session = requests.Session()
        session.trust_env = False
        with session:
            assert session.get(manager["base"] + "profile", timeout=120).json()["result"]["ID"] == "14"
            shown = session.get(about["address"] + "/sandbox/faults", timeout=120).json()
        assert shown["plan"]["value"] == "standard"
    finally:
        process.send_signal(number)
        rest, errors = process.communicate(timeout=120)
    assert (process.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize("options", [["--fault", "nope=1"], ["--fault", "plan"], ["--portal", "other"]])
def test_wrong_options_say_why(capsys, options):
    with pytest.raises(SystemExit) as ended:
        main(["--port", "0", *options])
    assert ended.value.code == 2
    assert options[0] in capsys.readouterr().err


@pytest.mark.parametrize("options", [["--fault", "plan=7"], ["--speedup", "0"], ["--tls", "/none", "/none"]])
def test_wrong_values_end_with_2(capsys, options):
    assert main(["--port", "0", *options]) == 2
    assert capsys.readouterr().err.startswith("bitrix24 sandbox: ")
