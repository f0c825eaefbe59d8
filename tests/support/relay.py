"""A relay between clients and the local ECR: it can refuse the calls to a registry, and records the others."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from support.messages import Message, in_background, read_message, response, serve
from support.registry import HOME, Registry


class Refusal(NamedTuple):
    """An answer of ECR to a call that fails."""

    status: bytes
    error: str
    message: str


DENIED = Refusal(b"400 Bad Request", "AccessDeniedException", "not authorized to perform the action")
THROTTLED = Refusal(b"400 Bad Request", "ThrottlingException", "Rate exceeded")
UNAVAILABLE = Refusal(b"500 Internal Server Error", "ServerException", "an internal error")


class Call(NamedTuple):
    """A call that was relayed."""

    operation: str
    registry: Registry
    repository: str | None


Ask = Callable[[Message], Message]
"""Sends a request to the local ECR, and returns the response."""


class Relay:
    """A relay on a free port of 127.0.0.1, which passes on what arrives on a connection, one request after the other."""

    def __init__(self, ecr_url: str) -> None:
        host, port = ecr_url.removeprefix("http://").split(":")
        self.backend = (host, int(port))
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.calls: list[Call] = []
        self.refusals: dict[Registry, tuple[Refusal, str | None]] = {}
        in_background(serve, self.listener, self.handle)

    @contextmanager
    def refusing(self, registry: Registry, refusal: Refusal, operation: str | None = None) -> Iterator[None]:
        """Refuses all calls to a registry, or those of one operation."""
        self.refusals[registry] = (refusal, operation)
        try:
            yield
        finally:
            self.refusals.pop(registry)

    def handle(self, client: socket.socket) -> None:
        """Answers a client until it closes the connection."""
        with client:
            self.pass_on(client)

    def pass_on(self, client: socket.socket) -> None:
        """Answers the requests of a connection, over one to the local ECR."""
        reader = client.makefile("rb")
        with socket.create_connection(self.backend) as backend:
            backend.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            backend_reader = backend.makefile("rb")

            def ask(request: Message) -> Message:
                backend.sendall(request.encode())
                return read_message(backend_reader, request.start.split(b" ")[0])

            try:
                while True:
                    client.sendall(self.answer(read_message(reader), ask).encode())
            except (EOFError, OSError):
                pass  # One of both has closed its connection.

    def answer(self, request: Message, ask: Ask) -> Message:
        """The response to a request: that of the local ECR, or a refusal."""
        call = called(request)
        refusal, operation = self.refusals.get(call.registry, (None, None))
        if refusal and operation in (None, call.operation):
            error = json.dumps({"__type": refusal.error, "message": refusal.message}).encode()
            return response(refusal.status, {"Content-Type": "application/x-amz-json-1.1"}, error)
        self.calls.append(call)
        return ask(request)


def called(request: Message) -> Call:
    """What a request calls: the registry is the account in its body, in the Region that it is signed for."""
    body = json.loads(request.body)
    signed = re.search(rb"Credential=[^/]+/\d+/([^/]+)/", request.header(b"authorization"))
    assert signed, request.headers
    registry = Registry(body.get("registryId", HOME.account), signed[1].decode())
    operation = request.header(b"x-amz-target").partition(b".")[2].decode()
    return Call(operation, registry, body.get("repositoryName"))
