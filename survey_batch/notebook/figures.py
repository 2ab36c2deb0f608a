"""Pictures of objects for a notebook, drawn as in the report, in colours that colour-blind readers can tell apart."""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from survey_batch.core.arrays import Index
from survey_batch.core.errors import ConfigurationError
from survey_batch.core.status import Status
from survey_batch.core.wording import counted
from survey_batch.images.picture import panels_of
from survey_batch.models.figures import confusion_figure
from survey_batch.notebook.rows import Object, kind_of, objects_in, row_of, rows_of
from survey_batch.report.figures_sky import (
    PATCH_DEGREES,
    Patch,
    all_sky,
    look,
    offsets,
    patches_of,
    whole_patch,
    width_degrees,
    zoom,
)
from survey_batch.report.figures_spectra import NAMES_PAD, draw_spectrum
from survey_batch.report.objects import Objects, label_classes
from survey_batch.report.style import NO_CLASS, class_colors

if TYPE_CHECKING:
    import xarray as xr

INK = "#1d2733"
COLUMNS = {"cutouts": 1, "composites": 6, "stamps": 6, "spectra": 2, "predictions": 3}
"""Panels side by side in a gallery."""

IMAGES = ("composites", "stamps")
"""Panels that are too narrow for an id of 18 digits and what is known of the object in one line."""


