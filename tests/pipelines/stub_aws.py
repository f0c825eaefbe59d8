"""Stands in for the AWS CLI: gives the prepared responses, one for each call, and the last one again and again.

It works in the directory STUB: reads `responses.json`, and appends each call to `calls.jsonl`.
"""

import json
import os
import sys
from pathlib import Path

folder = Path(os.environ["STUB"])
arguments = sys.argv[1:]
payload = arguments[arguments.index("--payload") + 1].removeprefix("fileb://")
with (folder / "calls.jsonl").open("a") as calls:
    json.dump({"arguments": arguments, "payload": Path(payload).read_text()}, calls)
    calls.write("\n")
made = len((folder / "calls.jsonl").read_text().splitlines())

responses = json.loads((folder / "responses.json").read_text())
response = responses[min(made, len(responses)) - 1]
if response["hangs"]:
    (folder / "hanging").write_text(str(os.getpid()))
    os.execv("/bin/sleep", ["sleep", "600"])
Path(arguments[-1]).write_bytes(bytes.fromhex(response["answer"]))
sys.stdout.write(response["output"])
sys.stderr.write(response["error"])
sys.exit(response["code"])
