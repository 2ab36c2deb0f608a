"""Diffraction by a telescope with a wavefront error, and the change of that error over a field."""
