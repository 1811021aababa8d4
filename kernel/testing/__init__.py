"""What the tests of plugins stand on, ours and others': `World`, a running Annex in one process, and the in-memory twins
that it is made of: interface, real one, quiet one.

`MemoryCRM` keeps the interface of kernel.crm.CRM, `TwinChannel` that of kernel.conversations.Channel, `MemorySource` that of
kernel.datasets.DataSource, `MemoryQueue` that of kernel.jobs.Queue, `FakeClock` and `CountingIds` those of kernel.clock.
`TroubledDatabase` is a real database whose process can be killed at any commit, by order. None of them opens a socket,
sleeps, or draws random numbers. Who has to wait for a real thread or process waits by `until`.
"""

from kernel.testing.channel import TwinChannel
from kernel.testing.clock import CountingIds, FakeClock
from kernel.testing.crm import Effect, MemoryCRM
from kernel.testing.queue import MemoryQueue
from kernel.testing.signing import operator_session, person_session, roles, session
from kernel.testing.source import MemoryAccounts, MemorySource
from kernel.testing.together import at_once
from kernel.testing.trouble import Crash, Trouble, TroubledDatabase
from kernel.testing.wait import until
from kernel.testing.world import World

__all__ = [
    "CountingIds", "Crash", "Effect", "FakeClock", "MemoryAccounts", "MemoryCRM", "MemoryQueue", "MemorySource", "Trouble",
    "TroubledDatabase", "TwinChannel", "World", "at_once", "operator_session", "person_session", "roles", "session", "until",
]  # fmt: skip
