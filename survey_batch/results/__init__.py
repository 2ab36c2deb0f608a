"""What is made of finished products: exported catalogues, lists of PSF stars."""
