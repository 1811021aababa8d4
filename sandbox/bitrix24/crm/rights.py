"""Who may change the CRM itself: administrators only. Records may be changed by everybody."""

from __future__ import annotations

from sandbox.bitrix24.registry import Call, RestError


def admin_only(call: Call, code: str = "", text: str = "Access denied.") -> None:
    if not call.client.admin:
        raise RestError(400, code, text)
