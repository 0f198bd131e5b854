"""Series: columns of a file, and windows in time's own order."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numbanet.data.forecast import errors, make_task, naive
from numbanet.data.series import Series, example_series, load_series
from numbanet.errors import DataError

TABLE = "time,load,wind,note\n2020-01-01,1,10,a\n2020-01-02,2,20,b\n2020-01-03,3,30,c\n"


def write(folder: Path, content: str) -> Path:
    path = folder / "power.csv"
    path.write_text(content, encoding="utf-8")
    return path


def ramp(rows: int, columns: int = 1) -> Series:
    values = np.arange(rows, dtype=np.float64)[:, None] * np.arange(1, columns + 1)
    return Series("ramp", tuple(f"c{i}" for i in range(columns)), values)


class TestLoading:
    """Columns by name, and faults by line and column."""

    @pytest.mark.parametrize(
        ("target", "features", "columns"),
        [
            ("load", (), ("load",)),
            ("load", ("wind",), ("load", "wind")),
            ("wind", ("all",), ("wind", "load")),
            ("load", ("load", "wind", "wind"), ("load", "wind")),
        ],
    )
    def test_columns(self, target: str, features: tuple[str, ...], columns: tuple[str, ...], tmp_path: Path) -> None:
        series = load_series(write(tmp_path, TABLE), target, features)
        assert series.name == "power"
        assert series.columns == columns
        expected = {"load": [1, 2, 3], "wind": [10, 20, 30]}
        np.testing.assert_array_equal(series.values, np.transpose([expected[column] for column in columns]))

    def test_a_target_that_goes_without_saying(self, tmp_path: Path) -> None:
        assert load_series(write(tmp_path, "day,t\nmonday,1\ntuesday,2.5\n"), None).target == "t"
        with pytest.raises(DataError, match=r"--target COLUMN. Columns of numbers: load, wind"):
            load_series(write(tmp_path, TABLE), None)

    def test_spreadsheets_and_gzip(self, tmp_path: Path) -> None:
        path = write(tmp_path, "\n\ufeff" + TABLE.replace(",", ";").replace("\n", "\r\n\r\n"))
        np.testing.assert_array_equal(load_series(path, "load").values[:, 0], [1, 2, 3])
        packed = tmp_path / "packed.csv.gz"
        packed.write_bytes(gzip.compress(TABLE.encode()))
        assert load_series(packed, "load").name == "packed"

    @pytest.mark.parametrize(
        ("content", "target", "words"),
        [
            ("", "load", "found an empty file"),
            ("time,load\n", "load", "found only a line of column names"),
            ("1,2\n3,4\n", "load", "expected a first line with the names"),
            ("load,load\n1,2\n", "load", "'load' several times"),
            (TABLE, "laod", "unknown column 'laod'. Did you mean 'load'?"),
            (TABLE, "note", r"line 2, column 'note': expected a finite number, found 'a'"),
            ("load\n1\nnan\n", "load", "line 3, column 'load': expected a finite number, found 'nan'"),
            ("load,b\n1,2\n,3\n", "load", "line 3, column 'load': expected a finite number, found an empty cell"),
            ("load\n1\ninf\n", "load", "line 3"),
            ("load,b\n1,2\n3\n", "load", "line 3: expected 2 columns as in the first line, found 1"),
            (TABLE.replace("\n2020-01-03,3", "\n2020-01-03,x"), "load", "line 4, column 'load': .* found 'x'"),
        ],
    )
    def test_faults(self, content: str, target: str, words: str, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=words) as caught:
            load_series(write(tmp_path, content), target)
        assert "power.csv" in str(caught.value)

    def test_an_unknown_feature(self, tmp_path: Path) -> None:
        with pytest.raises(DataError, match=r"unknown column 'wnid'. Did you mean 'wind'?"):
            load_series(write(tmp_path, TABLE), "load", ("wnid",))

    def test_no_file(self, tmp_path: Path) -> None:
        for path, found in ((tmp_path / "no.csv", "no such file"), (tmp_path, "a folder")):
            with pytest.raises(DataError, match=found):
                load_series(path, "load")

    def test_the_made_up_series(self) -> None:
        series = example_series(rows=500, seed=1)
        assert series.values.shape == (500, 1)
        np.testing.assert_array_equal(series.values, example_series(rows=500, seed=1).values)
        assert not np.array_equal(series.values, example_series(rows=500, seed=2).values)
        np.testing.assert_array_equal(series.values[:100], example_series(rows=1000, seed=1).values[:100])


class TestWindows:
    """Chronological, and fitted on the past alone."""

    @given(rows=st.integers(1, 120), window=st.integers(1, 12), horizon=st.integers(1, 8), test=st.floats(0.05, 0.6))
    def test_no_window_knows_the_future(self, rows: int, window: int, horizon: int, test: float) -> None:
        series = ramp(rows, 2)  # a row's value is its number
        cut = rows - round(rows * test)
        if cut < window + horizon or rows - cut < horizon:
            with pytest.raises(DataError, match=r"expected at least \d+"):
                make_task(series, window, horizon, test)
            return
        task = make_task(series, window, horizon, test)
        assert task.cut == cut
        rows_of = task.scale.mean + task.scale.deviation * task.train.x[..., :]
        np.testing.assert_allclose(rows_of[0, :, 0], np.arange(window), atol=1e-4 * rows)
        np.testing.assert_array_equal(task.train.origin, np.arange(window - 1, cut - horizon))
        np.testing.assert_array_equal(task.test.origin, np.arange(cut - 1, rows - horizon))
        for part in (task.train, task.test):
            np.testing.assert_array_equal(part.last, part.origin)
            np.testing.assert_array_equal(part.truth, part.origin[:, None] + np.arange(1, horizon + 1))
            assert part.x.shape == (len(part), window, 2)
            assert part.x.dtype == part.y.dtype == np.float32
            np.testing.assert_allclose(task.scale.forecast(part.last, part.y), part.truth, atol=1e-3)
        assert task.train.truth.max() < cut <= task.test.truth.min()  # targets: all of them in their own part

    def test_the_future_changes_nothing_in_the_past(self) -> None:
        series = example_series(400)
        changed = Series("x", series.columns, np.concatenate([series.values[:320], series.values[320:] * 1e6]))
        before, after = (make_task(s, 24, 6, 0.2) for s in (series, changed))
        assert before.scale.describe() == after.scale.describe()
        np.testing.assert_array_equal(before.train.x, after.train.x)
        np.testing.assert_array_equal(before.train.y, after.train.y)

    def test_the_numbers_are_scaled(self) -> None:
        task = make_task(example_series(), 24, 6, 0.2)
        assert abs(task.train.x.mean()) < 0.1
        assert 0.8 < task.train.x.std() < 1.2
        np.testing.assert_allclose(np.square(task.train.y).mean(), 1.0, rtol=1e-5)

    def test_a_feature_that_never_varies(self) -> None:
        series = Series("x", ("a", "b"), np.column_stack([np.arange(50.0), np.full(50, 0.1)]))
        task = make_task(series, 4, 2, 0.2)
        np.testing.assert_allclose(task.train.x[..., 1], 0.0, atol=1e-6)

    def test_a_target_that_never_varies(self) -> None:
        with pytest.raises(DataError, match=r"c0 is 0.1 in all 40 rows"):
            make_task(Series("x", ("c0",), np.full((50, 1), 0.1)), 4, 2, 0.2)

    @pytest.mark.parametrize(
        ("window", "horizon", "test", "words"),
        [
            (95, 10, 0.2, "expected at least 105 rows, .* found 100"),
            (75, 10, 0.2, "expected at least 85 in the training part, found 80 of 100"),
            (10, 10, 0.05, "expected at least 10 in the test part, found 5 of 100"),
        ],
    )
    def test_too_few_rows(self, window: int, horizon: int, test: float, words: str) -> None:
        with pytest.raises(DataError, match=words):
            make_task(ramp(100), window, horizon, test)

    def test_errors_and_the_last_value(self) -> None:
        task = make_task(ramp(50), 4, 3, 0.2)
        found = errors(naive(task.test), task.test.truth)
        assert found.mae_ahead == (1.0, 2.0, 3.0)
        assert (found.mae, found.mse) == (2.0, 14 / 3)
        np.testing.assert_allclose(found.rmse, (14 / 3) ** 0.5)
