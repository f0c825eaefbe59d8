"""Runs commands of the AWS CLI whose interpreter runs this file. It is imported once, which takes longer than most of them.

Standard input has the arguments of the commands, as JSON; standard output gets the exit code of each, and what it wrote to
standard error.
"""

import json
import os
import sys
import tempfile
from multiprocessing import Pool

from awscli.clidriver import main


def run(arguments: list[str]) -> tuple[int, str]:
    """Runs a command in this process, which runs no other one."""
    with tempfile.TemporaryFile("w+") as content, tempfile.TemporaryFile("w+") as errors:
        content.write("{}")
        content.seek(0)
        os.dup2(content.fileno(), 0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(errors.fileno(), 2)
        sys.argv = ["aws", *arguments]
        try:
            code = main()
        except SystemExit as exit:
            code = exit.code
        sys.stderr.flush()
        errors.seek(0)
        return code or 0, errors.read()


if __name__ == "__main__":
    with Pool(4, maxtasksperchild=1) as processes:
        print(json.dumps(processes.map(run, json.load(sys.stdin), chunksize=1)))
