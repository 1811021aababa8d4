"""In-memory twins for the tests of plugins, ours and others': interface, real one, quiet one.

`MemoryCRM` keeps the interface of kernel.crm.CRM, `MemoryQueue` that of kernel.jobs.Queue, `FakeClock` and `CountingIds`
those of kernel.clock. `TroubledDatabase` is a real database whose process can be killed at any commit, by order. None of
them opens a socket, sleeps, or draws random numbers. Who has to wait for a real thread or process waits by `until`.
"""

from kernel.testing.clock import CountingIds, FakeClock
from kernel.testing.crm import Effect, MemoryCRM
from kernel.testing.queue import MemoryQueue
from kernel.testing.signing import operator_session, person_session, roles, session
from kernel.testing.together import at_once
from kernel.testing.trouble import Crash, Trouble, TroubledDatabase
from kernel.testing.wait import until

__all__ = [
    "CountingIds", "Crash", "Effect", "FakeClock", "MemoryCRM", "MemoryQueue", "Trouble", "TroubledDatabase",
    "at_once", "operator_session", "person_session", "roles", "session", "until",
]  # fmt: skip
