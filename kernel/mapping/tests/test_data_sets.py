"""Sets of data: each mistake of a declaration is named with file, key and line before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from kernel.errors import Misconfigured
from kernel.mapping import load_set

LIST = (
    'name = "cash"\nlabel = "Деньги"\n[field.contract]\nlabel = "Договор"\n'
    '[field.amount]\nlabel = "Сумма"\ntype = "decimal"\n'
)
SET = """name  = "position"
title = "Биржевая позиция"
of    = ["contact"]
service = { face = "soap", path = "/bo/P", operation = "GetPosition", ask = { ClientID = "{client_id}" } }
[table.cash]
title = "Деньги"
list  = "cash"
rows  = "Account/Cash"
key   = ["contract"]
per   = ["contract"]
keep  = "-balance"
columns = [
  { name = "contract", title = "Договор", from = "../@contract", required = true },
  { name = "balance",  title = "Остаток", from = "Balance", type = "money", subtotal = "sum", field = "amount" },
]
"""
PUSH = 'name = "open"\nonce = "lookup"\nservice = { face = "soap", path = "/bo/O", operation = "Open", status = "Get" }\n'


def folder(tmp_path: Path, text: str = SET, push: str = PUSH) -> Path:
    home = tmp_path / "broker"
    home.mkdir(exist_ok=True)
    (home / "portal.toml").write_text('connector = "x"\n')
    (home / "list.cash.toml").write_text(LIST)
    (home / "set.position.toml").write_text(text)
    (home / "push.open.toml").write_text(push)
    return home


def test_a_set_is_read(tmp_path):
    found = load_set(folder(tmp_path))
    one = found.sets["position"]
    table = one.table["cash"]
    assert found.entities == {} and table.places == {"contract": 0, "balance": 1} and table.list_name == "cash"
    assert one.services() == [(one.service, ("cash",))] and one.service_of("cash").client_at == "Page/ClientID"
    assert found.pushes["open"].once == "lookup" and found.pushes["open"].settle_s == 120
    assert table.columns[1].list_field == "amount" and table.row_path.steps == ("Account", "Cash")


MISTAKES = [
    (('keep  = "-balance"', 'keep  = "-balanse"'), r"line 5: table\.cash: keep names «balanse»"),
    (('key   = ["contract"]', 'key   = ["contrakt"]'), r"key names «contrakt»"),
    (('per   = ["contract"]', 'per   = ["x"]'), r"per names «x»"),
    (('title = "Деньги"', 'titel = "Деньги"'), r"line \d+: table\.cash\.titel: unknown key"),
    (('list  = "cash"', 'list  = "kash"'), r"line 7: table\.cash\.list: there is no list\.kash\.toml"),
    (('field = "amount"', 'field = "sum"'), r"line 14: table\.cash\.columns\.1: list «cash» has no field «sum»"),
    (('field = "amount"', 'field = "contract"'), r"line 14: .*«contract» and «balance» go into one field"),
    (('"money", subtotal = "sum"', '"date"'), r"line 14: .*field «amount» is decimal, the column «balance» date"),
    (('type = "money"', 'type = "text"'), r"line 14: table\.cash\.columns\.1: a subtotal of text is no figure"),
    (('type = "money"', 'type = "qty"'), r"a subtotal of qty is no figure"),
    (('type = "money"', 'type = "monney"'), r"line 14: table\.cash\.columns\.1\.type"),
    (('from = "Balance"', 'from = "//Balance"'), r"line 14: .*from: «//Balance» is none of"),
    (('from = "Balance"', 'from = "Balance[1]"'), r"from: «Balance\[1\]»"),
    (('from = "Balance"', 'form = "Balance"'), r"line 14: table\.cash\.columns\.1\.form: unknown key"),
    (('name = "balance"', 'name = "contract"'), r"two columns are called «contract»"),
    (('rows  = "Account/Cash"', 'rows  = "Account//Cash"'), r"rows: «Account//Cash»"),
    (('path = "/bo/P"', 'path = "https://evil.invalid/P"'), r"line 4: service\.path: .*no path below"),
    (('path = "/bo/P"', 'path = "/bo/P.xml"'), r"line 4: service: the path of the face xml, and only that"),
    (('operation = "GetPosition", ', ""), r"line 4: service: the face soap, and only that, has an operation"),
    (('"{client_id}"', '"7"'), r"line 4: service: ask says nowhere whose rows"),
    (('"{client_id}"', '"{client_id}{password}"'), r"there is no \{password\}"),
    (('} }', '}, encoding = "utf-16" }'), r"line 4: service\.encoding: «utf-16» is none of"),
    (('} }', '}, number = "space" }'), r"line 4: service\.number"),
    (('name  = "position"', 'name  = "positions"'), r"line 1: name: «positions» belongs into set\.positions\.toml"),
    (('rows  = "Account/Cash"', 'rows  = "Account/Cash"\nwhere = { A = "b" }'), r"table\.cash\.where is about attributes"),
    (('rows  = "Account/Cash"', 'rows  = "Account/Cash"\nfold = 7'), r"fold"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), [one for one in MISTAKES if one[1]], ids=[m[1][:40] for m in MISTAKES if m[1]])
def test_a_mistake_names_file_key_and_line(tmp_path, change, words):
    assert change[0] in SET
    with pytest.raises(Misconfigured, match=words) as raised:
        load_set(folder(tmp_path, SET.replace(*change, 1)))
    assert "broker/set.position.toml, line " in str(raised.value)


@pytest.mark.parametrize(
    ("push", "words"),
    [
        (PUSH.replace(', status = "Get"', ""), "needs service.status or service.find"),
        (PUSH.replace("lookup", "twice"), r"line 2: once"),
        (PUSH.replace("/bo/O", "//x"), r"line 3: service"),
        (PUSH + '[[part]]\nat = "P"\nof = "robot"\nfields = [ { to = "A", from = "b" } ]\n', "«robot» is no entity"),
        (PUSH + '[[part]]\nat = "P"\nof = "robot"\nfields = [ { to = "A", from = "b", check = "luck" } ]\n', "check"),
    ],
)
def test_a_mistake_of_a_push_too(tmp_path, push, words):
    with pytest.raises(Misconfigured, match=words) as raised:
        load_set(folder(tmp_path, push=push))
    assert "broker/push.open.toml, line " in str(raised.value)


def test_several_mistakes_are_told_at_once(tmp_path):
    text = SET.replace('type = "money"', 'type = "monney"').replace('from = "../@contract"', 'from = "&"')
    with pytest.raises(Misconfigured) as raised:
        load_set(folder(tmp_path, text))
    assert str(raised.value).count("set.position.toml, line ") == 2
