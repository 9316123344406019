"""Plants faults in a copy of the code, one at a time, to see whether a chaos run finds them.

`python -m tests.chaos.mutations` is the command.
"""
