"""A host of the Lambda Runtime API for one function (AWS Lambda developer guide, "Using the Lambda runtime API for
custom runtimes")."""

import json
import queue
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

from support.messages import in_background, read_message, response, serve

# Longer than any invocation here takes, at the smallest share of a CPU.
TIMEOUT_S = 60
FUNCTION_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:assembler"


@dataclass(frozen=True)
class Reply:
    """A reply, with the times at which the invocation was handed over and the reply had arrived."""

    body: Any
    is_error: bool
    begun: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


class RuntimeApi:
    """The host, on a free port of the loopback interface. One function at a time uses it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.variables = {
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_FUNCTION_NAME": FUNCTION_ARN.rpartition(":")[2],
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._listener.getsockname()[1]}",
        }
        """What Lambda sets in the environment of a function."""
        self._invocations: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[tuple[bool, bytes, float]] = queue.SimpleQueue()
        self._begun = 0.0
        self._count = 0
        self.ready_at = 0.0
        """When the function asked for its first invocation."""
        self._is_ready = threading.Event()
        in_background(serve, self._listener, self._handle)

    def wait_until_ready(self) -> float:
        """Waits for the function's first request, and returns when it came."""
        if not self._is_ready.wait(TIMEOUT_S):
            raise RuntimeError("the function does not ask for an invocation")
        return self.ready_at

    def invoke(self, event: dict[str, Any]) -> Reply:
        """Invokes the function, and waits for its reply."""
        self._invocations.put(json.dumps(event))
        is_error, body, ended = self._replies.get(timeout=TIMEOUT_S)
        return Reply(json.loads(body), is_error, self._begun, ended)

    def close(self) -> None:
        """Ends the connection that waits for an invocation, and accepts no further one."""
        self._invocations.put(None)
        self._listener.close()

    def _handle(self, client: socket.socket) -> None:
        reader = client.makefile("rb")
        with client:
            while True:
                try:
                    request = read_message(reader)
                except (EOFError, OSError):
                    return
                arrived = time.monotonic()
                path = request.start.split(b" ")[1]
                if path.endswith(b"/invocation/next"):
                    if not self._is_ready.is_set():
                        self.ready_at = arrived
                        self._is_ready.set()
                    if (invocation := self._invocations.get()) is None:
                        return
                    self._count += 1
                    answer = response(b"200 OK", headers_of(self._count), invocation.encode())
                    self._begun = time.monotonic()
                else:
                    self._replies.put((not path.endswith(b"/response"), request.body, arrived))
                    answer = response(b"202 Accepted", {})
                client.sendall(answer.encode())


def headers_of(number: int) -> dict[str, str]:
    """The headers by which Lambda describes an invocation to the function."""
    return {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": f"00000000-0000-0000-0000-{number:012}",
        "Lambda-Runtime-Deadline-Ms": str(int((time.time() + TIMEOUT_S) * 1_000)),
        "Lambda-Runtime-Invoked-Function-Arn": FUNCTION_ARN,
    }
