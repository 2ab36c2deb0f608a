"""Stamps of stars, many to an exposure."""
