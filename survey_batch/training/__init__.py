"""Training and judging classifiers on a job's products."""
