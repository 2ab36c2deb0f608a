"""Remote and local survey archives: fetching files, decompressing them and reading their content."""
