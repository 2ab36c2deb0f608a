"""What is made from finished products: exported catalogues, lists of PSF stars."""
