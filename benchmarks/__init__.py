"""What the data paths cost against what they cannot do without: `python -m benchmarks`, or `make bench`."""
