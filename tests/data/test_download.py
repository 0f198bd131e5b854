"""Fetching, against a server that fails in every way."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from numbanet.data import fetch, load, verify
from numbanet.data import mirrors as mirrors_module
from numbanet.data import storage as storage_module
from numbanet.data.datasets import SOURCES, Source
from numbanet.data.mirrors import Patience
from numbanet.errors import DataError

from .helpers import (
    QUICK,
    TEST,
    TRAIN,
    Recorder,
    Web,
    cut,
    drip,
    hang,
    redirect,
    slow,
    status,
    tiny_arrays,
    tiny_source,
    truncated,
    wrong,
)

IMAGES = "train-images-idx3-ubyte.gz"
ROOT = Path(__file__).parents[2]


def get(data_dir: Path, **options: object) -> Path:
    return fetch("tiny", data_dir, patience=QUICK, **options)  # type: ignore[arg-type]


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.name.startswith("."))


def test_fetch_stores_raw_files_that_load_as_published(tiny: Source, tmp_path: Path) -> None:
    folder = get(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["SHA256SUMS", *(file.name for file in tiny.files)])
    data = load("tiny", tmp_path, allow_download=False)
    x, y, x_test, y_test = tiny_arrays()
    np.testing.assert_array_equal(data.train[0][..., 0], x)
    np.testing.assert_array_equal(data.train[1], y)
    np.testing.assert_array_equal(data.test[0][..., 0], x_test)
    np.testing.assert_array_equal(data.test[1], y_test)
    assert data.train[0].dtype == np.uint8 and data.train[1].dtype == np.int64
    assert data.input_shape == (28, 28, 1) and data.num_classes == 10


def test_a_second_fetch_asks_the_network_for_nothing(tiny: Source, web: Web, tmp_path: Path) -> None:
    get(tmp_path)
    web.requests.clear()
    get(tmp_path)
    assert web.requests == []
    get(tmp_path, force=True)
    assert len(web.requests) == 4


def test_progress_adds_up_to_each_file(tiny: Source, web: Web, tmp_path: Path) -> None:
    recorder = Recorder()
    get(tmp_path, reporter=recorder)
    sizes = [len(web.files[f"{file.name}.gz"]) for file in tiny.files]
    assert [total for _, total in recorder.tasks] == sizes
    assert recorder.done == sizes
    assert recorder.finished == 4 and recorder.messages == []


def test_nothing_is_printed(tiny: Source, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    get(tmp_path)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "fault",
    [status(500), status(503), status(429), truncated, cut, hang],
    ids=["500", "503", "429", "truncated", "cut", "hang"],
)
def test_a_passing_fault_is_retried(fault: object, tiny: Source, web: Web, tmp_path: Path) -> None:
    web.faults[IMAGES] = [fault, fault, None]  # type: ignore[list-item]
    get(tmp_path)
    assert web.requests.count(IMAGES) == 3
    assert all(check.ok for check in verify("tiny", tmp_path))
    assert left_behind(tmp_path) == []


def test_a_redirect_is_followed(tiny: Source, web: Web, tmp_path: Path) -> None:
    web.files["elsewhere"] = web.files[IMAGES]
    web.faults[IMAGES] = [redirect(web.url + "elsewhere")]
    get(tmp_path)
    assert "elsewhere" in web.requests


@pytest.mark.parametrize(
    ("fault", "reason", "requests"),
    [
        (status(404), "HTTP 404", 1),
        (status(500), "HTTP 500", 3),
        (wrong, "checksum is wrong", 1),
        (truncated, "cut", 3),
        (cut, "cut", 3),
        (hang, "timed out", 3),
    ],
    ids=["404", "500", "wrong", "truncated", "cut", "hang"],
)
def test_a_lasting_fault_is_named_and_nothing_is_left(
    fault: object, reason: str, requests: int, tiny: Source, web: Web, tmp_path: Path
) -> None:
    web.faults[IMAGES] = [fault] * 10  # type: ignore[list-item]
    with pytest.raises(DataError) as caught:
        get(tmp_path)
    message = str(caught.value)
    assert web.url + IMAGES in message and reason in message
    assert "--data-dir" in message and "numbanet train digits" in message
    assert web.requests == [IMAGES] * requests
    assert list((tmp_path / "tiny").iterdir()) == []


def test_a_download_that_never_ends_is_given_up(tiny: Source, web: Web, tmp_path: Path) -> None:
    web.faults[IMAGES] = [drip] * 3
    with pytest.raises(DataError, match=r"too slow: gave up after 0\.3 s"):
        fetch("tiny", tmp_path, patience=replace(QUICK, file=0.3))
    assert web.requests == [IMAGES]


def with_mirrors(tiny: Source, monkeypatch: pytest.MonkeyPatch, *mirrors: str) -> None:
    monkeypatch.setitem(SOURCES, "tiny", replace(tiny, mirrors=mirrors))


def test_the_next_mirror_is_used(tiny: Source, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_mirrors(tiny, monkeypatch, web.url + "gone/", web.url)
    recorder = Recorder()
    get(tmp_path, reporter=recorder)
    assert all(check.ok for check in verify("tiny", tmp_path))
    assert recorder.messages == [f"{web.url}gone/{file.name}.gz: HTTP 404 Not Found" for file in tiny.files]


def test_a_host_out_of_reach_is_tried_once(
    tiny: Source, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_mirrors(tiny, monkeypatch, "http://127.0.0.1:1/", "http://no-such-host.invalid/", web.url)
    recorder = Recorder()
    get(tmp_path, reporter=recorder)
    assert len(recorder.messages) == 2
    assert "no connection" in recorder.messages[0]
    assert "host is not known" in recorder.messages[1] or "no connection" in recorder.messages[1]


def test_a_host_that_never_answers_is_given_up_in_time(
    tiny: Source, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silence(*_: object) -> None:
        time.sleep(1)
        raise TimeoutError

    monkeypatch.setattr(mirrors_module.socket, "create_connection", silence)
    start = time.monotonic()
    with pytest.raises(DataError, match=r"no connection within 0\.2 s"):
        fetch("tiny", tmp_path, patience=Patience(connect=0.2))
    assert time.monotonic() - start < 1


def test_if_all_fail_each_is_listed(tiny: Source, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_mirrors(tiny, monkeypatch, "http://127.0.0.1:1/", web.url + "a/", web.url + "b/")
    with pytest.raises(DataError) as caught:
        get(tmp_path)
    lines = str(caught.value).splitlines()
    assert lines[0] == "tiny could not be fetched. Tried:"
    assert [line.split(IMAGES)[0].strip() for line in lines[1:4]] == [
        "http://127.0.0.1:1/",
        web.url + "a/",
        web.url + "b/",
    ]


def test_a_gzip_file_with_the_right_checksum_and_the_wrong_content_is_refused(
    tiny: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = replace(tiny.files[0], md5=None, shape=(TRAIN, 28, 27))
    monkeypatch.setitem(SOURCES, "tiny", replace(tiny, files=(first, *tiny.files[1:])))
    with pytest.raises(DataError, match="IDX"):
        get(tmp_path)


def test_a_full_disk_is_named_and_nothing_is_left(
    tiny: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("numbanet.data.download.os.replace", full)
    with pytest.raises(DataError) as caught:
        get(tmp_path)
    message = str(caught.value)
    assert "the disk is full" in message and str(tmp_path / "tiny") in message
    assert "--data-dir" in message and "NUMBANET_DATA" in message
    monkeypatch.undo()
    assert list((tmp_path / "tiny").iterdir()) == []


def test_a_disk_that_fills_up_while_pooch_writes(tiny: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pooch

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pooch, "retrieve", full)
    with pytest.raises(DataError, match="the disk is full"):
        get(tmp_path)


def test_a_file_where_a_folder_should_be(tiny: Source, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for data_dir in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DataError, match=r"a file stands where a folder should be.*NUMBANET_DATA"):
            get(data_dir)


def test_an_unwritable_folder(tiny: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(storage_module.tempfile, "mkdtemp", refused)
    with pytest.raises(DataError, match=r"not writable.*--data-dir"):
        get(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"\0\0\x08\x03", b"junk"], ids=["empty", "header", "junk"])
def test_a_damaged_cached_file_is_reported_and_fetched_again(
    damage: bytes, tiny: Source, web: Web, tmp_path: Path
) -> None:
    images = get(tmp_path) / tiny.files[0].name
    images.write_bytes(damage)
    web.requests.clear()
    recorder = Recorder()
    data = load("tiny", tmp_path, reporter=recorder)
    assert len(data.train[1]) == TRAIN and len(data.test[1]) == TEST
    assert str(images) in recorder.messages[0]
    assert web.requests == [IMAGES]
    images.write_bytes(damage)
    with pytest.raises(DataError, match="Downloads are off"):
        load("tiny", tmp_path, allow_download=False)


def test_damaged_labels_of_the_right_size_are_fetched_again(tiny: Source, web: Web, tmp_path: Path) -> None:
    labels = get(tmp_path) / tiny.files[1].name
    content = bytearray(labels.read_bytes())
    content[-1] ^= 1
    labels.write_bytes(content)
    load("tiny", tmp_path)
    assert web.requests[-1] == f"{labels.name}.gz"


@pytest.mark.parametrize("md5", [True, False], ids=["published", "recorded"])
def test_verify_finds_one_changed_byte(md5: bool, web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, web.files = tiny_source((web.url,), tmp_path, md5)
    monkeypatch.setitem(SOURCES, "tiny", source)
    images = get(tmp_path) / source.files[0].name
    assert [check.ok for check in verify("tiny", tmp_path)] == [True] * 4
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    checks = verify("tiny", tmp_path)
    assert [check.ok for check in checks] == [False, True, True, True]
    assert "expected" in checks[0].detail and "found" in checks[0].detail
    get(tmp_path)
    assert all(check.ok for check in verify("tiny", tmp_path))


def test_verify_without_a_record_says_so(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, web.files = tiny_source((web.url,), tmp_path, md5=False)
    monkeypatch.setitem(SOURCES, "tiny", source)
    assert {check.detail for check in verify("tiny", tmp_path)} == {"missing"}
    folder = get(tmp_path)
    (folder / "SHA256SUMS").unlink()
    checks = verify("tiny", tmp_path)
    assert all(check.ok and "no checksum" in check.detail for check in checks)


def test_verify_of_gzipped_files(tiny: Source, web: Web, tmp_path: Path) -> None:
    for name, content in web.files.items():
        (tmp_path / name).write_bytes(content)
    assert all(check.ok and "SHA-256" in check.detail for check in verify("tiny", tmp_path))
    (tmp_path / IMAGES).write_bytes(b"junk")
    assert not verify("tiny", tmp_path)[0].ok


FETCH = """
    import sys
    from pathlib import Path
    sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests"]
    from data.helpers import tiny_source
    from numbanet.data import fetch, load
    from numbanet.data.datasets import SOURCES
    url, own, cache = sys.argv[2:]
    SOURCES["tiny"] = tiny_source((url,), Path(own))[0]
    fetch("tiny", cache)
    assert len(load("tiny", cache, allow_download=False).train[1]) == 20
