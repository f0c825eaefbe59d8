"""A host of the Lambda Runtime API: it hands one event to a function, and takes the answer."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

from background import Program
from emulator import ACCOUNT, REGION
from waiting import eventually

PATH = "/2018-06-01/runtime/invocation"
ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ecr-multiarch"
INVOCATION = {
    "Lambda-Runtime-Aws-Request-Id": "1",
    # In the year 2100: the function takes the time that is left from it.
    "Lambda-Runtime-Deadline-Ms": "4102444800000",
    "Lambda-Runtime-Invoked-Function-Arn": ARN,
}


class Host:
    """A running host."""

    def __init__(self) -> None:
        self.variables: dict[str, str] = {}
        """What Lambda sets in the environment of a function."""
        self.events: Queue[bytes | None] = Queue()
        self.posted: list[tuple[str, Any]] = []

    def answer(self, function: Program, event: dict[str, Any]) -> Any:
        """Hands an event to the function, and waits for its answer. Fails if that is an error, or if it has ended."""
        self.events.put(json.dumps(event).encode())

        def is_answered() -> bool:
            function.output()
            return bool(self.posted)

        eventually("the function answers", is_answered)
        [(path, content)] = self.posted
        assert path == f"{PATH}/1/response", (path, content)
        return content


@contextmanager
def runtime_api() -> Iterator[Host]:
    """Runs a host on a free port of 127.0.0.1, for one function and one event."""
    host = Host()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            event = host.events.get()
            if event is not None:
                self.send(INVOCATION, 200, event)

        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send({}, 202, b"")
            host.posted.append((self.path, content))

        def send(self, headers: dict[str, str], status: int, body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        host.variables = {
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_NAME": "assembler",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
        }
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield host
        # Releases the request for a second event, which the function has open.
        host.events.put(None)
        server.shutdown()
