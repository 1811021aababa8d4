"""How a call may be addressed and written (points 1-3 and 7 of the contract)."""

import xml.etree.ElementTree as ElementTree

import pytest

from sandbox.bitrix24 import params


@pytest.mark.parametrize("name", ["crm.deal.List.json", "CRM.DEAL.LIST", "crm.deal.list/", "crm.deal.list"])
def test_names_are_case_insensitive_and_the_suffix_is_optional(admin, name):
    ident = admin.deal()
    assert [row["ID"] for row in admin.call(name)] == [str(ident)]


def test_a_form_with_brackets_a_query_json_and_multipart_say_the_same(admin):
    ident = admin.deal(TITLE="Искомая")
    admin.deal(TITLE="Другая")
    url = admin.base + "crm.deal.list.json"
    pairs = [("filter[=TITLE]", "Искомая"), ("select[]", "ID"), ("select[]", "TITLE"), ("__order", "x")]
    wanted = [{"ID": str(ident), "TITLE": "Искомая"}]
    assert admin.session.get(url, params=pairs).json()["result"] == wanted
    assert admin.session.post(url, data=pairs).json()["result"] == wanted
    assert admin.session.post(url, files=[(key, (None, value)) for key, value in pairs]).json()["result"] == wanted
    assert admin.call("crm.deal.list", filter={"=TITLE": "Искомая"}, select=["ID", "TITLE"]) == wanted
    numbered = {"FILTER[=TITLE]": "Искомая", "SELECT[0]": "ID", "SELECT[1]": "TITLE"}
    assert admin.session.post(url, data=numbered).json()["result"] == wanted


def test_trees_in_forms_and_back():
    tree = {"a": ["x", "y"], "b": {"c": [{"d": "1"}, {"d": "2"}]}, "e": "", "f": {"g": {"logic": "OR"}}}
    text = "a[]=x&a[]=y&b[c][0][d]=1&b[c][1][d]=2&e=&f[g][logic]=OR"
    assert params.parse(text) == tree
    assert params.nest(params.flatten(tree)) == tree
    assert params.parse("a[5]=x&a[]=y&&b[=x") == {"a": {"5": "x", "6": "y"}, "b[": "x"}
    assert params.flatten({"yes": True, "none": None, "empty": [], "n": 5}) == [("yes", "1"), ("none", ""), ("n", "5")]


def test_deep_brackets(admin):
    form = {"fields[NAME]": "Ирина", "fields[PHONE][0][VALUE]": "+79165550134", "fields[PHONE][0][VALUE_TYPE]": "MOBILE"}
    ident = admin.session.post(admin.base + "crm.contact.add", data=form).json()["result"]
    (phone,) = admin.call("crm.contact.get", ID=ident)["PHONE"]
    assert (phone["VALUE"], phone["VALUE_TYPE"], phone["TYPE_ID"]) == ("+79165550134", "MOBILE", "PHONE")


def test_comments_understand_lower_case_fields_only(admin):
    comment = {"ENTITY_ID": admin.deal(), "ENTITY_TYPE": "deal", "COMMENT": "x"}
    assert admin.fails("crm.timeline.comment.add", FIELDS=comment)[:2] == (400, "100")
    assert admin.call("crm.timeline.comment.add", fields=comment) > 0


def test_files_in_an_update_of_a_comment_delete_those_it_had(admin):
    """«How to Update and Delete Files»: always; an empty list leaves none, and without FILES they stay."""
    owner, content = {"ENTITY_ID": admin.deal(), "ENTITY_TYPE": "deal"}, "AAAA"
    ident = admin.call("crm.timeline.comment.add", fields={**owner, "COMMENT": "x", "FILES": [["a", content]]})

    def names(**fields):
        assert admin.call("crm.timeline.comment.update", id=ident, fields={"COMMENT": "x", **fields})
        files = admin.call("crm.timeline.comment.get", id=ident)["FILES"]
        return [one["name"] for one in files.values()] if files else []

    (first,) = admin.call("crm.timeline.comment.get", id=ident)["FILES"]
    assert names() == ["a"]
    assert names(FILES=[["b", content], ["c", content]]) == ["b", "c"]
    assert admin.fails("disk.attachedObject.get", id=first)[:2] == (400, "ERROR_NOT_FOUND")
    assert names(FILES=[]) == []


def test_xml_is_the_same_tree(admin):
    admin.deal(TITLE="A & B")
    answer = admin.session.get(admin.base + "crm.deal.list.xml", params={"select[]": "TITLE"})
    assert answer.headers["Content-Type"].startswith("text/xml")
    root = ElementTree.fromstring(answer.text)
    assert root.tag == "response"
    assert root.findtext("result/item/TITLE") == "A & B"
    assert root.find("time/start") is not None
    refused = admin.session.get(admin.base + "crm.deal.get.xml", params={"id": 1})
    assert (refused.status_code, ElementTree.fromstring(refused.text).findtext("error_description")) == (400, "Not found")


def test_a_token_may_stand_in_query_form_or_json(admin, app):
    url = f"{admin.address}/rest/app.info.json"
    for how in ({"params": {"auth": app.token}}, {"data": {"auth": app.token}}, {"json": {"auth": app.token}}):
        assert admin.session.post(url, **how).json()["result"]["INSTALLED"] is True
    bearer = {"Authorization": f"Bearer {app.token}"}
    assert admin.session.get(url, headers=bearer).json()["result"]["ID"] == 5


def test_rest_3_has_its_own_address_takes_json_only_and_fails_in_its_own_way(admin):
    user, code = "1", admin.sandbox.portal.people["1"].webhook
    url = f"{admin.address}/rest/api/{user}/{code}/"
    assert "result" in admin.session.post(url + "server.time", json={}).json()
    ident = admin.deal()
    assert admin.session.post(url + "crm.deal.get", params={"id": ident}, json={}).status_code == 400
    assert admin.session.post(url + "crm.deal.get", json={"id": ident}).json()["result"]["ID"] == str(ident)
    wrong = admin.session.post(url + "no.such", json={})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (404, "ERROR_METHOD_NOT_FOUND")


def test_methods_scope_and_features(admin, app):
    names = admin.call("methods")
    assert {"batch", "crm.item.list", "event.bind", "user.current"} <= set(names)
    assert "crm" in admin.call("scope")
    assert admin.call("method.get", name="crm.item.list") == {"isExisting": True, "isAvailable": True}
    assert app.call("feature.get", CODE="rest_offline_extended") == {"value": "Y"}
    assert admin.call("server.time").endswith("+03:00")
    assert app.call("events", SCOPE="crm").count("ONCRMDEALUPDATE") == 1


def test_an_application_keeps_small_settings(app, admin):
    assert app.call("app.option.get") == []
    assert app.call("app.option.set", options={"a": "1"}) is True
    assert (app.call("app.option.get", option="a"), app.call("app.option.get")) == ("1", {"a": "1"})
    assert app.call("user.option.set", options={"b": "2"}) is True
    assert app.call("user.option.get") == {"b": "2"}
    assert admin.fails("app.option.get")[:2] == (403, "ACCESS_DENIED")


def test_what_is_not_rest_is_a_page(admin):
    assert admin.session.get(f"{admin.address}/company/").status_code == 404
    assert admin.session.get(f"{admin.address}/sandbox/nothing").status_code == 404
