"""Text of datasets is read at its first use, and once."""

import dask
import numpy as np
import xarray as xr

import survey_batch as sb
from survey_batch.core.arrays import TEXT
from survey_batch.lazy.text import PythonStrings, read_when_used
from tests.lazy.conftest import OBJECTS

WORDS = np.array(["", "é", "K0III", "日本"])


def counted(monkeypatch):
    """Count how often, and what, is read."""
    read, plain = [], PythonStrings._read
    monkeypatch.setattr(PythonStrings, "_read", lambda self, key: read.append(key) or plain(self, key))
    return read


def test_values_are_python_strings_whatever_they_were():
    for given in (WORDS, WORDS.astype(np.dtypes.StringDType()), WORDS.astype(object)):
        found = read_when_used(xr.Variable("object", given, {"long_name": "word"}))
        assert found.attrs == {"long_name": "word"}
        assert found.dtype == TEXT
        assert [(type(text), text) for text in found.values.tolist()] == [(str, word) for word in WORDS.tolist()]


def test_nothing_is_read_before_it_is_used_and_then_once(monkeypatch):
    read = counted(monkeypatch)
    variable = read_when_used(xr.Variable("object", WORDS))
    assert variable.shape == (4,)
    assert not read
    assert variable.values.tolist() == variable.values.tolist() == WORDS.tolist()
    assert len(read) == 1


def test_a_part_is_read_alone_in_any_order(monkeypatch):
    read = counted(monkeypatch)
    variable = read_when_used(xr.Variable("object", WORDS))
    assert variable[[3, 1]].values.tolist() == ["日本", "é"]
    assert variable[1:1].values.tolist() == []
    assert variable[-1].values.item() == "日本"
    assert len(read) == 3


def test_text_is_python_strings(product):
    for name in ("object_id", "label", "split", "kind", "feature"):
        values = product[name].values
        assert values.dtype == object, name
        assert {type(value) for value in values.tolist()} == {str}, name
    assert product.feature.attrs["long_name"] == "feature"
    assert product.sel(feature="dn4000").value.shape == (OBJECTS,)
    assert {"object_id", "label", "split"} <= set(product.coords)
    assert set(product.data_vars) == {"value", "kind", "status"}


def test_text_works_in_scikit_learn_and_astropy_and_where(product):
    from io import BytesIO, StringIO

    from astropy.table import Table
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.metrics import confusion_matrix
    from sklearn.model_selection import train_test_split

    loaded = product.load()
    label = loaded.label.values
    assert RandomForestClassifier(2).fit(loaded.value.values, label).classes_.tolist() == ["A", "K0III"]
    assert confusion_matrix(label, label).tolist() == [[10, 0], [0, 10]]
    assert len(train_test_split(label, stratify=label)) == 2
    Table({"id": loaded.object_id.values}).write(StringIO(), format="ascii.ecsv")
    Table({"id": loaded.object_id.values}).write(BytesIO(), format="votable")
    Table({"id": loaded.object_id.values.astype(str)}).write(BytesIO(), format="fits")
    assert loaded.where(loaded.label == "A", drop=True).kind.values[0] == "10000000000000000"


def test_text_is_grouped_by_and_selected_by_while_the_rest_is_lazy(product):
    assert dask.is_dask_collection(product.value)
    assert product.status.groupby(product.label).count().to_series().to_dict() == {"A": 10, "K0III": 10}
    assert product.value.groupby(product.split).mean().sizes["split"] == 2
    assert product.value.groupby(product.kind).first().sizes["kind"] == OBJECTS
    chosen = product.isel(object=product.label == "A")
    assert chosen.value.sel(feature="h_beta").values.tolist() == list(range(0, OBJECTS, 2))


def test_text_is_read_only_when_it_is_used_and_only_what_is_used(output, monkeypatch):
    read = []
    inner = PythonStrings._read
    monkeypatch.setattr(PythonStrings, "_read", lambda self, key: read.append(key) or inner(self, key))
    product = sb.open_product(output, "features")
    part = product.isel(object=slice(3, 7))
    assert "label" in repr(part) + part._repr_html_()
    assert not read
    assert part.label.values.tolist() == ["K0III", "A", "K0III", "A"]
    assert read == [(slice(3, 7, 1),)]
    assert product.label.values.shape == product.label.values.shape == (OBJECTS,)
    assert len(read) == 2


def test_text_can_be_changed_and_the_product_is_not(output, product):
    product.label[3] = "B"
    assert product.label.values[2:5].tolist() == ["A", "B", "A"]
    assert sb.open_product(output, "features").label.values[3] == "K0III"
