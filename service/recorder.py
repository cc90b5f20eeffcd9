"""A recording proxy: hands calls on to a CDS service, and writes fixtures from what passes."""

import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

import requests
from werkzeug.wrappers import Request, Response

from service.deidentification import Privacy, deidentified
from service.envelope import AS_OF
from service.hooks_client import reason
from service.replay import REQUEST, Reply, keep

SECONDS = 60  # to wait for the service behind
# Between two neighbours only (RFC 9110 7.6.1); lengths and encodings are made anew.
_HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
        *("proxy-authenticate", "proxy-authorization"),
        *("content-encoding", "content-length", "host"),
    }
)

Json = dict[str, Any]


@dataclass(slots=True)
class Recorder:
    """A WSGI application; ``today`` is written into each request as its day, if given."""

    target: str
    folder: Path
    privacy: Privacy = field(default_factory=Privacy)
    today: date | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Hand one call on; write it down if it is a hook call or feedback."""
        request = Request(environ)
        body = request.get_data()
        try:
            answer = self._forwarded(request, body)
        except requests.RequestException as fault:
            told = reason(self.target, fault)
            return Response(f"{told}\n", HTTPStatus.BAD_GATEWAY)(environ, start_response)
        if request.method == "POST":
            self._record(request.path, body, answer)
        headers = _passed(answer.headers)
        response = Response(answer.content, answer.status_code, headers)
        return response(environ, start_response)

    def _forwarded(self, request: Request, body: bytes) -> requests.Response:
        """Send the call on as it came: tokens, origins and preflights are for the service."""
        query = request.query_string.decode("latin-1")
        address = f"{self.target.rstrip('/')}{request.path}{'?' if query else ''}{query}"
        return requests.request(
            request.method,
            address,
            data=body or None,
            headers=_passed(dict(request.headers)),
            timeout=SECONDS,
            allow_redirects=False,
        )

    def _record(self, path: str, body: bytes, answer: requests.Response) -> None:
        sent, received = _parsed(body), _parsed(answer.content)
        if not isinstance(sent, dict):
            return
        if path.rstrip("/").endswith("/feedback"):
            service = path.rstrip("/").split("/")[-2]
            self._write(service, ".feedback.json", deidentified(sent, self.privacy))
        elif isinstance(sent.get("hook"), str):
            self._record_call(sent, Reply(answer.status_code, received))

    def _record_call(self, sent: Json, reply: Reply) -> None:
        context = sent.get("context")
        patient = str(context.get("patientId", "")) if isinstance(context, dict) else ""
        request = deidentified(sent, self.privacy, patient)
        if self.today is not None:
            extension = request.get("extension")
            known = extension if isinstance(extension, dict) else {}
            request["extension"] = {AS_OF: self.today.isoformat(), **known}
        path = self._write(sent["hook"], REQUEST, request)
        if reply.body is not None:
            body = deidentified(reply.body, self.privacy, patient)
            keep(path, Reply(reply.status, body))

    def _write(self, stem: str, ending: str, document: Json) -> Path:
        """Write under the next free number; nothing is ever written over."""
        safe = "".join(c if c.isalnum() or c in "-_" else "-" for c in stem)[:80]
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        with self._lock:
            self.folder.mkdir(parents=True, exist_ok=True)
            number = 1
            while (path := self.folder / f"{safe}-{number}{ending}").exists():
                number += 1
            path.write_text(text, "utf-8")
        return path


def _passed(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
