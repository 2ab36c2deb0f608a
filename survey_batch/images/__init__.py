"""Kernels on pixels: positions, windows and coverage."""
