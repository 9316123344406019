"""What tests and benchmarks share: servers, stand-ins, sample data and ways to wait. Not shipped."""
