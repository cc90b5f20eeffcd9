"""A FHIR server on this machine that answers each resource type as a test tells it to."""

import json
import select
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

Json = dict[str, Any]

BASE = "/fhir/r4"
FHIR_JSON = "application/fhir+json"
PATIENCE = 20  # seconds for which a slow server keeps a client that does not leave
PIECE_SECONDS = 0.02
PATIENT: Json = {"resourceType": "Patient", "id": "p", "birthDate": "1971-03-02"}
OUTCOME: Json = {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}


def bundle(*resources: Json, following: str | None = None, **more: object) -> Json:
    entries = [{"resource": resource} for resource in resources]
    link = [{"relation": "next", "url": following}] if following is not None else []
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": entries,
        "link": link,
    } | more


class Exchange(BaseHTTPRequestHandler):
    """One connection; ``told`` answers."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # in one piece: otherwise the second waits for an acknowledgement

    @property
    def fhir(self) -> "FaultyFhir":
        """The server that this belongs to."""
        return cast(FaultyFhir, self.server)

    def do_GET(self) -> None:
        """Note the request, and answer as told."""
        self.fhir.seen.append((self.path, dict(self.headers.items())))
        kind = urlsplit(self.path).path.removeprefix(BASE).strip("/").partition("/")[0]
        self.fhir.told.get(kind, empty)(self)

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        """Send an answer; headers may differ from what is true."""
        self.send_response_only(status)
        headers = {"Content_Type": FHIR_JSON, "Content_Length": str(len(body))} | headers
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def pieces(self, start: bytes, piece: bytes) -> None:
        """Send a piece every 20 ms; raises OSError when the client leaves before the end."""
        self.wfile.write(start)
        self.wfile.flush()
        for _ in range(int(PATIENCE / PIECE_SECONDS)):
            if self.fhir.over.wait(PIECE_SECONDS):
                break
            self.wfile.write(piece)
            self.wfile.flush()
        self.close_connection = True

    def hold(self) -> None:
        """Send nothing; raises OSError when the client leaves before the end."""
        if select.select([self.connection], [], [], PATIENCE)[0]:
            raise ConnectionResetError  # it has nothing more to say
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


Answer = Callable[[Exchange], None]


class FaultyFhir(ThreadingHTTPServer):
    """The server: what it is told to answer by resource type, and what it has seen."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Exchange)
        self.told: dict[str, Answer] = {}
        self.seen: list[tuple[str, Mapping[str, str]]] = []
        self.reached: list[str] = []  # for a test that leads connections here from elsewhere
        self.over = threading.Event()

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self.server_port}{BASE}"

    @property
    def types_read(self) -> list[str]:
        """The resource types asked for, in the order of the alphabet."""
        paths = (urlsplit(path).path for path, _ in self.seen)
        return sorted(path.removeprefix(BASE).strip("/").partition("/")[0] for path in paths)

    def handle_error(self, *_: object) -> None:
        """Let a client go that has left."""


@contextmanager
def running(context: ssl.SSLContext | None = None) -> Iterator[FaultyFhir]:
    """Run a server for a test, with TLS if there is a context."""
    with FaultyFhir() as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            thread.join()


def says(document: object, status: int = 200, **headers: str) -> Answer:
    return lambda exchange: exchange.send(json.dumps(document).encode(), status, **headers)


def empty(exchange: Exchange) -> None:
    """Answer as a server does that knows the patient, and nothing else."""
    read = urlsplit(exchange.path).path.startswith(f"{BASE}/Patient/")
    says(PATIENT if read else bundle(total=0))(exchange)


def pages(*contents: list[Json]) -> Answer:
    """Answer with one page after the other; the links are absolute."""

    def answer(exchange: Exchange) -> None:
        parts = urlsplit(exchange.path)
        number = int(parse_qs(parts.query).get("page", ["0"])[0])
        last = number + 1 == len(contents)
        following = f"{exchange.fhir.url}/{parts.path.rpartition('/')[2]}?page={number + 1}"
        says(bundle(*contents[number], following=None if last else following))(exchange)

    return answer


def endless(exchange: Exchange) -> None:
    page = int(parse_qs(urlsplit(exchange.path).query).get("page", ["0"])[0])
    kind = urlsplit(exchange.path).path.rpartition("/")[2]
    following = f"{exchange.fhir.url}/{kind}?page={page + 1}"
    says(bundle({"resourceType": kind, "id": str(page)}, following=following))(exchange)


def circular(exchange: Exchange) -> None:
    says(bundle(following=exchange.fhir.url + exchange.path.removeprefix(BASE)))(exchange)


def reset(exchange: Exchange) -> None:
    """Close the connection with a reset."""
    linger = struct.pack("ii", 1, 0)
    exchange.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    exchange.close_connection = True
    exchange.connection.close()


