"""Telling statuses to the account's callback addresses: in batches, signed, again until the answer is exactly `100`."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

import requests

from sandbox.sms_ru.state import Account, Status

BORDER = "----sandboxsmsru"
TOP_SECONDS, DROPPED_SECONDS = 600.0, 5 * 86_400.0
POST_SECONDS = 30.0
CLOSE_SECONDS = 5
Post = Callable[[str, bytes, str], tuple[int, bytes]]


def signature(api_id: str, lines: Sequence[str]) -> str:
    return hashlib.sha256((api_id + "".join(lines)).encode()).hexdigest()


class Caller:
    """Posts what is due, one callback after another."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._session = requests.Session()
        self._session.trust_env = False
        self.paused = False
        self.post: Post = self._over_the_network
        self._thread = threading.Thread(target=self._work, name="sms-ru-callbacks", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        with self._account.changed:
            self._account.closing = True
            self._account.changed.notify_all()
        self._thread.join(CLOSE_SECONDS)
        self._session.close()

    def pause(self, paused: bool) -> None:
        with self._account.changed:
            self.paused = paused
            self._account.changed.notify_all()

    def wait_idle(self, timeout_s: float) -> bool:
        """True when every message has its last status, and every callback was told it, within so many REAL seconds."""
        account = self._account
        with account.changed:
            return account.changed.wait_for(lambda: not account.waiting and account.next_step() is None, timeout_s)

    def step(self) -> bool:
        """Tell one batch that is due, in the caller's thread; false if there is none."""
        account = self._account
        with account.lock:
            account.walk()
            batch = self._batch()
        if not batch:
            return False
        self._tell(batch)
        return True

    def due(self) -> float | None:
        """When something is to be done next, in sandbox seconds."""
        moments = [one.due for one in self._account.waiting] if not self.paused else []
        step = self._account.next_step()
        return min([*moments, *([] if step is None else [step])], default=None)

    # -- inside

    def _work(self) -> None:
        account = self._account
        while True:
            with account.changed:
                while not account.closing:
                    account.walk()
                    account.changed.notify_all()
                    batch = self._batch()
                    if batch:
                        break
                    due = self.due()
                    account.changed.wait(
                        None if due is None else account.clock.real_seconds(due - account.clock.ticks()) + 0.001
                    )
                if account.closing:
                    return
            self._tell(batch)

    def _batch(self) -> list[Status]:
        if self.paused:
            return []
        now, account = self._account.clock.ticks(), self._account
        ready = sorted((one for one in account.waiting if one.due <= now), key=lambda one: one.due)
        if not ready:
            return []
        most = max(1, int(account.faults.number("callback_batch")))
        return [one for one in ready if one.url == ready[0].url][:most]

    def _tell(self, batch: list[Status]) -> None:
        account, url = self._account, batch[0].url
        with account.lock:
            body, kind = self._body([one.line for one in batch])
        status, answer = self.post(url, body, kind)
        good = status == 200 and answer == b"100"
        with account.changed:
            account.note(direction="out", url=url, lines=[one.line for one in batch], status=status, ok=good,
                         answer=answer[:100].decode("utf-8", "replace"))  # fmt: skip
            account.counters["told" if good else "not_taken"] += len(batch)
            for one in batch:
                if not good:
                    one.attempt += 1
                    pause = min(account.faults.number("callback_retry") * 2 ** (one.attempt - 1), TOP_SECONDS)
                    one.due = account.clock.ticks() + pause
                elif not one.copy and account.faults.chance("callback_duplicate_rate"):
                    one.copy, one.due = True, account.clock.ticks()
                    account.counters["told_twice"] += 1
                else:
                    account.waiting.remove(one)
            account.changed.notify_all()

    def _body(self, lines: list[str]) -> tuple[bytes, str]:
        faults = self._account.faults
        first = {"zero": 0, "one": 1}.get(faults.word("callback_keys"))
        names = ["data[]" if first is None else f"data[{first + number}]" for number in range(len(lines))]
        fields = list(zip(names, lines, strict=True))
        word = faults.word("callback_hash")
        if word != "none":
            fields.append(("hash", signature(self._account.api_id if word == "right" else "another", lines)))
        if faults.word("callback_body") == "form":
            return urlencode(fields).encode(), "application/x-www-form-urlencoded"
        parts = []
        for name, value in fields:
            shown = value.replace("\n", "\r\n") if faults.word("callback_body") == "multipart_crlf" else value
            parts.append(f'--{BORDER}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{shown}\r\n')
        return ("".join(parts) + f"--{BORDER}--\r\n").encode(), f"multipart/form-data; boundary={BORDER}"

    def _over_the_network(self, url: str, body: bytes, kind: str) -> tuple[int, bytes]:
        """Status and body of the answer; status 0 if there was none."""
        try:
            answer = self._session.post(
                url, data=body, headers={"Content-Type": kind}, timeout=POST_SECONDS, allow_redirects=False
            )
        except requests.RequestException:
            return 0, b""
        return answer.status_code, answer.content
