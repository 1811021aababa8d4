"""Outgoing calls: gate, time-outs, exact JSON, other bodies, files; and the tokens they carry."""

from kernel.http.bodies import Body, Form, Multipart, Raw, Stream, Upload, Xml, parse_xml
from kernel.http.client import Answer, HttpClient, Into, RequestsTransport, TooLarge, Transport, encode
from kernel.http.gate import Gate, OpenGate, RateLimit, SharedGate, background, leaving
from kernel.http.libraries import session_for
from kernel.http.parallel import ParallelGate, ParallelLimit
from kernel.http.reach import Reach, https_address, is_local
from kernel.http.vault import Vault
from kernel.http.windows import OpenWindow, Window, WindowedGate, WindowGate, WindowLimit

__all__ = [
    "Answer", "Body", "Form", "Gate", "HttpClient", "Into", "Multipart", "OpenGate", "OpenWindow", "ParallelGate",
    "ParallelLimit", "RateLimit", "Raw", "Reach", "RequestsTransport", "SharedGate", "Stream", "TooLarge", "Transport",
    "Upload", "Vault", "Window", "WindowGate", "WindowLimit", "WindowedGate", "Xml", "background", "encode",
    "https_address", "is_local", "leaving", "parse_xml", "session_for",
]  # fmt: skip
