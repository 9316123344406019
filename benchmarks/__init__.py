"""Speed and memory, one command each: ``python -m benchmarks.<name>``. Results: `RESULTS.md`."""
