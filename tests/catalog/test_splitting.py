from pathlib import Path

import numpy as np
import pytest

from survey_batch.catalog import group_by_star, read_catalog
from survey_batch.catalog.groups import number_groups, sky_cells
from survey_batch.config.job import CatalogSection
from survey_batch.config.jobfile import load_job
from survey_batch.core.errors import ConfigurationError
from survey_batch.simulate.catalog import simulate_catalog
from tests.jobs import archive_section, write_catalog

JOBS = Path(__file__).parents[2] / "jobs"
SDSS = archive_section(survey="sdss", root="/archive")
ROWS = 20_000


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return simulate_catalog(tmp_path_factory.mktemp("catalogue") / "c.parquet", objects=ROWS)


def column(catalog, name):
    return catalog.table[name].to_numpy()


def torn(group, split):
    return [number for number in np.unique(group) if len(set(split[group == number])) > 1]


def read(path, archive=SDSS, **section):
    return read_catalog(CatalogSection.model_validate({"path": str(path), "id": "specobjid"} | section), archive)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_thesis_sets_hold_their_counts_and_shares(catalogue, number):
    key, count = {1: ("per_class", 100), 2: ("total", 1500), 3: ("total", 2700)}[number]
    path = JOBS / f"thesis-set-{number}.toml"
    job = load_job(path, [f"catalog.path={catalogue}", f"catalog.sample.{key}={count}"])
    catalog = read_catalog(job.catalog, job.archive)
    label, split = column(catalog, "label"), column(catalog, "split")
    assert set(label) <= set("OBAFGKM")
    unique = catalog.counts.steps["unique"]
    if number == 1:
        assert catalog.counts.steps["sampled"] == {name: min(100, unique[name]) for name in "OBAFGKM"}
        assert unique["O"] < 100
    else:
        assert catalog.table.num_rows == count
    field = number_groups(column(catalog, "run"), column(catalog, "camcol"), column(catalog, "field"))
    for name in set(label):
        mine = label == name
        lump = np.bincount(field[mine]).max()  # no share can be met more finely than by the largest group
        for which, share in (("train", 0.7), ("validation", 0.1), ("test", 0.2)):
            assert abs(np.sum(split[mine] == which) - share * np.sum(mine)) <= lump
    assert torn(field, split) == []
    assert torn(group_by_star(column(catalog, "ra"), column(catalog, "dec"), 3.0), split) == []
    assert catalog.table.num_rows + catalog.counts.left_out.total() == ROWS
    assert any("split by field" in note for note in catalog.notes)


def test_crowded_frames_hold_more_objects_than_frames_at_random(catalogue):
    sample = {"label": "class", "select": {"object_class": ["STAR"]}}
    crowded, other = (
        read(catalogue, **sample, sample={"total": 800, "frames": frames}) for frames in ("crowded", "any")
    )
    frames = [
        len(set(zip(column(c, "run"), column(c, "camcol"), column(c, "field"), strict=True))) for c in (crowded, other)
    ]
    assert frames[0] < frames[1] / 4


def test_a_cell_of_sky_is_in_one_split(catalogue):
    catalog = read(catalogue, label="class", split={"group": "sky", "cell_degrees": 2.0})
    used = column(catalog, "split") != ""
    cell = sky_cells(column(catalog, "ra")[used], column(catalog, "dec")[used], 2.0)
    assert torn(cell, column(catalog, "split")[used]) == []
    assert len(np.unique(cell)) > 10


def test_real_plans_are_in_one_split(real_data):
    archive = archive_section(survey="lamost", root="/archive")
    section = {"path": str(real_data / "lamost" / "catalog.csv"), "label": "spectral_type", "split": {"group": "plan"}}
    catalog = read_catalog(CatalogSection.model_validate(section), archive)
    used = column(catalog, "split") != ""
    plan = np.unique(column(catalog, "planid")[used].astype(str), return_inverse=True)[1]
    assert torn(plan, column(catalog, "split")[used]) == []
    assert set(column(catalog, "split")[used]) == {"train", "test"}


def test_a_survey_without_such_groups_is_refused(catalogue, tmp_path):
    with pytest.raises(ConfigurationError, match="these rows have no plan"):
        read(catalogue, label="class", split={"group": "plan"})
    path = tmp_path / "spectra.csv"
    path.write_text("obsid,filename,class\n1,spec-55862-B6202_sp01-002.fits.gz,STAR\n")
    archive = archive_section(survey="lamost", root="/archive")
    with pytest.raises(ConfigurationError, match="these rows have no field"):
        read(path, archive, id="obsid", label="class", split={"group": "field"})


