"""Planfix' codes → our errors. An answer is judged by its `code`, then by its HTTP status, never by its text.

A failure may come under any status, 2xx too; 403 is first of all «too many requests» (code 22), only then «no right».
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.planfix import limits
from kernel.errors import AnnexError, Fault, Misconfigured, NoRight, NotFound, Rejected, Throttled, Unreachable
from kernel.http import Answer

LIMIT_CODE = 22
UNKNOWN_CODE = 0

# HELP «REST API: Коды ошибок». What is not named here is a plain refusal.
NO_RIGHT: Mapping[int, str] = {
    1: "the token is unknown: put a valid one into PLANFIX_TOKEN",
    2: "the token is switched off: switch it on in Planfix or put another into PLANFIX_TOKEN",
    5: "the token does not have the right (scope) for this call",
    6: "no access to this method or record for the token's user",
    10: "the account is blocked",
    11: "the account is frozen",
    16: "the token's user is not active",
    20: "the account is not paid for",
    21: "the account's plan has no REST API",
}
NOT_FOUND = frozenset({600, 1000, 2000, 3000, 4000, 5000, 6000, 6010, 7000, 8000, 8010, 9000, 9003})
REFUSED: Mapping[int, str] = {
    23: "the plan's limit of contacts is reached",
    24: "the plan's limit is reached",
    30: "the request could not be read",
    40: "a required parameter is missing",
    41: "a value is not accepted",
}


def judge(answer: Answer, *, writes: bool) -> Any:
    """The body of a good answer (None where it is empty). Raises what a bad one means."""
    if 300 <= answer.status < 400:
        raise Misconfigured(
            "Planfix answers with a redirect: the account has a domain of its own. Put the final address of REST into "
            "PLANFIX_URL (like https://crm.company.com/rest/)"
        )
    readable, body = _body(answer)
    if readable:
        response = body if isinstance(body, dict) else {}
        code = _code(response)
        if code == LIMIT_CODE or answer.status == 429:
            raise throttled(answer, response)
        failed = response.get("result") == "fail" or (code is not None and response.get("result") != "success")
        if failed or answer.status >= 400:
            raise _refusal(answer.status, code, str(response.get("error") or ""), writes)
        return body
    if answer.status == 429:
        raise throttled(answer, {})
    hint = "" if answer.status >= 500 else "; check that PLANFIX_URL ends with /rest/"
    raise Unreachable(f"planfix: the answer is not from its REST API (HTTP {answer.status}){hint}", maybe_done=writes)


def throttled(answer: Answer, response: Mapping[str, Any]) -> Throttled:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    for raw in (response.get("timeToReset"), headers.get("retry-after"), headers.get("x-ratelimit-reset")):
        try:
            seconds = float(raw)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            continue
        if 0 <= seconds < 1e12:
            seconds = seconds / 1000 if seconds > limits.RESET_SECONDS_MAX else seconds
            break
    else:
        seconds = limits.RESET_SECONDS_UNTOLD
    wait = max(seconds, 1.0)
    return Throttled(f"planfix: too many requests, quiet for {wait:g} s", wait_seconds=wait, vendor_code=str(LIMIT_CODE))


def doubtful(error: AnnexError) -> bool:
    """Whether the answer says «something went wrong» and nothing else: code 0, which covers many things."""
    return isinstance(error, Fault) and error.vendor_code == str(UNKNOWN_CODE)


def _refusal(status: int, code: int | None, text: str, writes: bool) -> Fault:
    vendor_code = "" if code is None else str(code)
    details = f" (Planfix: {' '.join(text.split())[:200]})" if text.strip() else ""
    if code is not None and code in NO_RIGHT:
        return NoRight(f"planfix: {NO_RIGHT[code]}{details}", vendor_code=vendor_code)
    if code in NOT_FOUND:
        return NotFound(f"planfix: not found{details}", vendor_code=vendor_code)
    if code is not None and code in REFUSED:
        return Rejected(f"planfix: {REFUSED[code]}{details}", vendor_code=vendor_code)
    if status >= 500:
        return Unreachable(f"planfix failed: HTTP {status}{details}", vendor_code=vendor_code, maybe_done=writes)
    if code is None or code == UNKNOWN_CODE:
        by_status = {401: NoRight, 403: NoRight, 404: NotFound}.get(status)
        if by_status:
            return by_status(f"planfix: HTTP {status}{details}", vendor_code=vendor_code)
    return Rejected(f"planfix refused: code {vendor_code or 'none'}, HTTP {status}{details}", vendor_code=vendor_code)


def _body(answer: Answer) -> tuple[bool, Any]:
    """Whether the body can be Planfix' own, and what it holds."""
    if not answer.body.strip():
        return answer.status < 400, None
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return False, None
    return isinstance(body, dict | list), body


def _code(response: Mapping[str, Any]) -> int | None:
    code = response.get("code")
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 9:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None
