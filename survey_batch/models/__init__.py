"""Classifiers: trained on a product's rows, stored in one folder each, run on blocks of rows."""
