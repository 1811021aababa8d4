"""Inbox, outgoing calls, regular work: a thin layer over the queue."""

from kernel.jobs.queue import Again, Handler, Job, Queue, next_number

__all__ = ["Again", "Handler", "Job", "Queue", "next_number"]
