"""A run: phases, shards, reductions and the final accounts."""
