"""WS-Security's UsernameToken with a digest: the password never leaves, and each token is good for one request.

https://docs.oasis-open.org/wss/v1.1/wss-v1.1-spec-os-UsernameTokenProfile.pdf
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import UTC, datetime
from xml.sax.saxutils import escape

SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
MESSAGE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0"
NONCE_BYTES = 16


def header(user: str, password: str, now: datetime, nonce: bytes | None = None) -> str:
    """What goes into the envelope's Header."""
    salt = secrets.token_bytes(NONCE_BYTES) if nonce is None else nonce
    created = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}Z"
    return (
        f'<wsse:Security xmlns:wsse="{SECURITY}" xmlns:wsu="{UTILITY}" s:mustUnderstand="1"><wsse:UsernameToken>'
        f"<wsse:Username>{escape(user)}</wsse:Username>"
        f'<wsse:Password Type="{PROFILE}#PasswordDigest">{digest(salt, created, password)}</wsse:Password>'
        f'<wsse:Nonce EncodingType="{MESSAGE}#Base64Binary">{base64.b64encode(salt).decode()}</wsse:Nonce>'
        f"<wsu:Created>{created}</wsu:Created></wsse:UsernameToken></wsse:Security>"
    )


def digest(nonce: bytes, created: str, password: str) -> str:
    whole = nonce + created.encode() + password.encode()
    return base64.b64encode(hashlib.sha1(whole).digest()).decode()  # noqa: S324 - what the profile prescribes