class Picture(Figure):
    """A matplotlib figure that a notebook shows by itself, once, without pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=110)
        return buffer.getvalue()


def show(ds: "xr.Dataset", which: Object | Sequence[Object]) -> Picture:
    """Draw one object, or several: their bands, their spectra with lines, or the probabilities of their classes."""
    return _drawn([_Panels.of(ds, which)])


def show_each(products: "Iterable[xr.Dataset]", which: Object | Sequence[Object]) -> Picture | None:
    """Draw one object, or several, in each of the products that can be drawn; None if there is no such product."""
    parts = [_Panels.of(ds, which) for ds in products if _can_be_drawn(ds)]
    return _drawn(parts) if parts else None


def gallery(ds: "xr.Dataset", which: Sequence[Object] | None = None, count: int = 12) -> Picture:
    """Draw several objects: those asked for, or `count` evenly spaced ones that hold data."""
    return _drawn([_Panels(ds, kind_of(ds), rows_of(ds, which, count))])


def _can_be_drawn(ds: "xr.Dataset") -> bool:
    try:
        return bool(kind_of(ds))
    except ConfigurationError:  # frames and features have no picture of an object
        return False


@dataclass(frozen=True)
class _Panels:
    """Panels of some objects of one product."""

    ds: "xr.Dataset"
    kind: str
    rows: Index
    alone: bool = False

    @classmethod
    def of(cls, ds: "xr.Dataset", which: Object | Sequence[Object]) -> "_Panels":
        if not isinstance(which, str) and getattr(which, "ndim", 1) == 0:  # one value of numpy or xarray
            which = cast("Object", which.item())  # type: ignore[union-attr]
        if isinstance(which, str) or not isinstance(which, Iterable):
            return cls(ds, kind_of(ds), np.array([row_of(ds, which)]), alone=True)
        return cls(ds, kind_of(ds), rows_of(ds, which, 0))

    @property
    def across(self) -> int:
        return min(COLUMNS[self.kind], len(self.rows))

    @property
    def size(self) -> tuple[float, float]:
        """Width and height [inches]."""
        if self.alone:
            alone = {"cutouts": (9.0, 2.4), "spectra": (9.0, 3.2), "predictions": (5.0, 2.6)}
            return alone.get(self.kind, (3.2, 3.4))
        other = 11 / COLUMNS[self.kind] + 0.5
        height = {"cutouts": 2.2, "spectra": 2.2, "predictions": 2.0}.get(self.kind, other)
        width = 11.0 if self.across > 1 or self.kind == "cutouts" else 5.5
        return width, height * -(-len(self.rows) // self.across)

    def draw(self, figure: FigureBase) -> None:
        panels = figure.subplots(-(-len(self.rows) // self.across), self.across, squeeze=False).ravel()
        for axes, row in zip(panels, self.rows, strict=False):
            _panel(axes, self.ds, int(row), self.kind)
        for axes in panels[len(self.rows) :]:
            axes.set_axis_off()


def _drawn(parts: Sequence[_Panels]) -> Picture:
    """Draw products one below the other in one figure."""
    if not all(len(part.rows) for part in parts):
        raise ConfigurationError("gallery: no object of this dataset holds data (see ds.status), or none was asked for")
    widths, heights = zip(*(part.size for part in parts), strict=True)
    figure = Picture((max(widths), sum(heights)), layout="constrained")
    if len(parts) == 1:
        parts[0].draw(figure)
        return figure
    for part, below in zip(
        parts, figure.subfigures(len(parts), 1, squeeze=False, height_ratios=heights)[:, 0], strict=True
    ):
        part.draw(below)
    return figure


def sky_map(ds: "xr.Dataset", by: str = "label") -> Picture:
    """Draw the objects on the sky, coloured by a variable of few values (label, split, predicted_class, status).

    Objects that lie within 90 degrees are drawn from their middle, in arcminutes or degrees, the others on the whole
    sky. There, more than 100,000 objects are drawn as a density.
    """
    values = _words(ds, by)
    classes = _classes(ds, values)
    nothing = np.full(len(values), "", dtype=object)
    ra, dec = (np.asarray(ds[name].values, np.float64) for name in ("ra", "dec"))
    held = np.isfinite(ra) & np.isfinite(dec)
    objects = Objects(
        total=len(values),
        row=np.arange(len(values)),
        object_id=nothing,
        ra=ra,
        dec=dec,
        label=values if classes else nothing,
        split=nothing,
        status=nothing,
        predicted=nothing,
        usable=held,
        probability=None,
        classes=classes or ("",),
    )
    known = np.flatnonzero(held)
    whole = whole_patch(objects, known) if len(known) else None
    if whole and width_degrees(objects, whole) > PATCH_DEGREES:
        whole = None
    figure = Picture(_map_size(objects, whole) if whole else (8.6, 4.8), layout="constrained")
    if whole:
        zoom(objects, whole, figure=figure)
    else:
        all_sky(objects, known, patches_of(objects, known), figure)
    if classes:
        handles = [
            figure.axes[0].scatter([], [], s=20, label=name or "none", **look(objects, name))
            for name in objects.colors
            if name or (values == "").any()
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=min(8, len(handles)), frameon=False, title=by)
    return figure


def _map_size(objects: Objects, patch: Patch) -> tuple[float, float]:
    """Size the map of a patch so that it fills the picture, with room for a legend below it [inch]."""
    east, north = map(np.ptp, offsets(objects, patch))
    return 5.6, 1.6 + 4.6 * float(np.clip(north / max(east, 1e-9), 0.25, 1))


def confusion(ds: "xr.Dataset", split: str | None = None) -> Picture:
    """Draw labels against predicted classes, for objects that have both, of one split or of all."""
    if kind_of(ds) != "predictions":
        raise ConfigurationError("confusion: give predictions, whose objects have labels")
    classes = [str(name) for name in ds["class"].values]
    label, predicted = ds["label"].values, ds["predicted_class"].values
    both = np.isin(label, classes) & np.isin(predicted, classes)
    if split is not None:
        both &= ds["split"].values == split
    if not both.any():
        raise ConfigurationError(
            "confusion: no object has both a label that the classifier knows and a prediction"
            + (f" in split {split!r}" if split else "")
        )
    counts = np.zeros((len(classes), len(classes)), int)
    class_index = {name: index for index, name in enumerate(classes)}
    np.add.at(counts, tuple(np.array([[class_index[name] for name in side[both]] for side in (label, predicted)])), 1)
    title = counted(both.sum(), "object") + (f" of split {split}" if split else "")
    figure = Picture(layout="constrained")
    confusion_figure(counts, classes, title, normalised=False, figure=figure)
    return figure


def _classes(ds: "xr.Dataset", values: Any) -> tuple[str, ...]:
    """Return the classifier's classes, in its order, if these are among them; else the values that occur, if few."""
    known = tuple(str(name) for name in ds["class"].values) if "class" in ds.variables else ()
    return known if known and set(values) <= {*known, ""} else label_classes(values)


