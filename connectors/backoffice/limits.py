"""What we take and give at most, as named numbers with units. All are ours: no back office publishes limits of its own.

SPEC: what this connector was ordered to keep to. XML: docs/decisions/back-office.md says why.
"""

from __future__ import annotations

CONNECT_SECONDS = 2.0  #: SPEC
PARALLEL_MAX = 64
TIMEOUT_SECONDS_MAX = 120.0
MEGABYTE = 1024 * 1024
ANSWER_BYTES_MAX = 32 * MEGABYTE  #: SPEC, after decompression; of a set its `max_mb`
IN_MEMORY_BYTES = 1024 * 1024  #: SPEC: what is longer goes to a file
FAILURES_MAX, OPEN_SECONDS = 5, 30.0  #: SPEC: of the breaker
BACK_OFF_SECONDS_MAX = 300.0  #: SPEC
RETRY_SECONDS = (1.0, 3.0, 9.0)  #: SPEC: of what nobody waits for
RETRY_SHARE = 0.2  #: SPEC: so much longer or shorter

PAGES_MAX, ROWS_MAX, PAGING_SECONDS_MAX = 200, 50_000, 60.0  #: SPEC
STARTED_ANEW_MAX = 1  #: SPEC: a page that expired, a TOTAL that changed
BAD_ROWS_SHARE = 0.2  #: SPEC: more than that is a bad answer

# XML; depth and attributes: kernel.xml.
PIECE_BYTES = 64 * 1024  #: as the parser is fed, and the most that stands in memory of what no row needs
PIECES_WITHOUT_ANY_MAX = 16  #: without one element that we know
ELEMENTS_OF_ONE_MAX = 10_000  #: in one row
TEXT_CHARACTERS_MAX = 10_000  #: of one cell
SAMPLE_BYTES = 2048  #: SPEC: of a bad answer
UNKNOWN_NAMES_MAX = 50
FAULT_CHARACTERS_MAX = 300  #: SPEC
CODE_CHARACTERS_MAX, FIELD_CHARACTERS_MAX, TRACE_CHARACTERS_MAX = 60, 200, 100
FIELD_ERRORS_MAX = 100
CLIENT_ID_CHARACTERS_MAX = 40
CONTRACT_CHARACTERS_MAX = 100
