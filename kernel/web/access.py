"""Who may do what: each view says which right it needs, and the rights of a person are looked up at each request.

A view of a plugin needs the right of the plugin's name unless it says otherwise with `needs`; a view of the kernel has to
say. Nothing of this stands in a session: who somebody is stands there, what they may do is asked of the CRM's people.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flask import Flask

from kernel.crm import Person
from kernel.errors import AnnexError, Misconfigured
from kernel.extension.portal import Portal
from kernel.extension.roles import ALL, find_person, known_rights, rights_of, roles_of
from kernel.web.links import Session, User
from kernel.web.rights import ANY_ROLE, BY_KEY, MARK, SIGNED_IN
from kernel.web.site import Site

LINK_VIEWS = (
    "identity.show", "identity.enter", "sign_in.show", "sign_in.ask", "sign_in.show_code", "sign_in.enter",
)  #: they sign somebody in  # fmt: skip
READING = {"GET", "HEAD", "OPTIONS"}
_DEFAULTS = "annex_rights"


class RightsUnknown(AnnexError):
    """The CRM cannot be asked who has which role, and what was known is too old."""


def default_right(app: Flask, blueprint: str, right: str) -> None:
    """What the views of a blueprint need that say nothing themselves."""
    app.extensions.setdefault(_DEFAULTS, {})[blueprint] = right


def right_of(app: Flask, endpoint: str) -> str | None:
    """What a view needs; None if nobody said, and then nobody may."""
    declared: str | None = getattr(app.view_functions[endpoint], MARK, None)
    defaults: Mapping[str, str] = app.extensions.get(_DEFAULTS, {})
    return declared or defaults.get(endpoint.rpartition(".")[0])


def check_views(app: Flask, site: Site, free: set[str]) -> None:
    """Every view behind the sign-in must name a right that exists. Raises Misconfigured."""
    known = {ANY_ROLE, SIGNED_IN, BY_KEY, *known_rights(site.plugins)}
    for endpoint in app.view_functions:
        if endpoint.partition(".")[0] in free or endpoint in LINK_VIEWS:
            continue
        right = right_of(app, endpoint)
        if right is None:
            raise Misconfigured(f"the page {endpoint} does not say which right it needs: add @needs(…)")
        if right not in known:
            raise Misconfigured(f"the page {endpoint} needs «{right}», which nothing declares: see Plugin.rights")
        if right == BY_KEY and any((rule.methods or set()) - READING for rule in app.url_map.iter_rules(endpoint)):
            raise Misconfigured(f"the page {endpoint} is opened by a key: it may answer GET alone")


def user_of(site: Site, session: Session) -> User:
    """The person of that session with the roles they have now. Raises RightsUnknown."""
    if session.operator:
        return User(session.name, session.csrf, rights=frozenset({ALL}), operator=True, session=session.hash)
    portal = site.portal
    person, declared = whoever(portal, session), portal.mapping.portal
    if person is None:
        return User(session.name, session.csrf, person_id=session.person_id, session=session.hash)
    roles = roles_of(declared, person)
    rights = rights_of(declared, roles)
    return User(person.name, session.csrf, roles, rights, person_id=person.id, session=session.hash)


def whoever(portal: Portal, session: Session) -> Person | None:
    """The active person whose session it is. Raises RightsUnknown."""
    try:
        people = portal.staff.for_pages()
    except AnnexError as exc:
        raise RightsUnknown(str(exc)) from exc
    if not people:
        raise RightsUnknown("the CRM shows nobody")  # no office is empty
    return find_person(people, session.person_id or session.name)


def may_listen(site: Site, cookie: str) -> Callable[[], bool]:
    """For an open stream: whether whoever opened it may still hear anything. Asked before each message."""

    def allowed() -> bool:
        try:
            session = site.links.session(cookie, note=False)
            return session is not None and user_of(site, session).may(ANY_ROLE)
        except AnnexError:
            return False

    return allowed
