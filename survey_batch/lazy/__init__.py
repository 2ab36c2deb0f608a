"""Products and the stages' functions as lazy datasets, for a notebook."""
