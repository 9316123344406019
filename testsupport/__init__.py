"""What tests and benchmarks share: servers, stand-ins, sample data, and ways to wait.

It is not part of the wheel.
"""
