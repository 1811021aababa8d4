"""Outgoing calls: gate, time-outs, exact JSON, other bodies, files; and the tokens they carry."""

from kernel.http.bodies import Body, Form, Multipart, Raw, Stream, Upload, Xml, parse_xml
from kernel.http.client import Answer, HttpClient, RequestsTransport, Transport, encode
from kernel.http.gate import Gate, OpenGate, RateLimit, SharedGate, leaving
from kernel.http.libraries import session_for
from kernel.http.vault import Vault

__all__ = [
    "Answer", "Body", "Form", "Gate", "HttpClient", "Multipart", "OpenGate", "RateLimit", "Raw", "RequestsTransport",
    "SharedGate", "Stream", "Transport", "Upload", "Vault", "Xml", "encode", "leaving", "parse_xml", "session_for",
]  # fmt: skip
