"""Basics that every part of the package may import: errors, statuses, paths, threads."""
