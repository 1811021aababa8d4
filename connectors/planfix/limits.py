"""What Planfix allows, as named numbers with units, each with the page it comes from.

HELP: help.planfix.com, pages «REST API», «REST API: Коды ошибок», «HTTP-запросы», «Число».
SPEC: the OpenAPI document of the REST API, version 1.6.9.
LIVE: what public clients met in working accounts.
"""

from __future__ import annotations

# HELP «REST API», «Ограничения»: one request a second; 20, 50 or 100 thousand a day by plan.
REQUESTS_PER_SECOND = 1.0
REQUESTS_PER_DAY = 20_000
# The network delays each request differently; after so long one without an answer counts as arrived (kernel.http.gate).
ARRIVAL_SECONDS_MAX = 0.25
# LIVE: `timeToReset` above this is meant in milliseconds, below it in seconds.
RESET_SECONDS_MAX = 1000
# For a limit answer that names no time; LIVE shows only ones that do.
RESET_SECONDS_UNTOLD = 5.0

# SPEC: `pageSize` of every list.
PAGE_RECORDS_MAX = 100
# SPEC: filters 57 and 4231 take a list; a page holds the answer whole at this size.
IDS_PER_REQUEST = 100
# LIVE: wide lists took 40 to 49 seconds.
LIST_TIMEOUT_SECONDS = 60.0
CALL_TIMEOUT_SECONDS = 20.0
READ_ATTEMPTS_MAX = 3

# HELP «REST API», answer 202: the change waits while a script holds the record. How long is documented nowhere, so we
# look again after these pauses and then say that it did not come.
QUEUED_PAUSES_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0)

# HELP «Комментарии»: 64 KB with markup.
COMMENT_BYTES_MAX = 64 * 1024
# Planfix names no figure (code 7002: too large for the plan); ours: what a chat of partners may bring, with room.
FILE_BYTES_MAX = 100 * 1024 * 1024
FILE_TIMEOUT_SECONDS = 60.0
# Ours: how far back a comment is looked for whose answer was lost.
COMMENT_PAGES_LOOKED_THROUGH = 2
COMMENT_PAGES_OLDEST_FIRST_MAX = 50  # where the portal does not obey the order
# Ours: up to so many records, their rows are asked record by record.
RECORDS_ASKED_ONE_BY_ONE = 3
# Ours: how many tasks with a contact are read at most, by each way in which a task may name one; by how many fields of
# tasks beside the counterparty they are looked for; and which ones are read beyond that.
TASKS_READ_MAX = 500
TASK_LINKS_MAX = 4
TASKS_LATELY_DAYS = 60
# Ours: the portal's fields, statuses and tables are asked again after this.
LAYOUT_SECONDS_MAX = 3600.0
# Ours: what the portal did not have is looked for again after this.
INCOMPLETE_SECONDS_MAX = 60.0
# Ours: a number no record will have, for trying a right without touching anything.
NO_SUCH_RECORD = 999_999_999
# Ours: a hook secret shorter than this can be guessed.
HOOK_SECRET_CHARACTERS_MIN = 24
# Ours: tell the doctor's reader when less than this share of the day's quota is left.
QUOTA_SHARE_LOW = 0.1
# Ours: what the sweep may use up of the budget, and how often it looks at most.
SWEEP_SHARE_MAX = 0.045
SWEEP_SECONDS_MIN = 3.0
SWEEPS_PER_CONTACTS = 6
SWEEPS_PER_EXISTING = 6
