"""One small catalogue of SDSS objects, to be written in each format and read back."""

import numpy as np
from astropy.table import Table

from survey_batch.catalog import Catalog, read_catalog
from survey_batch.config.job import CatalogSection
from tests.jobs import archive_section

RA = np.array([64.2211589, 64.2231583, 64.2223329])
DEC = np.array([1.1315147, -0.0044796, 1.0683275])
IDS = [1237648704577142822, 1237648704577142829, 1237648704577142836]


def sky_table() -> Table:
    """Return the catalogue as a table of astropy."""
    key = {"run": 1006, "rerun": 301, "camcol": 6, "field": 11}
    return Table(
        {"objid": np.array(IDS), "ra": RA, "dec": DEC} | {name: np.full(3, value) for name, value in key.items()}
    )


def sky_lines(delimiter: str = ",") -> list[str]:
    """Return it as lines of text."""
    table = sky_table()
    return [delimiter.join(table.colnames), *(delimiter.join(map(str, row)) for row in table)]


def read_sky(path: object, survey: str = "sdss", **section: object) -> Catalog:
    """Read a catalogue as a job would."""
    chosen = CatalogSection.model_validate({"path": str(path)} | section)
    return read_catalog(chosen, archive_section(survey, root="/archive"))


def assert_read(catalog: Catalog, precision: float = 1e-9) -> None:
    """Compare what was read with what was written."""
    assert catalog.table["object_id"].to_pylist() == [str(number) for number in IDS]
    np.testing.assert_allclose(catalog.table["ra"].to_numpy(), RA, rtol=0, atol=precision)
    np.testing.assert_allclose(catalog.table["dec"].to_numpy(), DEC, rtol=0, atol=precision)
    assert set(catalog.table["problem"].to_pylist()) == {""}
    assert set(catalog.table["rerun"].to_pylist()) == {301}
