"""A relay between the functions and the local ECR: it can refuse the calls to a registry, and records the others."""

import http.client
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

from registry import HOME, Registry


class Refusal(NamedTuple):
    """An answer of ECR to a call that fails."""

    status: int
    error: str
    message: str


DENIED = Refusal(400, "AccessDeniedException", "not authorized to perform the action")
THROTTLED = Refusal(400, "ThrottlingException", "Rate exceeded")
UNAVAILABLE = Refusal(500, "ServerException", "an internal error")


class Call(NamedTuple):
    """A call that was relayed."""

    operation: str
    registry: Registry
    repository: str | None


class Relay:
    """A running relay."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.calls: list[Call] = []
        self.refusals: dict[Registry, tuple[Refusal, str | None]] = {}

    @contextmanager
    def refusing(self, registry: Registry, refusal: Refusal, operation: str | None = None) -> Iterator[None]:
        """Refuses all calls to a registry, or those of one operation."""
        self.refusals[registry] = (refusal, operation)
        try:
            yield
        finally:
            self.refusals.pop(registry)

    def refusal(self, call: Call) -> Refusal | None:
        """The answer to a call that is refused."""
        refusal, operation = self.refusals.get(call.registry, (None, None))
        return refusal if operation in (None, call.operation) else None


@contextmanager
def relay_to(ecr_url: str) -> Iterator[Relay]:
    """Runs a relay on a free port of 127.0.0.1."""
    target = urlsplit(ecr_url)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            call = called(self.headers, body)
            refusal = relay.refusal(call)
            if refusal is not None:
                error = {"__type": refusal.error, "message": refusal.message}
                self.answer(refusal.status, "application/x-amz-json-1.1", json.dumps(error).encode())
                return
            relay.calls.append(call)
            connection = http.client.HTTPConnection(target.hostname, target.port, timeout=30)
            connection.request("POST", self.path, body, dict(self.headers))
            response = connection.getresponse()
            self.answer(response.status, response.headers["Content-Type"], response.read())
            connection.close()

        def answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        relay = Relay(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield relay
        server.shutdown()


def called(headers: http.client.HTTPMessage, body: bytes) -> Call:
    """What a request calls: the registry is the account in its body, in the Region that it is signed for."""
    request = json.loads(body)
    signed = re.search(r"Credential=[^/]+/\d+/([^/]+)/", headers["Authorization"])
    assert signed, headers["Authorization"]
    registry = Registry(request.get("registryId", HOME.account), signed[1])
    return Call(headers["X-Amz-Target"].partition(".")[2], registry, request.get("repositoryName"))
