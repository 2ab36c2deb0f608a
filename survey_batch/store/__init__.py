"""Zarr products, the problems of rows, and the lock on an output."""
