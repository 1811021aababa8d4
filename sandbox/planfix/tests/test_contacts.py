"""Contract 3.4."""


def test_create_and_read(robot):
    body = {
        "template": {"id": 1}, "name": "Ірина", "lastname": "К.", "telegram": "@ira", "group": {"id": 6532},
        "phones": [{"number": "+380501112299", "type": 1}],
        "customFieldData": [{"field": {"id": 10012}, "value": "k"}],
    }  # fmt: skip
    number = robot.post("/contact/", body, status=201)["id"]
    shown = robot.get(f"/contact/contact:{number}", fields="id,name,telegram,phones,group,template,10012")["contact"]
    assert shown["id"] == number
    assert shown["telegram"] == "ira"
    assert shown["phones"] == [{"number": "380501112299", "maskedNumber": "+38 (050) 111-22-99", "type": 1}]
    assert shown["group"] == {"id": 6532, "name": "Клієнти"}
    assert shown["customFieldData"][0]["field"]["objectType"] == 1
    assert robot.fails("/contact/", {"name": " "}) == (400, 2006)


def test_prefixed_ids_are_asked_for(robot):
    assert robot.post("/contact/list", {"pageSize": 1})["contacts"] == [{"id": 801}]
    assert robot.post("/contact/list", {"pageSize": 1, "prefixedId": True})["contacts"] == [{"id": "contact:801"}]
    assert robot.post("/user/list", {"pageSize": 1, "prefixedId": True})["users"] == [{"id": "user:1"}]


def test_missing_contact(robot):
    assert robot.fails("/contact/99999", method="GET") == (404, 2000)
    assert robot.fails("/contact/99999", {"name": "x"}) == (404, 2000)


def test_companies_are_told_apart(robot):
    assert [c["id"] for c in robot.post("/contact/list", {"isCompany": True})["contacts"]] == [813]


def test_import_updates_by_a_key_and_answers_an_empty_201(robot):
    item = {"name": "Олена", "email": "olena@example.com", "position": "директор"}
    body = {"optionImportDuplicate": "update", "optionImportUniqueField": "email", "contacts": [item]}
    answer = robot.call("POST", "/rest/contact/import", json=body)
    assert (answer.status_code, answer.content) == (201, b"")
    assert robot.get("/contact/811", fields="position")["contact"]["position"] == "директор"
    assert robot.door("/state")["counters"]["contacts"] == 6


def test_merging_moves_what_hangs_on_the_contact(robot):
    deal = robot.deal(counterparty={"id": 812})
    robot.row(812, tag=7, to="contact", f41=5)
    assert robot.door("/merge-contacts", {"survivor": 811, "gone": 812})["tasks"] == [deal]
    assert robot.task(deal, "counterparty")["counterparty"]["id"] == "contact:811"
    assert robot.get("/contact/811", fields="10044")["contact"]["customFieldData"][0]["value"] == 5
    assert robot.fails("/contact/812", method="GET") == (404, 2000)
