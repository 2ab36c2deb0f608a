"""Model spectra of stars, galaxies and quasars, as a fibre spectrograph would see them."""