@pytest.mark.parametrize("radius_arcsec", [1.0, 3.0])
def test_a_star_whose_visits_are_too_far_apart_to_be_duplicates_has_one_split(tmp_path, radius_arcsec):
    path = tmp_path / "c.csv"
    stars = [f"{i},{10 + i},0,94,1,11,A" for i in range(40)]
    visits = [f"{100 + i},{10 + i},{2.5 / 3600},94,1,11,A" for i in range(40)]  # seen again 2.5 arcsec away
    copies = [f"{200 + i},{10 + i},{2.6 / 3600},94,1,11,A" for i in range(0, 40, 3)]
    path.write_text("\n".join(["specobjid,ra,dec,run,camcol,field,kind", *stars, *copies, *visits]))
    split = {"group": "star", "train": 0.5, "test": 0.5, "radius_arcsec": radius_arcsec}
    catalog = read(path, label="kind", duplicates={"radius_arcsec": 2.0}, split=split)
    assert catalog.table.num_rows == 80
    torn_stars = torn(group_by_star(column(catalog, "ra"), column(catalog, "dec"), 3.0), column(catalog, "split"))
    assert bool(torn_stars) == (radius_arcsec == 1.0)


def test_a_star_in_two_fields_joins_them(tmp_path):
    path = tmp_path / "c.csv"
    fields = [f"{i},{10 + i},0,94,1,{11 + i},A" for i in range(20)]
    visits = [f"{100 + i},{10 + i + 0.0002},0,94,1,{12 + i},A" for i in range(0, 19, 2)]
    path.write_text("\n".join(["specobjid,ra,dec,run,camcol,field,kind", *fields, *visits]))
    catalog = read(path, label="kind", split={"group": "field", "train": 0.5, "test": 0.5})
    split, field = column(catalog, "split"), column(catalog, "field")
    assert torn(field, split) == []
    assert torn(group_by_star(column(catalog, "ra"), column(catalog, "dec"), 3.0), split) == []
    assert set(split) == {"train", "test"}
    assert any("split by field, 10 groups" in note for note in catalog.notes)


@pytest.mark.parametrize(("joined", "rows"), [(8, "65 %"), (5, None)])
def test_plans_that_stars_join_into_most_of_a_catalogue_are_refused(tmp_path, joined, rows):
    path = tmp_path / "c.csv"
    stars = [f"{i},spec-1-P{i:02d}_sp01-001.fits,{10 + i},0,A,P{i:02d}" for i in range(16)]
    again = [f"{100 + i},spec-1-P{i:02d}_sp01-002.fits,{11 + i},0,A,P{i:02d}" for i in range(joined - 1)]
    path.write_text("\n".join(["obsid,filename,ra,dec,kind,planid", *stars, *again]))
    section = {"path": str(path), "label": "kind", "split": {"group": "plan", "train": 0.5, "test": 0.5}}
    section = CatalogSection.model_validate(section)
    archive = archive_section(survey="lamost", root="/archive")
    if rows is None:
        notes = read_catalog(section, archive).notes
        assert any("12 groups, the largest with 45 % of the rows in 5 plans" in note for note in notes)
    else:
        with pytest.raises(ConfigurationError, match=rf"join {joined} plans into one group with {rows} of the rows"):
            read_catalog(section, archive)


def test_rows_that_cannot_be_used_or_have_no_class_take_no_part(tmp_path):
    path = tmp_path / "c.csv"
    lines = ["specobjid,ra,dec,run,camcol,field,kind", "1,10,0,94,1,11,A", "2,,0,94,1,11,A", "3,20,0,94,1,12,"]
    path.write_text("\n".join(lines))
    for group in ("star", "field", "sky"):
        catalog = read(path, label="kind", split={"group": group, "train": 1, "test": 0})
        assert catalog.table["split"].to_pylist() == ["train", "", ""]


def test_rows_of_a_catalogue_without_labels_are_divided_alike(tmp_path):
    path = tmp_path / "c.csv"
    lines = [f"{i},{10 + i},0,94,1,{11 + i},{'' if i else 'x'}" for i in range(40)]
    path.write_text("\n".join(["specobjid,ra,dec,run,camcol,field,note", *lines]))
    catalog = read(path, split={"train": 0.5, "test": 0.5})
    split = catalog.table["split"].to_pylist()
    assert [split.count(name) for name in ("train", "test")] == [20, 20]
    assert any("no label is read" in note for note in catalog.notes)


def test_a_column_of_labels_that_holds_none_is_refused(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("specobjid,ra,dec,run,camcol,field,kind\n1,10,0,94,1,11,\n2,11,0,94,1,12,")
    with pytest.raises(ConfigurationError, match="no usable row has a label"):
        read(path, label="kind", split={})


def read_spectra(folder, positions):
    """Read a LAMOST catalogue of 20 labelled rows, of which only the first have a position."""
    rows = [{"obsid": i, "planid": "P1", "lmjd": 56000, "spid": 1, "fiberid": i, "class": "STAR"} for i in range(1, 21)]
    for number, row in enumerate(rows):
        row |= {"ra": number, "dec": 0} if number < positions else {"ra": "", "dec": ""}
    path = write_catalog(folder / "c.csv", rows)
    return read(path, archive_section(survey="lamost", root="/archive"), id=None, label="class", split={})


def test_labelled_rows_without_a_position_are_counted_and_in_no_split(tmp_path):
    catalog = read_spectra(tmp_path, positions=17)
    assert "split: rows with a label but no position are in no split: 3" in catalog.notes
    assert column(catalog, "split")[17:].tolist() == [""] * 3
    assert set(column(catalog, "split")[:17]) == {"train", "test"}


def test_a_split_of_a_catalogue_without_positions_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="no row with a label has a position"):
        read_spectra(tmp_path, positions=0)
