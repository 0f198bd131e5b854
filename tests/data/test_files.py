"""A user's own data: folders, archives, tables, and what is wrong with them."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from numbanet.data import load, write_idx
from numbanet.data.files import IDX_FILES
from numbanet.errors import DataError


def arrays(**changed: Any) -> dict[str, Any]:
    random = np.random.RandomState(0)
    return {
        "x_train": random.randint(0, 256, (8, 5, 4)).astype(np.uint8),
        "y_train": np.arange(8) % 3,
        "x_test": random.randint(0, 256, (4, 5, 4)).astype(np.uint8),
        "y_test": np.arange(4) % 3,
    } | changed


def npz(path: Path, **changed: Any) -> Path:
    kept = {key: value for key, value in arrays(**changed).items() if value is not None}
    np.savez(path / "own.npz", **kept)
    return path / "own.npz"


def csv(path: Path, text: str, name: str = "own.csv") -> Path:
    (path / name).write_text(text)
    return path / name


# Folders of IDX files


def idx_folder(path: Path, suffix: str = "", prefix: str = "") -> Path:
    for name, array in zip(IDX_FILES, arrays().values(), strict=True):
        write_idx(path / f"{prefix}{name}{suffix}", array.astype(np.uint8))
    return path


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("prefix", ["", "emnist-letters-"])
def test_a_folder_of_idx_files(suffix: str, prefix: str, tmp_path: Path) -> None:
    data = load(idx_folder(tmp_path, suffix, prefix))
    np.testing.assert_array_equal(data.train[0][..., 0], arrays()["x_train"])
    assert data.classes == ("0", "1", "2") and data.input_shape == (5, 4, 1)
    assert load(str(tmp_path)).name == tmp_path.name


def test_an_incomplete_folder_names_what_is_missing(tmp_path: Path) -> None:
    idx_folder(tmp_path)
    (tmp_path / IDX_FILES[3]).unlink()
    with pytest.raises(DataError, match=f"missing {IDX_FILES[3]} ") as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_of_several_sets(tmp_path: Path) -> None:
    idx_folder(tmp_path)
    idx_folder(tmp_path, prefix="other-")
    with pytest.raises(DataError, match="several data sets"):
        load(tmp_path)


def test_one_idx_file_is_not_a_data_set(tmp_path: Path) -> None:
    idx_folder(tmp_path)
    with pytest.raises(DataError, match="Name the folder of all four"):
        load(tmp_path / IDX_FILES[0])


@pytest.mark.parametrize("name", ["absent.npz", "./absent", "absent.csv", "~/absent-folder"])
def test_a_path_to_nothing(name: str) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        load(name)


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"\x89PNG\0\0\0")
    with pytest.raises(DataError, match="expected a folder with four IDX files"):
        load(tmp_path / "image.png")
    (tmp_path / "binary.dat").write_bytes(b"ab\0cd")
    with pytest.raises(DataError, match="starts with the bytes"):
        load(tmp_path / "binary.dat")


# NumPy archives


def test_an_archive(tmp_path: Path) -> None:
    data = load(npz(tmp_path))
    assert repr(data) == "Dataset('own', train=8, test=4, input_shape=(5, 4, 1), dtype=uint8, classes=3)"
    assert len(load(npz(tmp_path), limit=2).train[1]) == 2


@pytest.mark.parametrize(
    ("shape", "dtype", "input_shape", "kept"),
    [
        ((6, 7), np.uint8, (6 * 0 + 7,), np.uint8),
        ((6, 7), np.float64, (7,), np.float32),
        ((6, 7), np.int32, (7,), np.float32),
        ((6, 7), bool, (7,), np.float32),
        ((6, 7, 5), np.float32, (7, 5, 1), np.float32),
        ((6, 7, 5, 3), np.uint8, (7, 5, 3), np.uint8),
    ],
)
def test_shapes_and_types(
    shape: tuple[int, ...], dtype: Any, input_shape: tuple[int, ...], kept: Any, tmp_path: Path
) -> None:
    x = np.ones(shape, dtype)
    data = load(npz(tmp_path, x_train=x, y_train=np.arange(6), x_test=x[:2], y_test=np.arange(2)))
    assert data.input_shape == input_shape and data.train[0].dtype == kept == data.test[0].dtype
    assert data.train[1].dtype == np.int64


def test_words_and_odd_numbers_name_classes(tmp_path: Path) -> None:
    words = np.array(["cat", "dog", "ant", "cat", "cat", "dog", "ant", "cat"])
    data = load(npz(tmp_path, y_train=words, y_test=words[:4]))
    assert data.classes == ("ant", "cat", "dog") and data.train[1].tolist() == [1, 2, 0, 1, 1, 2, 0, 1]
    data = load(npz(tmp_path, y_train=np.array([-1, 1] * 4), y_test=np.array([1, -1, 1, 1])))
    assert data.classes == ("-1", "1") and data.test[1].tolist() == [1, 0, 1, 1]
    data = load(npz(tmp_path, y_train=np.array([5, 100_000] * 4), y_test=np.array([5, 5, 5, 5])))
    assert data.classes == ("5", "100000")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"y_test": None},
            "expected the arrays x_train, y_train, x_test, y_test, found x_train, y_train, x_test",
        ),
        ({"y_train": np.arange(7)}, "y_train: expected 8 labels, one for each row of .*x_train, found 7"),
        ({"y_train": np.arange(8) / 2}, "y_train: expected integer or string labels, found float64"),
        ({"y_train": np.eye(8, dtype=int)}, r"y_train: expected labels of shape \[n\].*argmax"),
        ({"x_train": np.array([None] * 8)}, "x_train: .*holds Python objects"),
        ({"x_train": np.zeros(8)}, r"x_train: expected \[n, features\]"),
        ({"x_train": np.zeros((0, 5, 4))}, "at least one example"),
        ({"x_train": np.zeros((8, 5, 4), complex)}, "x_train: expected numbers .* found complex"),
        (
            {"x_train": np.full((8, 5, 4), np.nan)},
            r"x_train: expected finite numbers, found nan at index \[0, 0, 0\]",
        ),
        ({"x_train": np.full((8, 5, 4), 1e300)}, "x_train: expected finite numbers, found inf"),
        ({"x_test": np.zeros((4, 4, 5), np.uint8)}, r"x_test: expected examples of shape \(5, 4, 1\)"),
    ],
)
def test_what_is_wrong_with_an_archive(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = npz(tmp_path, **changed)
    with pytest.raises(DataError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_damaged_archive(tmp_path: Path) -> None:
    whole = npz(tmp_path).read_bytes()
    for content in (whole[:50], whole[:-30], whole[:200] + b"\0" * 60 + whole[260:]):
        (tmp_path / "own.npz").write_bytes(content)
        with pytest.raises(DataError, match=r"own\.npz"):
            load(tmp_path / "own.npz")


def test_a_damaged_member(tmp_path: Path) -> None:
    import io
    import zipfile

    buffer = io.BytesIO()
    np.save(buffer, arrays()["x_train"])
    member = buffer.getvalue()
    for damaged in (
        b"junk",
        member[:40],
        member[:-1],
        member.replace(b"(8,", b"(8 "),
        member.replace(b"}", b"("),
    ):
        path = npz(tmp_path, x_train=None)
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("x_train.npy", damaged)
        with pytest.raises(DataError, match=r"own\.npz: x_train"):
            load(path)


# Tables


def table(rows: int, columns: int, delimiter: str = ",") -> str:
    random = np.random.RandomState(2)
    lines = [[i % 3, *random.randint(0, 256, columns)] for i in range(rows)]
    return "".join(delimiter.join(map(str, line)) + "\n" for line in lines)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", [False, True])
def test_a_table_of_images(delimiter: str, header: bool, tmp_path: Path) -> None:
    text = table(30, 784, delimiter)
    if header:
        text = delimiter.join(["label", *(str(i) for i in range(784))]) + "\n" + text
    data = load(csv(tmp_path, text))
    assert repr(data) == "Dataset('own', train=24, test=6, input_shape=(28, 28, 1), dtype=uint8, classes=3)"
    assert np.bincount(data.test[1]).tolist() == [2, 2, 2]  # a fifth of every class
    rows = {tuple(row) for row in np.concatenate([data.train[0], data.test[0]]).reshape(30, 784)}
    assert rows == {tuple(int(v) for v in line.split(",")[1:]) for line in table(30, 784).splitlines()}


def test_the_split_follows_the_seed(tmp_path: Path) -> None:
    path = csv(tmp_path, table(40, 3))
    one, again, other = load(path, seed=1), load(path, seed=1), load(path, seed=2)
    np.testing.assert_array_equal(one.test[0], again.test[0])
    assert not np.array_equal(one.test[0], other.test[0])


def test_features_words_quotes_and_blank_lines(tmp_path: Path) -> None:
    text = "\ufeffspecies,a,b\n" + '"setosa, wild",1.5,-2e3\n\nvirginica , 0.1,7\n' * 3
    data = load(csv(tmp_path, text))
    assert data.classes == ("setosa, wild", "virginica")
    assert data.input_shape == (2,) and data.train[0].dtype == np.float32
    assert -2000.0 in np.concatenate([data.train[0], data.test[0]])


def test_small_integers_in_few_columns_stay_numbers(tmp_path: Path) -> None:
    data = load(csv(tmp_path, "0,1,2,3,4\n1,5,6,7,8\n"))  # four columns are no 2 x 2 image
    assert data.input_shape == (4,) and data.train[0].dtype == np.float32
    assert len(data.train[1]) == len(data.test[1]) == 1


def test_fractions_in_a_square_are_a_float_image(tmp_path: Path) -> None:
    data = load(csv(tmp_path, "".join(f"{i}.0," + ",".join(["0.5"] * 64) + "\n" for i in range(4))))
    assert data.input_shape == (8, 8, 1) and data.train[0].dtype == np.float32
    assert data.classes == ("0", "1", "2", "3")


def test_a_gzipped_table(tmp_path: Path) -> None:
    (tmp_path / "own.csv.gz").write_bytes(gzip.compress(table(10, 3).encode()))
    assert load(tmp_path / "own.csv.gz").name == "own"
    (tmp_path / "own.csv.gz").write_bytes(gzip.compress(table(10, 3).encode())[:-9])
    with pytest.raises(DataError, match="whole gzip file"):
        load(tmp_path / "own.csv.gz")


def test_a_folder_with_two_tables(tmp_path: Path) -> None:
    csv(tmp_path, table(9, 784), "mnist_train.csv")
    csv(tmp_path, table(6, 784), "mnist_test.csv")
    data = load(tmp_path)
    assert len(data.train[1]) == 9 and len(data.test[1]) == 6 and data.train[0].dtype == np.uint8
    assert data.train[1].tolist() == [0, 1, 2] * 3  # in the files' own order
    csv(tmp_path, table(6, 783), "mnist_test.csv")
    with pytest.raises(DataError, match=r"expected 785 columns as in mnist_train\.csv, found 784"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty file"),
        ("\n\n", "empty file"),
        ("label,a,b\n", "only a header"),
        ("5\n6\n", "expected a label and at least one number"),
        ("0,1,2\n", "at least two rows"),
        ("0,1,2\n1,3\n", "line 2: expected 3 columns as in the first row, found 2"),
        ("a,b,c\n0,1,2\n1,2,3,4\n", "line 3: expected 3 columns as in the first row, found 4"),
        ("0,1,2\n1,x,3\n", "line 2, column 2: expected a finite number, found 'x'"),
        ("0,1,2\n\n1,3,\n", "line 3, column 3: expected a finite number, found ''"),
        ("0,1,2\n1,nan,3\n", "line 2, column 2: .* found 'nan'"),
        ("0,1,2\n1,3,inf\n", "line 2, column 3: .* found 'inf'"),
        ("0,1,2\n,3,4\n", "line 2, column 1: expected a label, found an empty cell"),
        ("0,1,2\n1,1e300,4\n", "finite"),
    ],
)
def test_what_is_wrong_with_a_table(text: str, message: str, tmp_path: Path) -> None:
    path = csv(tmp_path, text)
    with pytest.raises(DataError, match=message) as caught:
        load(path)
    assert str(path) in str(caught.value)


def test_a_table_in_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_bytes("0,1\né,2\n".encode("latin1"))
    with pytest.raises(DataError, match="UTF-8"):
        load(tmp_path / "own.csv")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(text=st.text(st.sampled_from('0123456789.,;\t\n"xe-# \rna'), max_size=60))
def test_any_text_gives_a_data_set_or_a_data_error(text: str, tmp_path: Path) -> None:
    path = tmp_path / "fuzz.csv"
    path.write_bytes(text.encode())
    try:
        data = load(path)
    except DataError as error:
        assert str(path) in str(error)
    else:
        assert np.isfinite(data.train[0]).all() and data.train[1].max() < data.num_classes
