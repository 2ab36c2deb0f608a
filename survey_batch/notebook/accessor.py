"""The accessor `ds.sb` of xarray's datasets: what a person does with the objects of a product."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from survey_batch.notebook.batches import Batches, batches
from survey_batch.notebook.rows import Object, arranged, chosen, row_of

if TYPE_CHECKING:
    from astropy.io.fits import HDUList
    from astropy.wcs import WCS
    from PIL.Image import Image

    from survey_batch.notebook.figures import Picture


@xr.register_dataset_accessor("sb")  # type: ignore[no-untyped-call]
class Accessor:
    """Objects of a product, as `ds.sb`.

    An object is named by its index on the axis `object` or by its `object_id`. Pictures are matplotlib figures: a
    notebook shows them by itself, and `savefig` writes them.

    Examples
    --------
    >>> spectra = sb.open("runs/lamost-types").spectra  # doctest: +SKIP
    >>> spectra.sb.select(label=["A", "F"], snr=slice(20, None)).sb.gallery()  # doctest: +SKIP
    """

    def __init__(self, ds: xr.Dataset) -> None:
        self._given, self._ds = ds, arranged(ds)

    def __repr__(self) -> str:
        return (
            "<survey_batch accessor: show(i), gallery(), sky_map(), confusion(), spectrum(i), to_image(i), wcs(i), "
            "to_fits(i), to_spectrum(i), row(id), select(...), batches(size)>"
        )

    def row(self, which: Object) -> int:
        """Find an object's index on the axis, from its id."""
        return row_of(self._ds, which)

    def select(self, **conditions: Any) -> xr.Dataset:
        """Choose the objects that fulfil all conditions.

        Parameters
        ----------
        **conditions
            By variable with one value an object: a value, several values, or a `slice` of numbers, both ends included.
            Statuses go by name; "usable" means `ok` or `partial`.

        Raises
        ------
        ConfigurationError
            There is no such variable or status.

        Examples
        --------
        >>> ds.sb.select(status="ok", label=["A", "F"], snr=slice(20, None))  # doctest: +SKIP
        """
        part: xr.Dataset = self._given.isel(object=np.flatnonzero(chosen(self._ds, conditions)))
        return part

    def show(self, which: Object | Sequence[Object]) -> "Picture":
        """Draw one object, or several: bands of a cutout, a spectrum with lines, or probabilities of classes."""
        from survey_batch.notebook.figures import show

        return show(self._ds, which)

    def spectrum(self, which: Object | Sequence[Object]) -> "Picture":
        """Draw the spectrum of one object, or of several, with its lines: the same as `show` of spectra."""
        return self.show(which)

    def gallery(self, which: Sequence[Object] | None = None, count: int = 12) -> "Picture":
        """Draw several objects: those asked for, or `count` evenly spaced ones that hold data."""
        from survey_batch.notebook.figures import gallery

        return gallery(self._ds, which, count)

    def sky_map(self, by: str = "label") -> "Picture":
        """Draw the objects on the sky, coloured by a variable of few values, such as "label" or "status"."""
        from survey_batch.notebook.figures import sky_map

        return sky_map(self._ds, by)

    def confusion(self, split: str | None = None) -> "Picture":
        """Draw labels against predicted classes, of one split or of all objects."""
        from survey_batch.notebook.figures import confusion

        return confusion(self._ds, split)

    def to_image(self, which: Object, band: str | None = None) -> "Image":
        """Draw an object's composite, cutout or stamp pixel by pixel, in colour or a band in grey, to `save`."""
        from survey_batch.notebook.pictures import to_image

        return to_image(self._ds, which, band)

    def wcs(self, which: Object, band: str | None = None) -> "WCS":
        """Make the astropy WCS of an object's cutout in a band (by default the first)."""
        from survey_batch.notebook.fits import wcs

        return wcs(self._ds, which, band)

    def to_fits(self, which: Object) -> "HDUList":
        """Make a FITS file of an object's cutout, an extension with its WCS for each band."""
        from survey_batch.notebook.fits import to_fits

        return to_fits(self._ds, which)

    def to_spectrum(self, which: Object) -> Any:
        """Make an object's spectrum for specutils (which must be installed)."""
        from survey_batch.notebook.fits import to_spectrum

        return to_spectrum(self._ds, which)

    def batches(
        self,
        size: int = 256,
        variables: Sequence[str] | None = None,
        *,
        shuffle: bool = False,
        mix: int = 4,
        seed: int = 0,
    ) -> Batches:
        """Make batches for a training loop; see `survey_batch.batches`."""
        return batches(self._given, size, variables, shuffle=shuffle, mix=mix, seed=seed)
