"""Any FITS images: a catalogue, or a list of tiles, names the file that an object lies on."""
