"""Jenkins, as far as the recipe needs it."""

import textwrap

from emulator import ACCOUNT, CREDENTIALS, REGION
from jenkinsfile import Block, parse
from machine import Machines
from recipe import RECIPES, Outcome, Release, Script, run_in_order, run_shell, with_repository

FILE = RECIPES / "jenkins" / "Jenkinsfile"


class Jenkins:
    """Scripts run in `sh -xe`."""

    def __init__(self, function: str) -> None:
        # The variables of the controller, and the role of the agents.
        self.ambient = {
            "AWS_ACCOUNT_ID": ACCOUNT,
            "WAIT_FUNCTION": function,
            **CREDENTIALS,
            "AWS_DEFAULT_REGION": REGION,
        }

    def version(self, release: Release) -> str:
        return release.tag

    def scripts(self) -> list[Script]:
        named = zip(("push", "deploy"), stages(), strict=True)
        return [Script(f"{FILE.name} {name}", "sh", shell(stage)) for name, stage in named]

    def run(self, machines: Machines, release: Release) -> list[Outcome]:
        environment = {line.name: line.texts()[0] for line in parse(FILE.read_text()).one("environment").children}
        git = {"TAG_NAME": release.tag, "GIT_COMMIT": release.revision}
        variables = with_repository({**environment, **self.ambient, **git}, release)
        push, deploy = stages()
        matrix = push.one("matrix")
        axis = matrix.one("axes").one("axis")
        assert axis.one("name").texts() == ["ARCH"]
        [label] = matrix.one("agent").one("label").texts()

        def run(stage: Block, agent: str, value: str | None) -> Outcome:
            # An agent named after an architecture has it.
            machine = machines.make(agent.removeprefix("docker-") if value else "amd64")
            axes = {"ARCH": value} if value else {}
            return run_shell(machine, agent, ["sh", "-xe", "-c"], shell(stage), {**variables, **axes})

        pushes = [
            lambda value=value: run(push, label.replace("${ARCH}", value), value)
            for value in axis.one("values").texts()
        ]
        return run_in_order(pushes, lambda: run(deploy, deploy.one("agent").one("label").texts()[0], None))


def stages() -> tuple[Block, Block]:
    """The stages that push and deploy. Both run for tags only, and the decision needs no agent."""
    push, deploy = parse(FILE.read_text()).one("stages").all("stage")
    for stage in (push, deploy):
        when = stage.one("when")
        assert when.one("beforeAgent").arguments == ["true"]
        assert when.all("buildingTag")
    return push, deploy


def shell(stage: Block) -> str:
    """The only script of a stage, also where it is in a matrix."""
    inner = stage.one("matrix").one("stages").one("stage") if stage.all("matrix") else stage
    [argument] = inner.one("steps").one("sh").arguments
    # Otherwise Groovy replaces the variables of the shell.
    assert argument.startswith("'''"), "the script is not in single quotes"
    [text] = inner.one("steps").one("sh").texts()
    return textwrap.dedent(text)
