"""Messages of HTTP/1.1, read from a connection and written to one."""

import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

Headers = list[tuple[bytes, bytes]]


@dataclass
class Message:
    """A request or a response."""

    start: bytes
    headers: Headers
    body: bytes = b""

    def header(self, name: bytes) -> bytes:
        """The value of a header, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name), b"")

    def encode(self) -> bytes:
        """The message as it is sent."""
        lines = [self.start, *(key + b": " + value for key, value in self.headers)]
        return b"\r\n".join([*lines, b"", b""]) + self.body


def response(status: bytes, headers: dict[str, str], body: bytes = b"") -> Message:
    """A response with a body, whose length it states."""
    stated = {**headers, "Content-Length": str(len(body))}
    return Message(b"HTTP/1.1 " + status, [(key.encode(), value.encode()) for key, value in stated.items()], body)


def read_message(reader: BinaryIO, answers_method: bytes = b"") -> Message:
    """Reads a request, or the response to a request of a method."""
    start = read_line(reader)
    headers: Headers = []
    while line := read_line(reader):
        key, _, value = line.partition(b":")
        headers.append((key, value.strip()))
    message = Message(start, headers)
    if answers_method == b"HEAD" or re.match(rb"HTTP/1.1 (1..|204|304)", start):
        return message
    if message.header(b"transfer-encoding").lower() == b"chunked":
        while size := int(read_line(reader), 16):
            message.body += read_exactly(reader, size)
            read_line(reader)
        read_line(reader)
        message.headers = [(key, value) for key, value in headers if key.lower() != b"transfer-encoding"]
        message.headers.append((b"content-length", str(len(message.body)).encode()))
    else:
        message.body = read_exactly(reader, int(message.header(b"content-length") or 0))
    return message


def read_line(reader: BinaryIO) -> bytes:
    """A line without its end."""
    line = reader.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    return line.rstrip(b"\r\n")


def read_exactly(reader: BinaryIO, size: int) -> bytes:
    """That many bytes."""
    content = reader.read(size)
    if len(content) < size:
        raise EOFError
    return content


def in_background(run: Callable[..., None], *arguments: object) -> None:
    """Runs a function in a thread that ends with the process."""
    threading.Thread(target=run, args=arguments, daemon=True).start()


def serve(listener: socket.socket, handle: Callable[[socket.socket], None]) -> None:
    """Handles each connection in a thread of its own, until the listener is closed."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        in_background(handle, client)
