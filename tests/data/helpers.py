"""A web server that fails in every way, a small data set that lives on it, a reporter that remembers."""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from numbanet.data import write_idx
from numbanet.data.datasets import MNIST, RemoteFile, Source
from numbanet.data.mirrors import Patience

TRAIN, TEST = 20, 10
QUICK = Patience(connect=2.0, read=0.5, file=20.0, tries=3, backoff=0.01)


class Web(ThreadingHTTPServer):
    """Serves `files`; `faults[path]` are answers to the first requests for a path, in order, None = serve."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[Callable[[Handler, bytes], None] | None]] = {}
        self.requests: list[str] = []
        self.release = threading.Event()  # ends the answers that hang

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class Handler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        path = self.path.lstrip("/")
        self.server.requests.append(path)
        faults = self.server.faults.get(path)
        fault = faults.pop(0) if faults else None
        content = self.server.files.get(path)
        if fault is not None:
            fault(self, content or b"")
        elif content is None:
            self.send_error(404)
        else:
            send(self, content)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def send(handler: Handler, content: bytes, length: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) if length is None else length))
    handler.end_headers()
    handler.wfile.write(content)


def status(code: int) -> Callable[[Handler, bytes], None]:
    return lambda handler, content: handler.send_error(code)


def truncated(handler: Handler, content: bytes) -> None:
    send(handler, content[: len(content) // 2], len(content))


def cut(handler: Handler, content: bytes) -> None:
    handler.close_connection = True
    handler.connection.close()


def hang(handler: Handler, content: bytes) -> None:
    send(handler, content[: len(content) // 2], len(content))
    handler.wfile.flush()
    handler.server.release.wait(20)


def slow(handler: Handler, content: bytes) -> None:
    time.sleep(0.1)
    send(handler, content)


def drip(handler: Handler, content: bytes) -> None:
    send(handler, b"", 1_000_000)
    for _ in range(200):
        if handler.server.release.wait(0.05):
            return
        handler.wfile.write(b"x" * 70_000)


def wrong(handler: Handler, content: bytes) -> None:
    send(handler, b"<html>please log in</html>")


def redirect(url: str) -> Callable[[Handler, bytes], None]:
    def answer(handler: Handler, content: bytes) -> None:
        handler.send_response(302)
        handler.send_header("Location", url)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@dataclass
class Recorder:
    """A reporter that remembers."""

    tasks: list[tuple[str, int | None]] = field(default_factory=list)
    done: list[int] = field(default_factory=list)
    finished: int = 0
    messages: list[str] = field(default_factory=list)

    def start(self, description: str, total_bytes: int | None) -> None:
        self.tasks.append((description, total_bytes))
        self.done.append(0)

    def advance(self, n: int) -> None:
        self.done[-1] += n

    def finish(self) -> None:
        self.finished += 1

    def message(self, text: str) -> None:
        self.messages.append(text)


def tiny_arrays() -> list[np.ndarray]:
    """Training images and labels, test images and labels, as MNIST's files hold them."""
    random = np.random.RandomState(0)
    return [
        random.randint(0, 256, (TRAIN, 28, 28)).astype(np.uint8),
        (np.arange(TRAIN) % 10).astype(np.uint8),
        random.randint(0, 256, (TEST, 28, 28)).astype(np.uint8),
        (np.arange(TEST) % 10).astype(np.uint8),
    ]


def packed(array: np.ndarray, folder: Path) -> tuple[bytes, bytes]:
    """The array's IDX file, raw and gzipped."""
    path = folder / "packing"
    write_idx(path, array)
    raw = path.read_bytes()
    path.unlink()
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as stream:
        stream.write(raw)
    return raw, buffer.getvalue()


def tiny_source(mirrors: tuple[str, ...], folder: Path, md5: bool = True) -> tuple[Source, dict[str, bytes]]:
    """A data set "tiny" like MNIST but small, and what a mirror of it serves."""
    served: dict[str, bytes] = {}
    files: list[RemoteFile] = []
    for known, array in zip(MNIST.files, tiny_arrays(), strict=True):
        raw, gz = packed(array, folder)
        served[f"{known.name}.gz"] = gz
        digest = hashlib.md5(raw).hexdigest() if md5 else None
        files.append(RemoteFile(known.name, array.shape, hashlib.sha256(gz).hexdigest(), digest))
    one, two, three, four = files
    return replace(MNIST, name="tiny", files=(one, two, three, four), mirrors=mirrors, wheel=None), served
