"""Inbox, outgoing calls, regular work: a thin layer over the queue."""

from kernel.jobs.queue import Again, Handler, Job, Queue, enqueue_all, next_number, next_numbers

__all__ = ["Again", "Handler", "Job", "Queue", "enqueue_all", "next_number", "next_numbers"]
