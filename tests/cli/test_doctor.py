"""`numbanet doctor` as a process: it names what it must, and gives advice where something is wrong."""

from __future__ import annotations

from pathlib import Path

from .helpers import numbanet


def test_it_names_versions_processor_threads_caches_and_cuda(warm: Path, tmp_path: Path) -> None:
    done = numbanet("doctor", "--data-dir", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in (
        "numbanet",
        "python",
        "numpy",
        "numba",
        "features",
        "vector unit",
        "threading layer",
        "kernels",
    ):
        assert f"\n  {name} " in done.stdout
    assert str(tmp_path) in done.stdout
    assert "\n  driver " in done.stdout
    assert "\n  usable " in done.stdout


def test_workqueue_gets_advice(warm: Path, tmp_path: Path) -> None:
    done = numbanet("doctor", cwd=tmp_path, NUMBA_THREADING_LAYER="workqueue")
    assert done.returncode == 0, done.stderr
    assert "workqueue  [note]" in done.stdout
    assert "libgomp" in done.stdout


def test_a_threading_layer_that_is_not_there_is_a_fault(warm: Path, tmp_path: Path) -> None:
    done = numbanet("doctor", cwd=tmp_path, NUMBA_THREADING_LAYER="nonsense")
    assert done.returncode == 1
    assert "[bad]" in done.stdout
    assert "parallel kernels cannot run" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_data_folder_that_is_none(warm: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = numbanet("doctor", "--data-dir", str(tmp_path / "file" / "data"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "is not a folder that can be written to" in done.stdout


def test_an_unknown_vector_unit(tmp_path: Path) -> None:
    done = numbanet("doctor", cwd=tmp_path, NUMBANET_SIMD="mmx")
    assert done.returncode == 1
    assert "NUMBANET_SIMD" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_more_threads_than_cores_get_advice(warm: Path, tmp_path: Path) -> None:
    done = numbanet("doctor", cwd=tmp_path, NUMBA_NUM_THREADS="999")
    assert "999 of 999  [note]" in done.stdout
    assert "set NUMBA_NUM_THREADS lower" in done.stdout
