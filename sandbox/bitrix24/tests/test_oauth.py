"""Authorisation of an application (points 17 and 18) and its life cycle (20)."""

from urllib.parse import parse_qs, urlsplit

import pytest


def code_for(admin, user="14", **more):
    about = admin.sandbox.about()["app"]
    return admin.session.get(
        f"{about['oauth']}/oauth/authorize/", params={"client_id": about["client_id"], "state": "s1", "user": user, **more},
        allow_redirects=False,
    )  # fmt: skip


def token(admin, status=200, **query):
    about = admin.sandbox.about()["app"]
    query = {"client_id": about["client_id"], "client_secret": about["client_secret"], **query}
    answer = admin.session.get(f"{about['oauth']}/oauth/token/", params=query)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_code_becomes_tokens_of_that_user(admin, client, broker):
    back = code_for(admin)
    assert back.status_code == 302
    query = {key: value[0] for key, value in parse_qs(urlsplit(back.headers["Location"]).query).items()}
    assert (query["state"], query["domain"]) == ("s1", broker.portal.domain)
    assert {"code", "member_id", "scope", "server_domain"} <= set(query)
    got = token(admin, grant_type="authorization_code", code=query["code"])
    assert set(got) == {
        "access_token", "client_endpoint", "domain", "expires_in", "member_id", "refresh_token", "scope",
        "server_endpoint", "status",
    }  # fmt: skip
    assert got["domain"] != broker.portal.domain  # the authorisation server's, not the portal's
    assert client(broker, token=got["access_token"]).call("user.current")["ID"] == "14"
    again = token(admin, 400, grant_type="authorization_code", code=query["code"])
    assert again["error"] == "invalid_grant"


def test_a_code_is_old_after_30_seconds(admin):
    query = parse_qs(urlsplit(code_for(admin).headers["Location"]).query)
    admin.door("/advance", {"seconds": 31})
    assert token(admin, 400, grant_type="authorization_code", code=query["code"][0])["error"] == "invalid_grant"


def test_a_failure_is_a_page_and_no_redirect(admin):
    assert code_for(admin, client_id="other").status_code == 404
    assert code_for(admin, user="999").status_code == 404


def test_a_token_expires_and_the_refresh_token_changes(admin, app, installed, client, broker):
    admin.door("/advance", {"seconds": 3601})
    assert app.fails("server.time")[:2] == (401, "expired_token")
    new = token(admin, grant_type="refresh_token", refresh_token=installed["refresh_token"])
    assert {"expires", "user_id"} <= set(new)
    assert new["refresh_token"] != installed["refresh_token"]
    client(broker, token=new["access_token"]).call("server.time")
    old = token(admin, 400, grant_type="refresh_token", refresh_token=installed["refresh_token"])
    assert old["error"] == "invalid_grant"
    admin.switch(old_refresh="lives")
    token(admin, grant_type="refresh_token", refresh_token=new["refresh_token"])
    token(admin, grant_type="refresh_token", refresh_token=new["refresh_token"])
    admin.door("/advance", {"seconds": 181 * 86_400})
    assert token(admin, 400, grant_type="refresh_token", refresh_token=new["refresh_token"])["error"] == "invalid_grant"


def test_wrong_requests_to_the_authorisation_server(admin, installed):
    refresh = {"grant_type": "refresh_token", "refresh_token": installed["refresh_token"]}
    assert token(admin, 400, grant_type="password")["error"] == "invalid_request"
    assert token(admin, 401, **refresh, client_secret="wrong")["error"] == "invalid_client"
    admin.switch(payment_required="on")
    assert token(admin, 401, **refresh)["error"] == "PAYMENT_REQUIRED"
    admin.switch(payment_required="off", refresh_fails_next=1)
    token(admin, 500, **refresh)
    token(admin, **refresh)


def test_the_authorisation_server_vouches_for_a_token(admin, installed):
    url = f"{installed['server_endpoint']}app.info"
    shown = admin.session.get(url, params={"auth": installed["access_token"]}).json()["result"]
    assert (shown["user_id"], shown["install"]["installed"]) == (1, True)
    assert shown["install"]["member_id"] == installed["member_id"]
    assert admin.session.get(url, params={"auth": "x"}).json()["error"] == "invalid_token"


def test_a_script_is_installed_at_once_and_told_with_tokens(admin, installed, receiver, app):
    (form,) = receiver.forms("ONAPPINSTALL")
    assert receiver.got[0]["type"] == "application/x-www-form-urlencoded"
    assert form["data"]["INSTALLED"] == "Y"
    assert form["auth"]["application_token"] == installed["application_token"]
    assert form["auth"]["access_token"] == app.token
    assert form["auth"]["refresh_token"] == installed["refresh_token"]
    assert app.call("app.info")["INSTALLED"] is True


def test_without_install_finish_bindings_succeed_but_nothing_comes(admin, receiver, client, broker):
    said = admin.door("/app/install", {"handler": f"{receiver.address}/hooks", "kind": "ui"})
    page = client(broker, token=said["access_token"])
    assert page.call("app.info")["INSTALLED"] is False
    page.call("event.bind", event="ONCRMDEALADD", handler=f"{receiver.address}/hooks")
    admin.deal()
    admin.door("/wait-idle", {})
    assert receiver.events() == ["ONAPPINSTALL"]
    admin.door("/app/install-finish", {})
    admin.deal()
    admin.door("/wait-idle", {})
    assert receiver.events() == ["ONAPPINSTALL", "ONCRMDEALADD"]


def test_update_drops_bindings_and_uninstall_everything(admin, app, receiver, installed):
    app.call("event.bind", event="ONCRMDEALADD", handler=f"{receiver.address}/hooks")
    admin.door("/app/update", {})
    admin.door("/wait-idle", {})
    assert app.call("event.get") == []
    (form,) = receiver.forms("ONAPPUPDATE")
    assert (form["data"]["VERSION"], form["data"]["PREVIOUS_VERSION"]) == ("2", "1")
    admin.door("/app/uninstall", {})
    admin.door("/wait-idle", {})
    (gone,) = receiver.forms("ONAPPUNINSTALL")
    assert set(gone["auth"]) == {"domain", "client_endpoint", "server_endpoint", "member_id", "application_token"}
    assert gone["auth"]["application_token"] == installed["application_token"]
    assert app.fails("server.time")[0] == 401
    again = admin.door("/app/install", {"handler": f"{receiver.address}/hooks"})
    assert again["application_token"] != installed["application_token"]  # one per installation


def test_tokens_can_be_revoked_and_given_out(admin, app, client, broker):
    assert admin.door("/app/revoke", {})["revoked"] == 1
    assert app.fails("server.time")[:2] == (401, "invalid_token")
    given = admin.door("/app/tokens", {"user": "14"})
    assert client(broker, token=given["access_token"]).call("profile")["ID"] == "14"


@pytest.mark.parametrize(
    "wrong", [{"handler": "x"}, {"handler": "http://a/b", "kind": "other"}, {"handler": "http://a", "user": "0"}]
)
def test_nonsense_at_the_door(admin, wrong):
    answer = admin.session.post(f"{admin.address}/sandbox/app/install", json=wrong)
    assert answer.status_code == 400
    assert "install takes" in answer.json()["error"]
