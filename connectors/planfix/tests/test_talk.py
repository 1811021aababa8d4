"""Comments both ways where the portal is unwilling: what it swallows, reorders, hides from us, or answers too late."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.planfix import limits
from connectors.planfix.files import Files
from connectors.planfix.tests.portal import Portal, fail, ok
from connectors.planfix.texts import comment_html
from kernel.clock import SystemClock
from kernel.crm import CommentFile
from kernel.errors import NotFound, Rejected, Throttled, Unreachable, Unverified
from kernel.http import Answer, HttpClient


class Talking(Portal):
    """Keeps comments with all that REST shows of them; `keeps` says what it does not swallow."""

    def __init__(self) -> None:
        super().__init__()
        self.keeps = {"isHidden", "owner", "files"}
        self.newest_first = True

    def comment(self, kind: str, of: int, text: str, minutes_ago: int = 0, **more: Any) -> int:
        self._last += 1
        at = self.clock.now() - timedelta(minutes=minutes_ago)
        self.comments[self._last] = {
            "id": self._last, "of": (kind, of), "description": text, "type": "Comment",
            kind: {"id": of if kind == "task" else f"contact:{of}"}, "owner": {"id": "user:3", "name": "Ігор Бондар"},
            "dateTime": {"dateTimeUtcSeconds": at.strftime("%Y-%m-%dT%H:%M:00+0000")}, **more,
        }  # fmt: skip
        return self._last

    def _route(self, method: str, path: str, sent: Any, wanted: list[str]) -> Answer:
        if path.endswith("comments/list") or path == "comment/list":
            found = re.fullmatch(r"(task|contact)/(\d+)/comments/list", path)
            if found and int(found[2]) not in self.records[found[1]]:
                return fail(500, 1000, "Task not found")
            mine = [c for c in self.comments.values() if not found or c["of"] == (found[1], int(found[2]))]
            mine = mine[::-1] if self.newest_first else mine
            return ok({"comments": mine[sent["offset"] : sent["offset"] + sent["pageSize"]]})
        if found := re.fullmatch(r"(task|contact)/(\d+)/comments/", path):
            kept = {name: value for name, value in sent.items() if name in self.keeps | {"description"}}
            made = self.comment(found[1], int(found[2]), "", **kept)
            self.comments[made]["sent"] = sent
            return ok({"id": made}, 201)
        if found := re.fullmatch(r"(?:task|contact)/\d+/comments/(\d+)", path):
            self.comments[int(found[1])].update(sent)
            return Answer(200, {}, b"")
        if found := re.fullmatch(r"comment/(\d+)", path):
            if int(found[1]) not in self.comments:
                return fail(400, 5000, "Comment not found")
            if method == "DELETE":
                del self.comments[int(found[1])]
                return ok({})
            return ok({"comment": self.comments[int(found[1])]})
        return super()._route(method, path, sent, wanted)


@pytest.fixture
def portal() -> Talking:
    return Talking()


@pytest.fixture
def comments(portal):
    return portal.crm().comments


def test_a_text_costs_two_requests(portal, comments):
    deal = str(portal.task())
    comments.of("deal", deal)
    portal.calls.clear()
    comments.write("deal", deal, "Oleg: привіт", key="tg:1:2", author="contact:940")
    assert [path for _method, path, _body in portal.calls] == [f"task/{deal}/comments/", f"comment/{portal._last}"]
    sent = portal.comments[portal._last]["sent"]
    assert sent["owner"] == {"id": "contact:940"} and "recipients" not in sent, "nobody is named, so nobody is notified"


def test_what_is_not_hidden_is_taken_away_again(portal, comments):
    deal = str(portal.task())
    portal.keeps.remove("isHidden")
    with pytest.raises(Rejected, match="did not hide"):
        comments.write("deal", deal, "код 123456", key="k", hidden=True, to=("user:3",))
    assert portal.comments == {}


def test_files_that_the_portal_swallows_are_missed(portal, comments, tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    portal.keeps.remove("files")
    portal.before = lambda method, path, body: ok({"id": 70211}) if path == "file/" else None
    comments._client.files.upload = lambda path, name, kind: 70211
    with pytest.raises(Rejected, match="without its files"):
        comments.write("deal", str(portal.task()), "ось", key="k", files=[CommentFile(tmp_path / "a", "a")])


@pytest.mark.parametrize("does", ["replace", "add", "ignore"])
def test_a_comment_that_takes_no_more_files_gets_back_what_it_had(portal, comments, tmp_path, does):
    """UNCONFIRMED whether an update of a comment replaces its files, as one of a task does."""
    (tmp_path / "a").write_bytes(b"x")
    numbers = iter(range(70_000, 70_100))
    comments._client.files.upload = lambda path, name, kind: next(numbers)
    deal, file = str(portal.task()), CommentFile(tmp_path / "a", "a")
    made = comments.write("deal", deal, "перше", key="k", files=[file])

    def swallow(method, path, body):
        if method == "POST" and path.endswith(f"/comments/{made}") and "files" in body:
            there = portal.comments[int(made)]["files"]
            body["files"] = {"replace": body["files"], "add": [*there, *body["files"]], "ignore": there}[does]

    portal.before = swallow
    if does == "ignore":
        with pytest.raises(Rejected, match="did not take its files"):
            comments.edit("deal", deal, made, "перше і друге", files=[file, file])
        found = comments.get(made)
        assert (found.text, [one.id for one in found.files], found.ours) == ("перше", ["70000"], True)
        return
    comments.edit("deal", deal, made, "перше і друге", files=[file, file])
    earlier = ["70000"] if does == "add" else []
    assert [one.id for one in comments.get(made).files] == [*earlier, "70001", "70002"]
    assert comments.get(made).text == "перше і друге"


def test_a_comment_without_its_mark_is_in_doubt(portal, comments):
    portal.after = lambda method, path, body: [c.update(description="<p>порожньо</p>") for c in portal.comments.values()]
    with pytest.raises(Unverified) as caught:
        comments.write("deal", str(portal.task()), "привіт", key="k")
    assert caught.value.maybe_done


def test_old_comments_are_not_paged_through(portal, comments):
    deal = portal.task()
    for n in range(250):
        portal.comment("task", deal, f"<p>{n}</p>", minutes_ago=250 - n)
    portal.calls.clear()
    newest = comments.of("deal", str(deal), since=portal.clock.now() - timedelta(minutes=5))
    assert [one.text for one in newest] == ["245", "246", "247", "248", "249"]
    pages = [path for _method, path, _body in portal.calls if path.endswith("comments/list")]
    assert len(pages) == 1
    portal.newest_first = False
    assert [one.text for one in comments.of("deal", str(deal), since=portal.clock.now() - timedelta(minutes=5))] == [
        one.text for one in newest
    ], "a portal that does not obey the order costs pages, not comments"


def test_an_idle_look_is_one_request_and_tasks_of_others_are_left_out(portal, comments):
    deal, other, client = portal.task(), portal.task(object={"id": 4704}), portal.contact()
    portal.comment("task", deal, "<p>угода</p>")
    portal.comment("task", other, "<p>завдання</p>")
    portal.comment("task", portal.task(object={"id": 4799}), "<p>чуже</p>")
    portal.comment("contact", client, "<p>картка</p>")
    portal.comment("task", deal, "", dataTags=[{"key": 1}])
    moment = portal.clock.now() - timedelta(hours=1)
    found = comments.since(moment, ["deal", "contact"])
    assert [(one.entity, one.record_id, one.text) for one in found] == [
        ("deal", str(deal), "угода"), ("contact", f"contact:{client}", "картка"),
    ]  # fmt: skip
    portal.calls.clear()
    comments.since(moment, ["deal", "contact"])
    assert [path for _method, path, _body in portal.calls] == ["comment/list"], "what a task is was asked before"
    [condition] = portal.calls[0][2]["filters"]
    assert condition["type"] == 3000 and condition["operator"] == "gt"


def test_who_wrote_it(portal, comments):
    deal = portal.task()
    portal.comment("task", deal, "<p>a</p>")
    portal.comment("task", deal, "<p>b</p>", owner={"id": "contact:940", "name": "Партнер А"}, isHidden=True)
    staff, partner = comments.of("deal", str(deal))
    assert (staff.author, staff.author_name, staff.by_staff, staff.hidden) == ("user:3", "Ігор Бондар", True, False)
    assert (partner.author, partner.author_name, partner.by_staff, partner.hidden) == (
        "contact:940",
        "Партнер А",
        False,
        True,
    )


def test_an_edit_of_what_is_not_ours_adds_no_mark(portal, comments):
    deal = portal.task()
    theirs, ours = portal.comment("task", deal, "<p>їхнє</p>"), portal.comment("task", deal, comment_html("наше", "k"))
    for one in (theirs, ours):
        comments.edit("deal", str(deal), str(one), "нове")
    assert [comments.get(str(one)).ours for one in (theirs, ours)] == [False, True]
    portal.comments[ours]["isDeleted"] = True
    with pytest.raises(NotFound):
        comments.edit("deal", str(deal), str(ours), "нове")


# --- files ---------------------------------------------------------------------------------------------------------------


class Store:
    """Answers of `/file/…` one by one; what was asked, with which headers."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.asked = list(answers), list[tuple[str, str, Any]]()

    def __call__(self, method: str, url: str, *, headers: Any, body: bytes | None, timeout: float) -> Answer:
        self.asked.append((method, url, dict(headers)))
        return self.answers.pop(0)

    def files(self) -> Files:
        http = HttpClient(
            "planfix", "https://desk.example.com/rest/", clock=SystemClock(), transport=self,
            headers=lambda: {"Authorization": "Bearer secret-token"},
        )  # fmt: skip
        return Files(http)


