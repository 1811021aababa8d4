"""Outgoing calls: gate, time-outs, exact JSON."""

from kernel.http.client import Answer, HttpClient, RequestsTransport, Transport, encode
from kernel.http.gate import Gate, OpenGate, Pace, SharedGate

__all__ = ["Answer", "Gate", "HttpClient", "OpenGate", "Pace", "RequestsTransport", "SharedGate", "Transport", "encode"]