def _words(ds: "xr.Dataset", name: str) -> Any:
    objects_in(ds)
    if name not in ds.variables or ds[name].dims != ("object",) or "ra" not in ds.variables:
        raise ConfigurationError(f"sky_map: this dataset has no {name!r} of objects, or no positions (ra, dec)")
    values = ds[name].values
    if name == "status":
        return np.array([Status(int(value)).name.lower() for value in values], dtype=object)
    return np.array([str(value) for value in values], dtype=object)


def _panel(axes: Axes, ds: "xr.Dataset", row: int, kind: str) -> None:
    one = ds.isel(object=row).load()
    _DRAW[kind](axes, one)
    axes.set_title(
        _caption(one, "\n" if kind in IMAGES else "  "),
        fontsize=8,
        loc="left",
        pad=NAMES_PAD if kind == "spectra" else 4,
    )


def _caption(one: "xr.Dataset", after_id: str) -> str:
    parts = []
    if label := str(one["label"].item() if "label" in one.variables else ""):
        parts.append(label)
    if "predicted_class" in one.variables:
        parts.append(f"predicted {one['predicted_class'].item() or 'nothing'}")
    status = Status(int(one["status"])) if "status" in one.variables else Status.OK
    parts += [status.name.lower()] if status != Status.OK else []
    return str(one["object_id"].item()) + after_id * bool(parts) + "  ".join(parts)


def _draw_cutout(axes: Axes, one: "xr.Dataset") -> None:
    bands = [str(band) for band in one["band"].values]
    position = np.stack([one["y_object"].values, one["x_object"].values], axis=1)
    names, panels = zip(*panels_of(one["flux"].values.astype(np.float32), bands, position), strict=True)
    gap = np.full((panels[0].shape[0], 1 + panels[0].shape[1] // 24, 3), 255, np.uint8)
    strip = np.concatenate([part for panel in panels for part in (gap, panel)][1:], axis=1)
    axes.imshow(strip, interpolation="nearest", resample=False)
    width = strip.shape[1] / len(names)
    axes.set_xticks([width * (index + 0.5) for index in range(len(names))], names, fontsize=8)
    _bare(axes)


def _draw_image(axes: Axes, one: "xr.Dataset") -> None:
    image = one["image"]
    axes.imshow(image.values, origin="upper" if "orientation" in image.attrs else "lower", interpolation="nearest")
    axes.set_xticks([])
    _bare(axes)


def _draw_stamp(axes: Axes, one: "xr.Dataset") -> None:
    ((_, panel),) = panels_of(one["flux"].values.astype(np.float32)[None], [""], np.zeros((1, 2)))
    axes.imshow(panel, interpolation="nearest")
    axes.set_xticks([])
    _bare(axes)


def _bare(axes: Axes) -> None:
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _draw_spectrum(axes: Axes, one: "xr.Dataset") -> None:
    flux, ivar = one["flux"].values, one["ivar"].values
    good = (one["mask"].values == 0) & (ivar > 0) & np.isfinite(flux)
    redshift = float(one["redshift"]) if "redshift" in one.variables else 0.0
    draw_spectrum(axes, one["wavelength"].values, flux, good, redshift, INK)
    axes.set_ylabel(one["flux"].attrs.get("long_name", "flux density"), fontsize=8.5)


def _draw_probabilities(axes: Axes, one: "xr.Dataset") -> None:
    classes = [str(name) for name in one["class"].values]
    colors = class_colors(classes)
    axes.barh(
        classes[::-1], one["probability"].values[::-1], color=[colors.get(name, NO_CLASS) for name in classes[::-1]]
    )
    axes.set(xlim=(0, 1))
    axes.set_xlabel("probability", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


_DRAW: dict[str, Callable[[Axes, Any], None]] = {
    "cutouts": _draw_cutout,
    "composites": _draw_image,
    "stamps": _draw_stamp,
    "spectra": _draw_spectrum,
    "predictions": _draw_probabilities,
}
