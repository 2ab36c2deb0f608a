"""Training and evaluation of classifiers on a job's products."""
