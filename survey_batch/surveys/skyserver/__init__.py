"""SkyServer: colour images of the SDSS sky, drawn on request."""
