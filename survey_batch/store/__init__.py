"""Zarr products, notes of problems with rows, and the lock on an output."""
