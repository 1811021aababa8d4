"""Errors as small pages, or as JSON where JSON is asked for. A 500 tells nothing but the id to look up."""

from __future__ import annotations

from flask import Flask, Response, g, jsonify, make_response, render_template, request, url_for
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from kernel.errors import AnnexError, BadInput, Fault, NotFound, Refused
from kernel.telemetry import log, mask
from kernel.web.words import language, t

TOLD = (400, 401, 403, 404, 405, 413)


def wants_json() -> bool:
    if request.path.endswith(".json") or request.is_json:
        return True
    best = request.accept_mimetypes.best_match(("text/html", "application/json"))
    return best == "application/json"


def answer(status: int, text: str = "", *, code: str = "", sign_in: str = "") -> Response:
    """An error page with its title, and perhaps what is wrong in words: no secret in them, whoever said them. `sign_in`:
    the address of the page where somebody can sign in."""
    text = mask(text)
    title = t(f"web_error_{status}") if status in (*TOLD, 409, 500, 502) else t("web_error_other")
    if wants_json():
        body = {"error": code or str(status), "text": text or title}
        if status == 500:
            body["trace"] = g.get("trace", "")
        response = jsonify(body)
    else:
        response = make_response(render_template("web/error.html", status=status, title=title, text=text, sign_in=sign_in))
    response.status_code = status
    return response


def not_signed_in(*, by_code: bool) -> Response:
    """`by_code`: this set offers signing in by a code, too."""
    return answer(401, t("web_sign_in_how"), sign_in=url_for("sign_in.show") if by_code else "")


def register(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def http(exc: HTTPException) -> Response:
        if exc.code is None or exc.code < 400:
            return make_response(exc.get_response())
        response = answer(exc.code)
        if isinstance(exc, MethodNotAllowed) and exc.valid_methods:
            response.headers["Allow"] = ", ".join(exc.valid_methods)
        return response

    @app.errorhandler(BadInput)
    def bad(exc: BadInput) -> Response:
        return answer(409 if isinstance(exc, Refused) else 400, exc.message(language()), code=exc.code)

    @app.errorhandler(NotFound)
    def gone(exc: NotFound) -> Response:
        return answer(404, str(exc))

    @app.errorhandler(Fault)
    def outside(exc: Fault) -> Response:
        log.warning("page.fault", error=str(exc))
        return answer(502, t("web_crm_fails", text=str(exc)))

    @app.errorhandler(Exception)
    def broken(exc: Exception) -> Response:
        log.exception("page.broken", path=request.path)
        return answer(500)

    @app.errorhandler(AnnexError)
    def ours(exc: AnnexError) -> Response:
        return broken(exc)
