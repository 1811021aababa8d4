"""«+ Партнер»: the form, the same person asked about, the wait for the CRM, and on to the card."""

from __future__ import annotations

from typing import Any

from flask import abort, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from kernel.extension.portal import Portal, Unit
from kernel.web import Pages, current_user
from kernel.web.site import site
from kernel.web.words import language, t
from plugins.partners import creating
from plugins.partners.pages_talks import new_token, token_from
from plugins.partners.rules.card import LANGUAGES, Card, Duplicate, check_card
from plugins.partners.settings import ENTITY, settings_of
from plugins.partners.sight import Sight, sight_of

FIELDS = ("name", "phone", "whatsapp", "email", "telegram")
OTHERS_MAX = 50


def add(pages: Pages, portal: Portal) -> None:
    @pages.get("/new")
    def new_page() -> str:
        return _form(portal, {}, new_token())

    @pages.post("/new")
    def make_new() -> Response | tuple[str, int]:
        form, token, user = request.form, token_from(request.form), current_user()
        region = settings_of(portal).region
        card, errors = check_card(
            {**form, "automatic": form.get("automatic", "")}, region=region,
            language=portal.mapping.portal.language, responsible=user.person_id,
        )  # fmt: skip
        wrong = {one.field: one.message(language()) for one in errors}
        if card is not None and card.responsible and card.responsible not in dict(_staff(portal)):
            wrong["responsible"] = t("pt_no_person")
        if card is None or wrong:
            return _form(portal, form, token, wrong=wrong), 400
        others = form.getlist("other")[:OTHERS_MAX]
        with portal.unit(author=user.name) as unit:
            sent = creating.progress(unit, token, user.person_id) is not None  # its own card is no double of it
            asked = [] if sent else _doubles(unit, card, region, others)
            if not asked:
                creating.create(unit, card, token, user.person_id, others)
            sight = sight_of(unit.tx, user)
        if asked:
            return _form(portal, form, token, asked=asked, others=others, sight=sight), 409
        return redirect(url_for(".wait_page", token=token), 303)

    @pages.get("/new/<token>")
    def wait_page(token: str) -> str:
        live = site().live.version()
        return render_template("partners/wait.html", found=_progress(portal, token), token=token, version=live)

    @pages.get("/new/<token>/card")
    def to_card(token: str) -> Response:
        """On to the card in the CRM as soon as it is there."""
        found = _progress(portal, token)
        if found.state != creating.THERE:
            return redirect(url_for(".wait_page", token=token), 303)
        return redirect(portal.crm.link(ENTITY, found.partner), 303)


def _progress(portal: Portal, token: str) -> creating.Progress:
    with portal.read() as unit:
        return creating.progress(unit, token, current_user().person_id) or abort(404)


def _doubles(unit: Unit, card: Card, region: str, others: list[str]) -> list[Duplicate]:
    """Those that nobody has said are other people."""
    return [one for one in creating.doubles(unit, card, region) if one.card.id not in others]


def _form(portal: Portal, form: Any, token: str, **more: Any) -> str:
    known: dict[str, Any] = {
        "wrong": {},
        "asked": [],
        "others": [],
        "sight": Sight("", False, False, frozenset(), frozenset()),
    }
    return render_template(
        "partners/new.html", form=form, token=token, fields=FIELDS, staff=_staff(portal), chat_languages=LANGUAGES,
        default_language=portal.mapping.portal.language, person=current_user().person_id, version="", **{**known, **more},
    )  # fmt: skip


def _staff(portal: Portal) -> list[tuple[str, str]]:
    return sorted(((one.id, one.name) for one in portal.people() if one.active), key=lambda one: one[1].casefold())
