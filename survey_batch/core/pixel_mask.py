"""How masks of pixels, of images and of spectra, say what their bits mean."""

from collections.abc import Mapping


def mask_attributes(bits: Mapping[str, int]) -> dict[str, object]:
    """Return CF attributes with which a reader can decode a mask of pixels, whose bits are all reasons against one."""
    return {
        "long_name": "pixel mask: 0 is good, every bit is a reason not to use the pixel",
        "flag_masks": list(bits.values()),
        "flag_meanings": " ".join(bits),
    }
