"""A relay between clients and the local ECR: it can answer the calls to a registry itself, and records the others."""

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from support.messages import Message, in_background, read_message, response, serve
from support.registry import HOME, Registry


class Refusal(NamedTuple):
    """An answer of ECR to a call that fails."""

    status: bytes
    error: str
    message: str

    def response(self) -> Message:
        """The response to such a call."""
        return json_response(self.status, {"__type": self.error, "message": self.message})


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
        self.answers: dict[Registry, tuple[Message, str | None]] = {}
        in_background(serve, self.listener, self.handle)

    @contextmanager
    def refusing(self, registry: Registry, refusal: Refusal, operation: str | None = None) -> Iterator[None]:
        """Refuses all calls to a registry, or those of one operation."""
        with self._answering(registry, refusal.response(), operation):
            yield

    @contextmanager
    def answering(self, registry: Registry, operation: str, answer: Any) -> Iterator[None]:
        """Gives all calls of an operation this answer, where the local ECR has another one than AWS may have."""
        with self._answering(registry, json_response(b"200 OK", answer), operation):
            yield

    @contextmanager
    def _answering(self, registry: Registry, answer: Message, operation: str | None) -> Iterator[None]:
        self.answers[registry] = (answer, operation)
        try:
            yield
        finally:
            self.answers.pop(registry)

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
        """The response to a request: that of the local ECR, or one that takes its place."""
        call = called(request)
        answer, operation = self.answers.get(call.registry, (None, None))
        if answer and operation in (None, call.operation):
            return answer
        self.calls.append(call)
        return ask(request)


def json_response(status: bytes, body: Any) -> Message:
    """A response as ECR's API gives it."""
    return response(status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(body).encode())


def called(request: Message) -> Call:
    """What a request calls: the registry is the account in its body, in the Region that it is signed for."""
    body = json.loads(request.body)
    signed = re.search(rb"Credential=[^/]+/\d+/([^/]+)/", request.header(b"authorization"))
    assert signed, request.headers
    registry = Registry(body.get("registryId", HOME.account), signed[1].decode())
    operation = request.header(b"x-amz-target").partition(b".")[2].decode()
    return Call(operation, registry, body.get("repositoryName"))
