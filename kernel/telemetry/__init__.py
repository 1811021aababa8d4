"""Logs and metrics. One id (`trace`) goes with a webhook to its last effect; secrets are masked in every line."""

from kernel.telemetry import metrics
from kernel.telemetry.logs import MASK, bind_trace, current_trace, log, mask, set_up_logs, tell_secret

__all__ = ["MASK", "bind_trace", "current_trace", "log", "mask", "metrics", "set_up_logs", "tell_secret"]
