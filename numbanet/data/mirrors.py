"""Fetching one file from one URL: through pooch, with retries, time limits and progress.

A failure is a `MirrorFailure`, which tells whether the whole host is out of reach, so that a caller does
not wait for the same host again with the next file.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from numbanet.data.progress import Reporter

CHUNK = 1 << 16
TRANSIENT_STATUS = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class Patience:
    """How long to wait: seconds to connect, between two pieces, and for one file; tries; pauses between."""

    connect: float = 10.0
    read: float = 20.0
    file: float = 900.0
    tries: int = 3
    backoff: float = 0.5


class MirrorFailure(Exception):
    """One URL could not be fetched. `host_down`: nothing else is to be expected of its host either."""

    def __init__(self, reason: str, *, host_down: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.host_down = host_down


class _Transient(Exception):
    """A failure that may be over a moment later."""


def fetch_url(url: str, path: Path, sha256: str, reporter: Reporter, patience: Patience) -> None:
    """Fetch `url` to `path` and check it, or raise `MirrorFailure`; an `OSError` means the disk refused.

    `path` appears only when the whole file is there and its SHA-256 is right.
    """
    _check_reachable(url, patience.connect)
    for attempt in range(1, patience.tries + 1):
        try:
            return _try_once(url, path, sha256, reporter, patience)
        except _Transient as failure:
            if attempt == patience.tries:
                reason = f"{failure} ({patience.tries} tries)"
                raise MirrorFailure(reason, host_down=True) from failure
            time.sleep(patience.backoff * 2 ** (attempt - 1))


def _try_once(url: str, path: Path, sha256: str, reporter: Reporter, patience: Patience) -> None:
    import pooch
    import requests

    progress = _Progress(url, reporter, patience.file)
    download = pooch.HTTPDownloader(
        progressbar=progress,
        chunk_size=CHUNK,
        timeout=(patience.connect, patience.read),
        headers={"Accept-Encoding": "identity"},  # the .gz itself, not what is inside
    )
    try:
        with _quiet_pooch():
            pooch.retrieve(url, f"sha256:{sha256}", fname=path.name, path=path.parent, downloader=download)
    except requests.HTTPError as error:
        raise _http_failure(error) from error
    except (requests.Timeout, TimeoutError) as error:
        raise _Transient("timed out") from error
    except requests.ConnectionError as error:
        raise _connection_failure(error) from error
    except (requests.exceptions.ChunkedEncodingError, ConnectionError) as error:
        raise _Transient("the connection was cut") from error
    except requests.RequestException as error:  # a malformed redirect and the like
        raise MirrorFailure(f"{type(error).__name__}: {error}") from error
    except ValueError as error:
        if "hash" not in str(error):
            raise
        raise MirrorFailure("its checksum is wrong: damaged, or another page in its place") from error
    finally:
        progress.finish()


def _http_failure(error: Exception) -> Exception:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    reason = f"HTTP {status} {getattr(response, 'reason', '')}".strip()
    return _Transient(reason) if status in TRANSIENT_STATUS else MirrorFailure(reason)


def _connection_failure(error: Exception) -> Exception:
    """What `requests.ConnectionError` hides: a cut or silent connection, or a host that is out of reach."""
    from urllib3 import exceptions as urllib3_errors

    cause = error.args[0] if error.args else error
    if isinstance(cause, urllib3_errors.ReadTimeoutError):
        return _Transient("timed out")
    if isinstance(cause, urllib3_errors.ProtocolError):
        return _Transient("the connection was cut")
    root = getattr(cause, "reason", None) or cause
    return MirrorFailure(f"no connection: {_short(root)}", host_down=True)


def _short(error: object) -> str:
    """The part of a urllib3 message after its object address, without the address."""
    text = str(error)
    return text.rsplit(">: ", 1)[-1] if text.startswith("<") else text


def _check_reachable(url: str, timeout: float) -> None:
    """Refuse a host that does not answer within `timeout` seconds, all its addresses and DNS together.

    `requests` waits that long for each address of a host, and some have eight; and DNS has its own pace.
    Behind a proxy the question is the proxy's, not ours.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = urllib.request.getproxies()
    if (parts.scheme in proxies or "all" in proxies) and not urllib.request.proxy_bypass(host):
        return
    outcome: list[OSError | None] = []

    def connect() -> None:
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
            socket.create_connection((host, port), timeout / 3).close()
            outcome.append(None)
        except OSError as error:
            outcome.append(error)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(timeout)
    if not outcome:
        raise MirrorFailure(f"no connection within {timeout:g} s", host_down=True)
    if isinstance(outcome[0], socket.gaierror):
        raise MirrorFailure("the host is not known here (no network, or blocked)", host_down=True)
    if isinstance(outcome[0], TimeoutError):
        raise MirrorFailure("no connection: timed out", host_down=True)
    if outcome[0] is not None:
        raise MirrorFailure(f"no connection: {outcome[0].strerror or outcome[0]}", host_down=True)


class _Progress:
    """A pooch progress bar that passes bytes on to a `Reporter`, and ends a download that takes too long.

    pooch counts whole pieces, then resets and counts the whole file again: only what is new is passed on.
    """

    def __init__(self, url: str, reporter: Reporter, seconds: float) -> None:
        parts = urlsplit(url)
        self.description = f"{parts.path.rsplit('/', 1)[-1]} from {parts.hostname}"
        self.reporter = reporter
        self.seconds = seconds
        self.deadline = time.monotonic() + seconds
        self.counted = 0
        self.passed_on = 0
        self.started = False
        self._total = 0

    @property
    def total(self) -> int:
        return self._total

    @total.setter
    def total(self, size: int) -> None:
        self._total = size
        self.started = True
        self.reporter.start(self.description, size or None)

    def update(self, n: int) -> None:
        if time.monotonic() > self.deadline:
            raise MirrorFailure(f"too slow: gave up after {self.seconds:g} s", host_down=True)
        self.counted += n
        done = min(self.counted, self._total) if self._total else self.counted
        if done > self.passed_on:
            self.reporter.advance(done - self.passed_on)
            self.passed_on = done

    def reset(self) -> None:
        self.counted = 0

    def close(self) -> None:
        """pooch's end of a successful download; `finish` also covers the others."""

    def finish(self) -> None:
        if self.started:
            self.reporter.finish()


@contextmanager
def _quiet_pooch() -> Iterator[None]:
    """pooch announces each download on stderr; here the reporter does that."""
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
