"""What a CRM that keeps comments must do with them; one that keeps none has nothing to show here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from kernel.crm import CommentFile
from kernel.errors import Fault, NotFound, Rejected
from kernel.testing.contracts.subject import UnderTest


def what_we_wrote_is_read_as_ours(world: UnderTest) -> None:
    comments = world.crm.comments
    if comments is None:
        return
    client = world.crm.create("contact", {"name": "Партнер"}, key="c-1")
    deal = world.crm.create("deal", {}, key="d-1")
    text = "Oleg: курс 41,20\nі «так» & <b>ні</b> [B]https://example.test/a?b=1&c=2"
    at = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=20)
    for entity, record_id in (("deal", deal), ("contact", client)):
        made = comments.write(entity, record_id, text, key=f"{entity}-1", author=client, to=(world.person,), at=at)
        again = comments.write(entity, record_id, text, key=f"{entity}-1", author=client, at=at, maybe_done=True)
        assert again == made
        [one] = [one for one in comments.of(entity, record_id) if one.id == made]
        assert (one.entity, one.record_id, one.text, one.ours, one.hidden) == (entity, record_id, text, True, False)
        assert (one.author, one.by_staff) == (client, False) if comments.can_set_author else one.by_staff
        assert one.at == at if comments.can_set_time else abs(datetime.now(UTC) - one.at) < timedelta(hours=1)
        assert comments.get(made) == one
        assert comments.of(entity, record_id, since=datetime.now(UTC) + timedelta(days=2)) == []
    plain = world.crm.comment("deal", deal, "сама собою", key="d-2")
    assert [one.ours for one in comments.of("deal", deal) if one.id == plain] == [True]


def what_staff_wrote_is_read_with_its_files(world: UnderTest) -> None:
    comments = world.crm.comments
    if comments is None:
        return
    deal = world.crm.create("deal", {}, key="d-1")
    content = bytes(range(256)) * 20
    said = world.comment("deal", deal, "#партнеру ось рахунок", {"рахунок 1.pdf": content})
    [one] = [one for one in comments.of("deal", deal) if one.id == said]
    assert (one.text, one.author, one.by_staff, one.ours) == ("#партнеру ось рахунок", world.person, True, False)
    assert one.author_name
    [file] = one.files
    assert file.name == "рахунок 1.pdf" and file.size >= len(content)
    with TemporaryDirectory() as folder:
        into = Path(folder) / "got"
        comments.download(file.id, into, bytes_max=len(content))
        assert into.read_bytes() == content
        _refused(Rejected, lambda: comments.download(file.id, into, bytes_max=len(content) - 1))
        _refused(NotFound, lambda: comments.download("777777", into, bytes_max=1000))
        assert into.read_bytes() == content and list(Path(folder).iterdir()) == [into]


def files_of_ours_arrive(world: UnderTest) -> None:
    comments = world.crm.comments
    if comments is None:
        return
    deal = world.crm.create("deal", {}, key="d-1")
    with TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "a").write_bytes(b"\x00\xff" * 5000)
        (here / "b").write_bytes("текст".encode())
        files = [CommentFile(here / "a", "фото.jpg", "image/jpeg"), CommentFile(here / "b", "b.txt", "text/plain")]
        made = comments.write("deal", deal, "альбом", key="f-1", files=files)
        found = comments.get(made).files
        assert [one.name for one in found] == ["фото.jpg", "b.txt"]
        for one, sent in zip(found, files, strict=True):
            comments.download(one.id, here / "got", bytes_max=10_000)
            assert (here / "got").read_bytes() == sent.path.read_bytes()
        with (here / "large").open("wb") as large:
            large.truncate(comments.file_bytes_max + 1)
        too_large = [CommentFile(here / "large", "large.bin")]
        _refused(Rejected, lambda: comments.write("deal", deal, "завелике", key="f-2", files=too_large))
    assert [one.text for one in comments.of("deal", deal)] == ["альбом"]


def an_edit_is_another_version_of_the_same(world: UnderTest) -> None:
    comments = world.crm.comments
    if comments is None:
        return
    deal = world.crm.create("deal", {}, key="d-1")
    made = comments.write("deal", deal, "курс 41,20", key="e-1")
    before = comments.get(made)
    comments.edit("deal", deal, made, "курс 41,30\nбуло 14:05: 41,20")
    after = comments.get(made)
    assert (after.text, after.ours, after.id) == ("курс 41,30\nбуло 14:05: 41,20", True, made)
    assert after.version != before.version
    assert comments.write("deal", deal, "курс 41,20", key="e-1", maybe_done=True) == made
    _refused(NotFound, lambda: comments.edit("deal", deal, "777777", "ні"))


def an_edit_takes_its_files_along(world: UnderTest) -> None:
    comments = world.crm.comments
    if comments is None:
        return
    deal = world.crm.create("deal", {}, key="d-1")
    with TemporaryDirectory() as folder:
        here = Path(folder)

        def file(name: str, content: bytes) -> CommentFile:
            (here / str(len(content))).write_bytes(content)
            return CommentFile(here / str(len(content)), name, "image/jpeg")

        # Two of one name and of nearly one size: nothing but their contents tells them apart.
        first, late, third = file("a.jpg", b"1" * 500), file("a.jpg", b"2" * 501), file("c.jpg", b"3" * 502)
        made = comments.write("deal", deal, "альбом", key="f-1", files=[first, third])

        def contents() -> list[bytes]:
            found = []
            for one in comments.get(made).files:
                comments.download(one.id, here / "got", bytes_max=10_000)
                found.append((here / "got").read_bytes())
            return found

        for _again in range(2):  # as good as once
            comments.edit("deal", deal, made, "альбом\nі спізніле", files=[first, late, third])
            one = comments.get(made)
            assert (one.text, one.ours, len(one.files)) == ("альбом\nі спізніле", True, 3)
            assert contents() == [sent.path.read_bytes() for sent in (first, late, third)]
        comments.edit("deal", deal, made, "лише текст")
        assert comments.get(made).text == "лише текст" and len(contents()) == 3, "without files they stay"
        with (here / "large").open("wb") as large:
            large.truncate(comments.file_bytes_max + 1)
        too_large = [first, late, third, CommentFile(here / "large", "large.bin")]
        _refused(Rejected, lambda: comments.edit("deal", deal, made, "завелике", files=too_large))
        assert comments.get(made).text == "лише текст" and len(contents()) == 3, "what is refused changes nothing"
    assert [one.id for one in comments.of("deal", deal)] == [made]
    assert comments.write("deal", deal, "альбом", key="f-1", maybe_done=True) == made


def comments_of_all_records_since_a_moment(world: UnderTest) -> None:
    comments = world.crm.comments
    if comments is None:
        return
    client = world.crm.create("contact", {"name": "Партнер"}, key="c-1")
    deals = [world.crm.create("deal", {}, key=f"d-{n}") for n in range(2)]
    quarter_ago = datetime.now(UTC) - timedelta(minutes=15)
    said = [world.comment("deal", deal, f"угода {n}", {}) for n, deal in enumerate(deals)]
    made = comments.write("contact", client, "картка", key="k-1")
    found = {one.id: one for one in comments.since(quarter_ago, ["deal", "contact"])}
    assert {*said, made} <= set(found)
    assert [(found[one].entity, found[one].record_id) for one in (*said, made)] == [
        ("deal", deals[0]), ("deal", deals[1]), ("contact", client),
    ]  # fmt: skip
    assert [found[one].ours for one in (*said, made)] == [False, False, True]
    assert {one.entity for one in comments.since(quarter_ago, ["deal"])} == {"deal"}
    assert comments.since(datetime.now(UTC) + timedelta(days=2), ["deal", "contact"]) == []


def nothing_hidden_ever_stands_openly(world: UnderTest) -> None:
    comments = world.crm.comments
    if comments is None:
        return
    deal = world.crm.create("deal", {}, key="d-1")
    _refused(Rejected, lambda: comments.write("deal", deal, "нікому", key="h-1", hidden=True))
    if comments.can_hide:
        made = comments.write("deal", deal, "код 123456", key="h-2", hidden=True, to=(world.person,))
        assert comments.get(made).hidden and comments.get(made).text == "код 123456"
    else:
        _refused(Rejected, lambda: comments.write("deal", deal, "код", key="h-2", hidden=True, to=(world.person,)))
        assert comments.of("deal", deal) == []


def comments_of_what_is_not_there(world: UnderTest) -> None:
    comments = world.crm.comments
    if comments is None:
        return
    _refused(NotFound, lambda: comments.get("777777"))
    _refused(NotFound, lambda: comments.of("deal", "777777"))
    _refused(Fault, lambda: comments.write("deal", "777777", "нікуди", key="n-1"))


def _refused(kind: type[Exception], call: Callable[[], object]) -> None:
    try:
        call()
    except kind:
        return
    raise AssertionError(f"{kind.__name__} was due")


COMMENTS: tuple[Callable[[UnderTest], None], ...] = (
    what_we_wrote_is_read_as_ours,
    what_staff_wrote_is_read_with_its_files,
    files_of_ours_arrive,
    an_edit_is_another_version_of_the_same,
    an_edit_takes_its_files_along,
    comments_of_all_records_since_a_moment,
    nothing_hidden_ever_stands_openly,
    comments_of_what_is_not_there,
)
