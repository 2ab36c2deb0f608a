"""Classifiers: trained on a product's rows, kept in a folder each, run on blocks of rows."""