def first(fault: Answer, then: Answer) -> Answer:
    """Answer with a fault once, and well afterwards."""
    answers = iter((fault,))

    def answer(exchange: Exchange) -> None:
        next(answers, then)(exchange)

    return answer


def truncated(exchange: Exchange) -> None:
    exchange.send(b'{"resourceType": "Bundle"', Content_Length="5000")
    exchange.close_connection = True


def truncated_chunks(exchange: Exchange) -> None:
    exchange.wfile.write(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b'Transfer-Encoding: chunked\r\n\r\n10\r\n{"resourceT'
    )
    exchange.close_connection = True


def half_a_document(exchange: Exchange) -> None:
    exchange.send(b'{"resourceType": "Bundle", "entry": [')


def silent(exchange: Exchange) -> None:
    exchange.hold()


def dripping(exchange: Exchange) -> None:
    exchange.pieces(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{", b" ")


def dripping_headers(exchange: Exchange) -> None:
    exchange.pieces(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a")


def html(exchange: Exchange) -> None:
    exchange.send(b"<html>Sign in</html>", Content_Type="text/html")


def html_in_disguise(exchange: Exchange) -> None:
    exchange.send(b"<html>Sign in</html>")


def no_http(exchange: Exchange) -> None:
    exchange.wfile.write(b"220 smtp.example.org ESMTP\r\n")
    exchange.close_connection = True


def large(exchange: Exchange) -> None:
    exchange.send(json.dumps(bundle(text="x" * 60_000)).encode())


def packed(document: object) -> Answer:
    packer = zlib.compressobj(wbits=31)
    body = packer.compress(json.dumps(document).encode()) + packer.flush()
    return lambda exchange: exchange.send(body, Content_Encoding="gzip")


def deep(exchange: Exchange) -> None:
    exchange.send(b'{"resourceType": "Bundle", "entry":' + b"[" * 500 + b"]" * 500 + b"}")


def redirect(location: str, status: int = 302) -> Answer:
    return says(None, status, Location=location)


# Each fault, and what is made of it. None of them may end in anything else than a named gap.
FAULTS: Mapping[str, tuple[Answer, str]] = {
    "401": (says(OUTCOME, 401), "unauthorised"),
    "403": (says(OUTCOME, 403), "forbidden"),
    "404": (says(OUTCOME, 404), "not-found"),
    "410": (says(OUTCOME, 410), "not-found"),
    "400": (says(OUTCOME, 400), "client-error"),
    "429": (says(OUTCOME, 429, Retry_After="1"), "throttled"),
    "500": (says(OUTCOME, 500), "server-error"),
    "502": (says(OUTCOME, 502), "server-error"),
    "503": (says(OUTCOME, 503), "unavailable"),
    "503-later": (says(OUTCOME, 503, Retry_After="30"), "server-error"),
    "204": (lambda exchange: exchange.send(b"", 204), "not-fhir"),
    "206": (says(bundle(), 206), "not-fhir"),
    "redirect": (redirect("http://169.254.169.254/latest/"), "redirect"),
    "permanent-redirect": (redirect("https://ehr.example.org/", 308), "redirect"),
    "silent": (silent, "timeout"),
    "dripping": (dripping, "timeout"),
    "dripping-headers": (dripping_headers, "timeout"),
    "reset": (reset, "reset"),
    "no-http": (no_http, "reset"),
    "html": (html, "not-json"),
    "html-in-disguise": (html_in_disguise, "not-json"),
    "xml": (says(bundle(), Content_Type="application/fhir+xml"), "not-json"),
    "plain-text": (says(bundle(), Content_Type="text/plain"), "not-json"),
    "operation-outcome": (says(OUTCOME), "operation-outcome"),
    "another-type": (says({"resourceType": "Medication", "id": "m"}), "not-fhir"),
    "json-of-no-type": (says({"entry": []}), "not-fhir"),
    "json-array": (says([bundle()]), "not-fhir"),
    "deep": (deep, "not-fhir"),
    "truncated": (truncated, "truncated"),
    "truncated-chunks": (truncated_chunks, "truncated"),
    "half-a-document": (half_a_document, "not-json"),
    "no-gzip": (says(bundle(), Content_Encoding="gzip"), "truncated"),
    "large": (large, "too-large"),
    "large-when-unpacked": (packed(" " * 1_000_000), "too-large"),
    "many": (
        says(bundle(*({"resourceType": "Basic", "id": str(i)} for i in range(60)))),
        "too-many",
    ),
    "endless": (endless, "too-many"),
    "circular": (circular, "endless"),
    "page-elsewhere": (says(bundle(following="https://evil.example/fhir")), "elsewhere"),
    "page-outside": (says(bundle(following="/admin")), "elsewhere"),
    "page-without-address": (says(bundle(following="")), "elsewhere"),
}
