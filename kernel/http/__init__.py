"""Outgoing calls: gate, time-outs, exact JSON; and the tokens they carry."""

from kernel.http.client import Answer, HttpClient, RequestsTransport, Transport, encode
from kernel.http.gate import Gate, OpenGate, RateLimit, SharedGate
from kernel.http.vault import Vault

__all__ = [
    "Answer",
    "Gate",
    "HttpClient",
    "OpenGate",
    "RateLimit",
    "RequestsTransport",
    "SharedGate",
    "Transport",
    "Vault",
    "encode",
]
