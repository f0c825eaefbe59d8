"""How Lambda names the end of a function that gave no answer: each may succeed when it is invoked again.

No document lists these types. A process that is killed for lack of memory is `Runtime.ExitError` in reports about OS-only
runtimes, and `Runtime.OutOfMemory` in reports about managed ones. The Step Functions developer guide ("Handle transient
Lambda service exceptions") names `Lambda.Unknown` for both that and a timeout, which only its state machines see.
"""

CRASHES = ("Runtime.ExitError", "Runtime.OutOfMemory", "Sandbox.Timedout")
