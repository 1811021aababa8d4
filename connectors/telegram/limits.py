"""What Telegram allows, as named numbers with units, each with the page it comes from.

FAQ: core.telegram.org/bots/faq. API: core.telegram.org/bots/api. SERVER: the source of the official Bot API server.
"""

from __future__ import annotations

from kernel.http import RateLimit, WindowLimit

# FAQ, «My bot is hitting limits»: about 30 a second in all: a pace, and a window for what the network makes of it.
WHOLE_BOT = RateLimit(per_second=30, burst=3)
WHOLE_BOT_WINDOW = WindowLimit(30, 1.0)
# The same: about one a second into one chat, 20 a minute into a group.
CHAT = (WindowLimit(1, 1.0),)
GROUP = (WindowLimit(1, 1.0), WindowLimit(20, 60.0))

# API «sendMessage»: characters as Telegram counts them, that is UTF-16 units.
TEXT_UNITS_MAX = 4096
CAPTION_UNITS_MAX = 1024
# API «sendMediaGroup».
ALBUM_FILES_MAX = 10
# API «Sending files» and «getFile»; SERVER counts what may be downloaded in MiB.
UPLOAD_BYTES_MAX = 50_000_000
PHOTO_BYTES_MAX = 10_000_000
DOWNLOAD_BYTES_MAX = 20 * 1024 * 1024
PHOTO_TYPES = ("image/jpeg", "image/png")
VOICE_TYPES = ("audio/ogg",)

# API «setWebhook»: 1-256 of these.
HOOK_KEY_ALLOWED = r"[A-Za-z0-9_-]{1,256}"
HOOK_SECRET_CHARACTERS_MIN = 24  #: ours: a shorter one can be guessed
ALLOWED_UPDATES = (
    "message", "edited_message", "my_chat_member", "chat_member", "callback_query", "message_reaction",
)  # fmt: skip
BODY_BYTES_MAX = 1024 * 1024  #: ours: an update with an answered message, quotes and entities in it

# Ours.
CALL_TIMEOUT_SECONDS = 20.0
UPLOAD_TIMEOUT_SECONDS = 120.0
POLL_SECONDS = 8  #: of getUpdates: whoever stops the process waits no longer than that
WATCH_SECONDS = 100.0  #: the webhook is looked at: gone or another's is seen within two minutes
SETS_PER_HOUR_MAX = 2  #: of the webhook by itself: more would be a fight with whoever else sets it
PENDING_MANY = 100
REFUSED_SECONDS = 60.0  #: after a 401: nobody asks again before that
RETRY_SECONDS_UNTOLD = 5.0  #: a 429 without `retry_after`

# Ours: how many numbers after the last known one a lost message is looked for. Where the bot hears all, it knows the others;
# in basic groups and private chats the numbers run over all chats of the bot.
LOOKED_THROUGH_HEARING_ALL = 5
LOOKED_THROUGH = 30
LOOKUP_TRIES = 3
