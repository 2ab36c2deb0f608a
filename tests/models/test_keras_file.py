from zipfile import ZipFile

import numpy as np
import pytest

from survey_batch.models.keras_file import write_network

keras = pytest.importorskip("keras")


def test_a_network_written_a_second_later_gives_the_same_bytes_and_answers(tmp_path, monkeypatch):
    network = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    for year in (2026, 2027):
        monkeypatch.setattr("time.localtime", lambda *_, year=year: (year, 1, 1, 0, 0, 0, 0, 1, 0))
        write_network(network, tmp_path / f"{year}.keras")
    first, second = sorted(tmp_path.iterdir())
    assert first.read_bytes() == second.read_bytes()
    with ZipFile(first) as archive:
        assert {info.date_time[0] for info in archive.infolist()} == {1980}
        assert b"date" not in archive.read("metadata.json")
    rows = np.eye(3, dtype=np.float32)
    again = keras.saving.load_model(first, compile=False, safe_mode=True)
    np.testing.assert_array_equal(again.predict_on_batch(rows), network.predict_on_batch(rows))
