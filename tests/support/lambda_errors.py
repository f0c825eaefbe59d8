"""Errors of Lambda that the next invocation need not meet: state machines and waiting jobs invoke again."""

CRASHES = ("Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout")
"""The types of a function that ended without an answer.

No document lists them. A process that is killed for lack of memory is `Runtime.ExitError` in reports about OS-only
runtimes, and `Runtime.OutOfMemory` in reports about managed ones. The Step Functions developer guide ("Handle transient
Lambda service exceptions") names `Lambda.Unknown` for both that and a timeout, which only its state machines see.
"""

NOT_READY = ("ResourceConflictException", "ResourceNotReadyException")
"""The exceptions of an invocation while Lambda makes a function ready that is new, or was not invoked for weeks.

AWS Lambda developer guide, "Lambda function states".
"""