"""


def process(url: str, own: Path, cache: Path) -> subprocess.Popen[str]:
    own.mkdir()
    command = [sys.executable, "-c", textwrap.dedent(FETCH), str(ROOT), url, str(own), str(cache)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_two_processes_at_once_do_each_other_no_harm(tiny: Source, web: Web, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for name in list(web.files):
        web.faults[name] = [slow] * 2  # both are at every file at the same time
    both = [process(web.url, tmp_path / name, cache) for name in ("one", "two")]
    for child in both:
        assert child.communicate(timeout=60)[1] == ""
        assert child.returncode == 0
    assert len(web.requests) == 8
    assert all(check.ok for check in verify("tiny", cache))
    assert left_behind(cache) == []


def test_a_kill_in_the_middle_leaves_no_broken_cache(tiny: Source, web: Web, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    second = f"{tiny.files[1].name}.gz"
    web.faults[second] = [hang]
    child = process(web.url, tmp_path / "own", cache)
    deadline = time.monotonic() + 30
    while second not in web.requests and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.1)
    child.send_signal(signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    child.communicate(timeout=10)
    visible = sorted(path.name for path in (cache / "tiny").iterdir() if not path.name.startswith("."))
    assert visible == [tiny.files[0].name]
    (stage,) = (cache / "tiny").glob(".fetch-*")
    web.requests.clear()
    data = load("tiny", cache)
    assert len(data.train[1]) == TRAIN
    assert len(web.requests) == 3  # what was whole is kept

    # What the killed process left is young, so it might be another's work; once it is old it is swept away.
    assert stage.exists()
    old = time.time() - 2 * storage_module.STALE_SECONDS
    os.utime(stage, (old, old))
    fetch("tiny", cache, force=True, patience=QUICK)
    assert left_behind(cache) == []
