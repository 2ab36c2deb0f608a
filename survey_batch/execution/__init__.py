"""A run: phases, shards, reductions and the accounts at the end."""
