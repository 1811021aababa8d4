"""People, bots, chats, messages, files, updates: plain records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PRESENT = ("creator", "administrator", "member", "restricted")
ADMINS = ("creator", "administrator")
#: Rights an administrator may have, as getChatMember names them.
RIGHTS = (
    "can_manage_chat", "can_change_info", "can_delete_messages", "can_invite_users", "can_restrict_members",
    "can_pin_messages", "can_manage_topics", "can_promote_members", "can_manage_video_chats", "can_post_stories",
    "can_edit_stories", "can_delete_stories", "can_send_welcome_messages",
)  # fmt: skip
RIGHTS_BY_DEFAULT = frozenset(RIGHTS) - {
    "can_promote_members",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
    "can_send_welcome_messages",
}
#: What allowed_updates means when it is empty: everything but these (contract 1.5).
NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


@dataclass(eq=False)
class User:
    id: int
    first_name: str
    last_name: str = ""
    username: str = ""
    language: str = ""
    is_bot: bool = False
    deactivated: bool = False

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


@dataclass(eq=False)
class Update:
    """`due` and `attempt` are for the webhook: an update is one try after another until it is delivered or a day old."""

    id: int
    kind: str
    body: dict[str, Any]
    chat: int
    made: float
    due: float = 0.0
    attempt: int = 0
    delay: float = 0.0
    in_flight: bool = False
    copy: bool = False

    def json(self) -> dict[str, Any]:
        return {"update_id": self.id, self.kind: self.body} if self.kind else {"update_id": self.id, **self.body}


@dataclass(eq=False)
class Webhook:
    url: str = ""
    secret: str = ""
    connections: int = 40
    certificate: bool = False
    error: str = ""
    error_at: int = 0
    gone_since: float | None = None


@dataclass(eq=False, kw_only=True)
class Bot(User):
    token: str
    privacy: bool = True
    can_join_groups: bool = True
    logged_out: bool = False
    commands: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    webhook: Webhook = field(default_factory=Webhook)
    allowed: frozenset[str] | None = None
    updates: list[Update] = field(default_factory=list)
    next_update: int = 0
    next_message: int = 1
    poller: object | None = None
    blocked_by: set[int] = field(default_factory=set)
    sent: list[tuple[float, int]] = field(default_factory=list)  #: when and into which chat, for the limits


@dataclass(eq=False)
class Member:
    user: User
    status: str = "member"
    rights: frozenset[str] = frozenset()
    reads_all: bool = False  #: a bot: was privacy mode off when it came

    @property
    def present(self) -> bool:
        return self.status in PRESENT

    @property
    def admin(self) -> bool:
        return self.status in ADMINS

    def may(self, right: str) -> bool:
        return self.status == "creator" or (self.status == "administrator" and right in self.rights)


@dataclass(eq=False)
class StoredFile:
    """Bytes, or only a size: large files of people are made of zeros when they are read."""

    id: int
    name: str
    kind: str  # photo | document | …
    mime: str
    size: int
    content: bytes | None = None

    def read(self) -> bytes:
        return bytes(self.size) if self.content is None else self.content


@dataclass(eq=False)
class Message:
    """`content` is the part of the JSON that all see alike; `{"_file": 5}` in it stands for a file."""

    key: int
    chat: Chat
    sender: User
    date: int
    content: dict[str, Any]
    service: bool = False
    number: int = 0  #: in supergroups
    ids: dict[int, int] = field(default_factory=dict)  #: in other chats: bot -> its number of this message
    reply: Message | None = None
    quote: dict[str, Any] | None = None
    external: dict[str, Any] | None = None
    origin: dict[str, Any] | None = None
    thread: int = 0
    album: str = ""
    edited: int = 0
    deleted: bool = False
    markup: dict[str, Any] | None = None
    reactions: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    versions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return str(self.content.get("text", self.content.get("caption", "")))

    def id_for(self, bot: int) -> int:
        """Its id as that bot knows it; 0 if it does not."""
        return self.number or self.ids.get(bot, 0)


@dataclass(eq=False)
class Topic:
    thread: int
    name: str
    root: Message
    closed: bool = False
    color: int = 7322096


@dataclass(eq=False)
class Chat:
    id: int
    kind: str  # private | group | supergroup
    title: str = ""
    username: str = ""
    forum: bool = False
    deleted: bool = False
    upgraded_to: int = 0
    upgraded_from: int = 0
    invite: str = ""
    members: dict[int, Member] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    index: dict[tuple[int, int], Message] = field(default_factory=dict)  #: (bot or 0, id) -> message
    topics: dict[int, Topic] = field(default_factory=dict)
    pinned: list[Message] = field(default_factory=list)
    next_message: int = 1
    last_bot: int = 0
    bot: int = 0  #: of a private chat

    def member(self, user: int) -> Member | None:
        return self.members.get(user)

    def present(self, user: int) -> bool:
        member = self.members.get(user)
        return member is not None and member.present


@dataclass(eq=False)
class Callback:
    id: str
    bot: int
    person: int
    message: Message
    made: float
    answer: dict[str, Any] | None = None


@dataclass
class Sent:
    """One request of a bot, kept for whoever looks for what must not leave."""

    n: int
    at: float
    bot: str
    verb: str
    method: str
    query: str
    raw: bytes
    fields: dict[str, Any]
    files: list[tuple[str, StoredFile]]
    status: int = 0
    description: str = ""
    messages: list[int] = field(default_factory=list)
    cut: bool = False
