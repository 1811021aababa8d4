"""What Bitrix24 allows, as named numbers with units, each with the page it comes from.

LIMITS: apidocs.bitrix24.com «Limits on REST API» (limits.md). BATCH: «batch.md». OAUTH: settings/oauth/*.md.
HUGE: «Reading large data» (huge-data.md). OURS: chosen here, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping

# LIMITS: a leaky bucket per portal and source address: (capacity in requests, drained per second). A box has none.
BUCKETS: Mapping[str, tuple[int, float]] = {"standard": (50, 2.0), "enterprise": (250, 5.0)}
# OURS: the network bunches requests up, those of each thread under way; so many places in the bucket stay free for that.
BUCKET_MARGIN_REQUESTS = 6
# OURS: how long to be quiet after a refusal that names no time. OVERLOAD_LIMIT is a block by hand.
QUIET_SECONDS: Mapping[str, float] = {"QUERY_LIMIT_EXCEEDED": 2.0, "OVERLOAD_LIMIT": 60.0}
# LIMITS: the operating time is kept in ten buckets of one minute; the oldest falls out at `operating_reset_at`.
OPERATING_WAIT_SECONDS = 60.0
OPERATING_WAIT_SECONDS_MAX = 600.0
# OURS: longer waits are given back to the job, which sleeps without holding a thread.
WAIT_SECONDS_MAX = 30.0
ATTEMPTS_MAX = 4
READ_ATTEMPTS_MAX = 3

# LIMITS: a page of every list; it cannot be changed.
PAGE_ROWS = 50
# BATCH: commands in one request.
BATCH_COMMANDS_MAX = 50
# LIMITS: the cloud cuts a request at 60 s. We wait longer: then a request without an answer is certainly over, and a
# look for what it made sees everything.
CALL_TIMEOUT_SECONDS = 65.0

# OAUTH: an access token lives an hour; it is renewed only when the portal says that it has expired.
OAUTH_HOSTS = frozenset({"oauth.bitrix24.tech", "oauth.bitrix.info"})
OAUTH_TIMEOUT_SECONDS = 20.0  # below the time a turn of the vault may last
# OURS: how often to look whether a person has connected the portal again.
NOT_CONNECTED_WAIT_SECONDS = 60.0
# OURS: pauses before looking for what a batch without an answer has made.
LOST_PAUSE_SECONDS = 1.0
# OURS: tell the doctor's reader when a method has used more than this share of its operating time (cloud: 480 s).
OPERATING_SECONDS_HIGH = 400.0
# OURS: after the server has refused to renew the token it is asked again only after so long.
REFUSED_PAUSE_SECONDS = 600
# OURS: a comment's files go as base64 inside JSON, which is held in memory whole (apidocs «How to Upload Files»).
FILE_BYTES_MAX = 20 * 1024 * 1024
# Ours: what the sweep may use up of the bucket's leak, and how often it looks at most.
SWEEP_SHARE_MAX = 0.045
SWEEP_SECONDS_MIN = 3.0
SWEEPS_PER_EXISTING = 4
IDS_PER_SWEEP = 500  #: ten lists of one batch
# Ours: what writing into lists may use up of the bucket's leak (BR-06).
LISTS_SHARE_MAX = 0.10
ELEMENT_NAME_CHARACTERS_MAX = 255  # NAME of an element is a VARCHAR(255)
