"""The relay between the candidates and the local ECR: it adds TLS and the time of the network, and counts.

It runs as a process of its own, so that its CPU does not count for any candidate. Each line on its input is a command, and each line
on its output the answer, both in JSON.

A connection passes two parts. The first one delays what it passes, as a network of this round-trip time does: each
piece by half of it, and the first one by a whole one more, which stands for the handshake of TCP. The second one ends
TLS and passes requests on, one after the other, as HTTP/1.1 over a connection to the local ECR.

The relay is also an HTTP proxy before any address, since the docker CLI pushes without TLS to an address of the
loopback interface. It answers CONNECT at once, so that the connection then takes as long as a direct one.
"""

import json
import queue
import re
import socket
import ssl
import sys
import threading
import time
from dataclasses import asdict, dataclass, field

from support.messages import Message, in_background
from support.relay import Ask, Relay

# A piece of a connection that is passed on at once. It is larger than any message here.
PIECE_BYTES = 1 << 18
CONNECT = b"CONNECT "


@dataclass
class Request:
    """A request that was passed on."""

    operation: str
    arrived: float
    answered: float
    status: int


@dataclass
class Traffic:
    """What was passed on since the last report."""

    connections: int = 0
    full_handshakes: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    requests: list[Request] = field(default_factory=list)


class Network(Relay):
    """The relay with TLS and the time of the network."""

    def __init__(self, backend: str, certificate: str) -> None:
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate)
        self.round_trip = 0.0
        self.lock = threading.Lock()
        self.traffic = Traffic()
        self.inner_url = backend.encode()
        super().__init__(backend)
        self.outer_url = f"https://localhost:{self.port}".encode()

    def take(self) -> Traffic:
        """What was passed on since the last call."""
        with self.lock:
            traffic, self.traffic = self.traffic, Traffic()
            return traffic

    def handle(self, client: socket.socket) -> None:
        with self.lock:
            self.traffic.connections += 1
        if client.recv(len(CONNECT), socket.MSG_PEEK) == CONNECT:
            while not client.recv(PIECE_BYTES).endswith(b"\r\n\r\n"):
                pass
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        near, far = socket.socketpair()
        round_trip = self.round_trip
        in_background(self._delay, client, near, round_trip / 2, round_trip, "bytes_up")
        in_background(self._delay, near, client, round_trip / 2, 0.0, "bytes_down")
        try:
            with self.tls.wrap_socket(far, server_side=True) as stream:
                if not stream.session_reused:
                    with self.lock:
                        self.traffic.full_handshakes += 1
                self.pass_on(stream)
        except OSError:
            pass  # The client has closed the connection.
        finally:
            far.close()

    def _delay(
        self, source: socket.socket, sink: socket.socket, delay: float, extra_delay_of_first: float, counter: str
    ) -> None:
        """Passes on what arrives, each piece after the delay, until the source ends."""
        pieces: queue.SimpleQueue[tuple[float, bytes]] = queue.SimpleQueue()

        def write() -> None:
            while True:
                due, piece = pieces.get()
                wait = due - time.monotonic()
                if wait > 0:
                    time.sleep(wait)
                try:
                    if not piece:
                        sink.shutdown(socket.SHUT_WR)
                        return
                    sink.sendall(piece)
                except OSError:
                    return

        in_background(write)
        piece = b"first"
        while piece:
            try:
                piece = source.recv(PIECE_BYTES)
            except OSError:
                piece = b""
            pieces.put((time.monotonic() + delay + extra_delay_of_first, piece))
            extra_delay_of_first = 0.0
            with self.lock:
                setattr(self.traffic, counter, getattr(self.traffic, counter) + len(piece))

    def answer(self, request: Message, ask: Ask) -> Message:
        arrived = time.monotonic()
        response = ask(request)
        answered = time.monotonic()
        with self.lock:
            status = int(response.start.split(b" ")[1])
            self.traffic.requests.append(Request(operation(request), arrived, answered, status))
        return self._with_own_address(response, is_head=request.start.startswith(b"HEAD "))

    def _with_own_address(self, response: Message, is_head: bool) -> Message:
        """The response with the relay's address in place of the local ECR's, so that URLs lead here again."""
        headers = [(key, value.replace(self.inner_url, self.outer_url)) for key, value in response.headers]
        body = response.body
        if not is_head and b"json" in response.header(b"content-type"):
            body = body.replace(self.inner_url, self.outer_url)
        if len(body) != len(response.body):
            headers = [(key, value) for key, value in headers if key.lower() != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode()))
        return Message(response.start, headers, body)


def operation(request: Message) -> str:
    """The name of ECR's operation, or the method and the kind of the path."""
    if target := request.header(b"x-amz-target"):
        return target.decode().rpartition(".")[2]
    method, path, _ = request.start.decode().split(" ")
    if path.startswith("/blobs/"):
        return "GET of a presigned URL"
    kind = re.search(r"/(manifests|blobs|tags)/", path)
    return f"{method} /v2/{'...' + kind[0] if kind else ''}"


def main() -> None:
    relay = Network(sys.argv[1], sys.argv[2])
    print(json.dumps({"port": relay.port}), flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        if command == "take":
            print(json.dumps(asdict(relay.take())), flush=True)
        else:
            relay.round_trip = command["round_trip_ms"] / 1_000
            print(json.dumps("set"), flush=True)


if __name__ == "__main__":
    main()
