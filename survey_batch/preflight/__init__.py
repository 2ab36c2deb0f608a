"""Checks and estimates before any work: phases, provenance, costs, refusals."""
