"""A relay before the local ECR that does what ECR does after a push: it announces it."""

import json
from collections.abc import Callable

from support.local_ecr import LocalEcr
from support.messages import Message
from support.relay import Ask, Relay, called


class Announcing(Relay):
    """Passes calls on, and tells somebody the repository and the tag of each push."""

    def __init__(self, ecr: LocalEcr, announce: Callable[[str, str], None]) -> None:
        super().__init__(ecr.url)
        self.announce = announce

    def answer(self, request: Message, ask: Ask) -> Message:
        """The response of the local ECR."""
        response = super().answer(request, ask)
        if called(request).operation == "PutImage":
            body = json.loads(request.body)
            self.announce(body["repositoryName"], body["imageTag"])
        return response
