"""What every process needs to tell Prometheus about itself."""
