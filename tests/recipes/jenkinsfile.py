"""A strict reader of declarative Jenkinsfiles: it knows the directives that the recipe has, and refuses all others."""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""(?P<skip>[ \t]+|//[^\n]*)
      | (?P<end>\n)
      | (?P<text>'''(?:\\.|[^\\])*?'''|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")
      | (?P<word>[A-Za-z_][\w.]*|\d+)
      | (?P<mark>[{}()=,:])""",
    re.VERBOSE | re.DOTALL,
)

# The directives that each may contain. `None` is a statement without a block.
ALLOWED: dict[str, set[str]] = {
    "pipeline": {"agent", "options", "environment", "stages"},
    "options": {"disableConcurrentBuilds", "timeout"},
    "stages": {"stage"},
    "stage": {"agent", "when", "matrix", "stages", "steps"},
    "when": {"beforeAgent", "buildingTag"},
    "matrix": {"axes", "agent", "stages"},
    "axes": {"axis"},
    "axis": {"name", "values"},
    "agent": {"label"},
    "steps": {"sh"},
}


@dataclass
class Block:
    """A directive: `name arguments { children }`, or without a block."""

    name: str
    arguments: list[str]
    """Tokens; texts keep their quotation marks."""
    children: list["Block"] = field(default_factory=list)

    def all(self, name: str) -> list["Block"]:
        """The children of a name."""
        return [child for child in self.children if child.name == name]

    def one(self, name: str) -> "Block":
        """The only child of a name."""
        [child] = self.all(name)
        return child

    def texts(self) -> list[str]:
        """The arguments that are texts."""
        return [unquoted(argument) for argument in self.arguments if argument[0] in "'\""]


def parse(text: str) -> Block:
    """The pipeline in a Jenkinsfile. Raises a `ValueError` where it is not one."""
    top = Block("", [])
    rest = children(tokens(text), top)
    if rest:
        raise ValueError(f"a closing brace too many, before {rest[:3]}")
    if [block.name for block in top.children] != ["pipeline"]:
        raise ValueError("a Jenkinsfile has one pipeline")
    return top.children[0]


def tokens(text: str) -> list[str]:
    """The tokens of a text."""
    found, position = [], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise ValueError(f"not understood: {text[position : position + 40]!r}")
        position = match.end()
        if match.lastgroup != "skip":
            found.append(match[0])
    return found


def children(rest: list[str], parent: Block) -> list[str]:
    """Reads the statements up to the end of a block, and returns what follows."""
    statement: list[str] = []

    def finish() -> Block | None:
        if not statement:
            return None
        block = Block(statement[0], statement[1:])
        statement.clear()
        allowed = ALLOWED.get(parent.name)
        if allowed is not None and block.name not in allowed:
            raise ValueError(f"{parent.name or 'the file'} has no directive {block.name}")
        parent.children.append(block)
        return block

    while rest:
        token, *rest = rest
        if token == "\n":
            finish()
        elif token == "}":
            finish()
            if not parent.name:
                return [token, *rest]
            return rest
        elif token == "{":
            block = finish()
            if block is None:
                raise ValueError("a block without a name")
            rest = children(rest, block)
        else:
            statement.append(token)
    finish()
    if parent.name:
        raise ValueError(f"{parent.name} is not closed")
    return rest


def unquoted(text: str) -> str:
    """The value of a Groovy text. In single quotes nothing is replaced."""
    quote = "'''" if text.startswith("'''") else text[0]
    return re.sub(r"\\(.)", r"\1", text[len(quote) : -len(quote)], flags=re.DOTALL)
