"""A hub of 120 registries, each of which is swept every hour."""

from typing import Any

from simulation import Execution, Failed, Simulation, rendered

Json = Any
HOUR = 3_600
# The time that a run of the sweeper takes at most, and the rounds of a registry.
RUN = 880
ROUNDS = 50
REGISTRIES = [{"account": f"{index:012}", "region": "eu-central-1"} for index in range(120)]
# The first ones: they have three of the four places from the beginning.
HOSTILE = [f"{registry['account']}-{registry['region']}" for registry in REGISTRIES[:3]]
OTHERS = [f"{registry['account']}-{registry['region']}" for registry in REGISTRIES[3:]]
SCHEDULED = {"max_age": "30d"}


class Hub(Simulation):
    """The state machines of a hub, most of whose registries take one sweep of so many seconds."""

    def __init__(self, seconds: float, hostile: list[str] | None = None, list_lag: float = 0) -> None:
        all_registries = rendered(
            "sweep.asl.json", SweeperArn="sweeper", RegistrySweepArn="registry", SweptAccounts="", UnsweptAccounts=""
        )
        one = rendered("registry-sweep.asl.json", SweeperArn="sweeper")
        super().__init__({"hub": all_registries, "registry": one}, self.answer, list_lag=list_lag)
        self.seconds = seconds
        self.hostile = HOSTILE if hostile is None else hostile

    def answer(self, request: Json) -> "tuple[float, Json | Failed]":
        """The answer of the sweeper."""
        if request["action"] == "registries":
            return 1, {"registries": REGISTRIES}
        if f"{request['account']}-{request['region']}" in self.hostile:
            # It publishes something in each run, so that it is sent again.
            left = {"unfinished": ["aaa"], "unfinished_total": 1, "complete": False}
            return RUN, {"outcome": "swept", "published": 1, "failed_total": 0, **left}
        return self.seconds, {"outcome": "swept", "published": 0, "failed_total": 0, "complete": True}

    def run_hours(self, hours: int) -> None:
        """Starts an execution in each of these hours, and carries out what happens in them."""
        for hour in range(hours):
            self.start_at(hour * HOUR, "hub", SCHEDULED)
        self.run(until=hours * HOUR)

    def sweeps(self, registry: str) -> list[Execution]:
        """The executions that sweep a registry, in the order of their starts."""
        return [execution for execution in self.of("registry") if registry_of(execution) == registry]

    def ended_by(self, starter: Execution) -> float:
        """After how long the last of the other registries was swept by an execution, in seconds."""
        times = [
            execution.ended
            for execution in self.of("registry")
            if execution.started_by == starter and registry_of(execution) in OTHERS and execution.ended is not None
        ]
        return max(times) - starter.started


def registry_of(execution: Execution) -> str:
    """The registry that an execution sweeps."""
    return f"{execution.input['account']}-{execution.input['region']}"
