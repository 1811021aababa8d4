"""Files: upload, attach, signed addresses that expire (contract 3.5, checklist 21)."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
from typing import Any
from urllib.parse import quote, urlsplit

import requests
from flask import Blueprint, Response, request

from sandbox.planfix import errors, web
from sandbox.planfix.model import StoredFile, User
from sandbox.planfix.state import Portal

SIGNED_SECONDS = 3600.0
FROM_URL_SECONDS_MAX = 20.0
_KEY = secrets.token_bytes(16)


def keep(portal: Portal, name: str, content: bytes, owner: User) -> StoredFile:
    """Store a file under its base name."""
    base = name.replace("\\", "/").rpartition("/")[2] or "file"
    stored = StoredFile(portal.next_id("file"), base, content, owner.id)
    portal.files[stored.id] = stored
    return stored


def size_kb(stored: StoredFile) -> int:
    """Kilobytes, rounded up."""
    return -(-len(stored.content) // 1024)


def signed(portal: Portal, stored: StoredFile) -> str:
    """An address anyone may open until it expires."""
    until = int(portal.clock.ticks() + SIGNED_SECONDS)
    return f"{portal.address}/signed/{stored.id}?until={until}&sig={_signature(stored.id, until)}"


def _signature(number: int, until: int) -> str:
    return hmac.new(_KEY, f"{number}|{until}".encode(), hashlib.sha256).hexdigest()[:32]


def is_unsafe(url: str, own_host: str) -> bool:
    """Planfix refuses its own hosts and surely private ones (contract 3.5)."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if (
        parts.scheme not in ("http", "https")
        or not host
        or host == own_host
        or host.endswith((".planfix.com", ".planfix.ru"))
    ):
        return True
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False  # unknown, not unsafe: the download itself will fail
    return any(not ipaddress.ip_address(str(entry[4][0]).partition("%")[0]).is_global for entry in found)


def routes(rest: Blueprint, portal: Portal) -> None:
    """Register /file…"""

    def file_of(number: int) -> StoredFile:
        if number not in portal.files:
            raise errors.Refusal(400, 7000, f"File not found by id {number}")
        return portal.files[number]

    @rest.post("/file/")
    def file_upload() -> Response:
        part = request.files.get("file")
        if part is None:
            raise errors.Refusal(400, 7001, "File upload error")
        return web.answer({"id": keep(portal, part.filename or "", part.read(), web.viewer()).id})  # 200, not 201

    @rest.post("/file/from-url/")
    def file_from_url() -> Response:
        data = web.body()
        url = str(data.get("url") or "")
        own_host = urlsplit(portal.address).hostname or ""
        if not portal.faults.on("from_url_private") and is_unsafe(url, own_host):
            raise errors.bad_value("Unsafe url for downloading file")
        try:
            with requests.get(url, timeout=FROM_URL_SECONDS_MAX) as answer:
                answer.raise_for_status()
                content = answer.content
        except requests.RequestException:
            raise errors.Refusal(400, 7002, "File upload error") from None
        with portal.lock:
            return web.answer({"id": keep(portal, str(data.get("name") or urlsplit(url).path), content, web.viewer()).id})

    @rest.get("/file/<int:number>")
    def file_get(number: int) -> Response:
        stored = file_of(number)
        shown: dict[str, Any] = {
            "id": number,
            "name": stored.name,
            "size": size_kb(stored),
            "downloadUrl": signed(portal, stored),
        }
        names = web.wanted()
        if names.names == {"id"}:
            names = web.Wanted(frozenset({"id", "name", "size"}), [])
        return web.answer({"file": web.pick(shown, names)})

    @rest.post("/file/<int:number>")
    def file_update(number: int) -> Response:
        file_of(number).name = str(web.body().get("name") or file_of(number).name)
        return web.answer({})

    @rest.delete("/file/<int:number>")
    def file_delete(number: int) -> Response:
        del portal.files[file_of(number).id]
        return web.answer({})

    @rest.get("/file/<int:number>/download")
    def file_download(number: int) -> Response:
        stored = file_of(number)
        if portal.faults.word("download") == "bytes":
            return Response(stored.content, 200, content_type="application/octet-stream")
        return Response(b"", 302, {"Location": signed(portal, stored)})

    @rest.post("/file/<int:number>/attach/<any(task, contact, project):kind>")
    def file_attach(number: int, kind: str) -> Response:
        stored, target = file_of(number), web.ref(request.args.get("id"))
        if kind == "task":
            task = portal.task(target, web.viewer())
            task.files = [*task.files, stored.id]
        elif kind == "contact" and target in portal.contacts:
            portal.contacts[target].files.append(stored.id)
        elif kind == "project" and target in portal.projects.rows:
            portal.projects.rows[target].files.append(stored.id)
        else:
            raise errors.no_access(kind)
        return web.answer({})


def public_routes(public: Blueprint, portal: Portal) -> None:
    """Register the signed addresses, which carry no token."""

    @public.get("/signed/<int:number>")
    def signed_download(number: int) -> Response:
        until = web.ref(request.args.get("until"))
        good = hmac.compare_digest(request.args.get("sig", ""), _signature(number, until))
        with portal.lock:
            stored = portal.files.get(number)
            if not good or until < portal.clock.ticks() or stored is None:
                return Response("expired", 403, content_type="text/plain")
            content, name = stored.content, stored.name
        disposition = f"attachment; filename*=UTF-8''{quote(name)}"
        return Response(content, 200, {"Content-Disposition": disposition}, content_type="application/octet-stream")
