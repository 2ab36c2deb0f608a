"""Diffraction by a telescope with a wavefront error, and how that error changes over a field."""
