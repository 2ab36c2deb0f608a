"""How long tests wait for what should happen soon."""

PATIENCE = 900.0
"""Seconds after which something counts as hanging: far more than it takes on the busiest machine."""
