"""Fixtures of the data layer's tests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from numbanet.data.datasets import SOURCES, Source

from .helpers import Web, tiny_source


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' server is on this machine."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("NUMBANET_DATA", raising=False)


@pytest.fixture
def web() -> Iterator[Web]:
    server = Web()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def tiny(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    """The data set "tiny", registered, on a mirror that works unless `web.faults` says otherwise."""
    source, web.files = tiny_source((web.url,), tmp_path)
    monkeypatch.setitem(SOURCES, "tiny", source)
    return source