def redirect(to: str) -> Answer:
    return Answer(302, {"Location": to}, b"")


def test_the_token_does_not_go_to_where_the_file_lies(tmp_path):
    store = Store(redirect("https://store.example.net/x?sig=1"), Answer(200, {}, b"%PDF"))
    store.files().download(7, tmp_path / "got", 100)
    assert (tmp_path / "got").read_bytes() == b"%PDF"
    assert store.asked[0][2]["Authorization"] == "Bearer secret-token"
    assert store.asked[1] == ("GET", "https://store.example.net/x?sig=1", {})


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([redirect("http://store.example.net/x")], Rejected),
        ([redirect("file:///etc/passwd")], Rejected),
        ([redirect("https://s.example.net/x"), Answer(403, {}, b"expired")], NotFound),
        ([redirect("https://s.example.net/x"), Answer(503, {}, b"")], Unreachable),
        ([redirect("https://s.example.net/x"), redirect("https://other.example.net/")], NotFound),
        ([Answer(400, {}, json.dumps({"result": "fail", "code": 7000, "error": "no"}).encode())], NotFound),
        ([Answer(200, {}, json.dumps({"result": "fail", "code": 7000, "error": "no"}).encode())], NotFound),
        ([Answer(200, {}, json.dumps({"result": "fail", "code": 22, "timeToReset": 3}).encode())], Throttled),
        ([Answer(200, {}, b"x" * 101)], Rejected),
    ],
)
def test_a_file_comes_whole_or_not_at_all(answers, error, tmp_path: Path):
    with pytest.raises(error):
        Store(*answers).files().download(7, tmp_path / "got", 100)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_json_is_a_file(tmp_path):
    Store(Answer(200, {}, b'{"result": "success"}')).files().download(7, tmp_path / "got", 100)
    assert (tmp_path / "got").read_bytes() == b'{"result": "success"}'


def test_an_upload_is_one_part_named_file_and_what_is_too_large_never_leaves(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    store = Store(ok({"id": 70211}))
    assert store.files().upload(tmp_path / "a", 'ра"хунок.pdf', "application/pdf") == 70211
    assert store.asked[0][:2] == ("POST", "https://desk.example.com/rest/file/")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(limits.FILE_BYTES_MAX + 1)
    with pytest.raises(Rejected):
        Store().files().upload(tmp_path / "large", "large", "text/plain")
    with pytest.raises(Unverified):
        Store(ok({})).files().upload(tmp_path / "a", "a", "text/plain")
