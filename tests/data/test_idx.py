"""The IDX format: round trips, and every kind of damage a clear error."""

from __future__ import annotations

import gzip
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from numbanet.data import read_idx, write_idx
from numbanet.data.idx import read_shape
from numbanet.errors import DataError

DTYPES = [np.uint8, np.int8, np.int16, np.int32, np.float32, np.float64]
any_array = st.sampled_from(DTYPES).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@same_folder
@given(array=any_array, compress=st.booleans())
def test_round_trip(array: np.ndarray, compress: bool, tmp_path: Path) -> None:
    path = tmp_path / "array"
    write_idx(path, array, compress=compress)
    back = read_idx(path)
    assert back.dtype == array.dtype and back.shape == array.shape
    assert back.tobytes() == array.tobytes()  # NaNs too
    assert back.flags.writeable and back.flags.c_contiguous and back.dtype.isnative
    if not compress:
        assert read_shape(path) == (array.dtype, array.shape)


def test_the_bytes_are_those_of_the_standard(tmp_path: Path) -> None:
    write_idx(tmp_path / "a", np.array([[1, -2]], dtype=np.int16))
    assert (tmp_path / "a").read_bytes() == b"\0\0\x0b\x02" + struct.pack(">IIhh", 1, 2, 1, -2)


def test_gzip_by_name_and_by_content(tmp_path: Path) -> None:
    array = np.arange(12, dtype=np.uint8).reshape(3, 4)
    write_idx(tmp_path / "a.gz", array)
    write_idx(tmp_path / "b", array)
    assert (tmp_path / "a.gz").read_bytes()[:2] == b"\x1f\x8b"
    (tmp_path / "a.gz").rename(tmp_path / "plain-by-name")
    (tmp_path / "b").rename(tmp_path / "packed-by-name.gz")
    for name in ("plain-by-name", "packed-by-name.gz"):
        np.testing.assert_array_equal(read_idx(tmp_path / name), array)


def test_foreign_byte_order_and_strides(tmp_path: Path) -> None:
    array = np.arange(12, dtype=">i4" if sys.byteorder == "little" else "<i4").reshape(3, 4).T
    write_idx(tmp_path / "a", array)
    np.testing.assert_array_equal(read_idx(tmp_path / "a"), array)


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.complex64, "U3", object])
def test_what_idx_cannot_hold(dtype: object, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="IDX cannot hold"):
        write_idx(tmp_path / "a", np.zeros(3, dtype=dtype))  # type: ignore[call-overload]
    assert list(tmp_path.iterdir()) == []


def good() -> bytes:
    return b"\0\0\x08\x02" + struct.pack(">II", 3, 4) + bytes(range(12))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "a file of 0 bytes"),
        (b"\0\0\x08", "a file of 3 bytes"),
        (b"\x01" + good()[1:], "found 01 00 08 02"),
        (b"\0\0\x07\x02" + good()[4:], "found 00 00 07 02"),
        (b"\0\0\x08\xff" + good()[4:], "found 00 00 08 ff"),
        (good()[:9], "cut off after 9 bytes"),
        (good()[:-1], r"expected 12 bytes after the header \(3 x 4 uint8\), found (only )?11"),
        (good() + b"x", "expected 12 bytes"),
        (b"\0\0\x0e\x03" + b"\xff" * 12, "expected"),
        (b"<html>not found</html>", "expected an IDX file"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_damage_is_named(content: bytes, message: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path)
    assert str(path) in str(caught.value)
    assert "delete it and get it again" in str(caught.value)


def test_damaged_gzip(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    packed = gzip.compress(good())
    for content in (packed[:5], packed[:-9], packed[:-1], packed[:-8] + b"\0" * 8):
        path.write_bytes(content)
        with pytest.raises(DataError, match="whole gzip file"):
            read_idx(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)
    with pytest.raises(DataError, match="no such file"):
        read_shape(tmp_path / "absent")


@same_folder
@given(
    content=st.binary(max_size=64),
    header=st.sampled_from([b"", b"\0\0", b"\0\0\x08\x01", b"\0\0\x0d\x02", b"\x1f\x8b"]),
)
def test_any_bytes_give_an_array_or_a_data_error(content: bytes, header: bytes, tmp_path: Path) -> None:
    path = tmp_path / "fuzz"
    for whole in (header + content, gzip.compress(header + content)):
        path.write_bytes(whole)
        try:
            assert isinstance(read_idx(path), np.ndarray)
        except DataError as error:
            assert str(error)


@same_folder
@given(at=st.integers(0, 200), value=st.integers(0, 255), length=st.integers(0, 200))
def test_a_flipped_byte_or_a_cut_never_escapes(at: int, value: int, length: int, tmp_path: Path) -> None:
    path = tmp_path / "fuzz"
    packed = bytearray(gzip.compress(good()))
    packed[at % len(packed)] = value
    path.write_bytes(packed[:length])
    try:
        read_idx(path)
    except DataError as error:
        assert str(path) in str(error)
