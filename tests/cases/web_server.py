"""A server on this machine that hands out a folder by http, as well or badly as it is told to."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Server(ThreadingHTTPServer):
    """Attributes say how it behaves.

    Attributes
    ----------
    with_ranges
        Whether parts of files are handed out, as most servers do and Python's own does not.
    fails
        By the end of a path: with what it answers, and how often.
    moved
        By the end of a path: where it redirects to.
    cut
        Ends of paths whose files end after half of their bytes.
    slow
        Ends of paths whose files come a byte each tenth of a second.
    asked
        Every path that was asked for, with its range.
    """

    daemon_threads = True
    scheme = "http"

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
        self.with_ranges = True
        self.fails: dict[str, tuple[int, int]] = {}
        self.moved: dict[str, str] = {}
        self.cut: set[str] = set()
        self.slow: set[str] = set()
        self.asked: list[tuple[str, str]] = []

    def encrypt(self, certificate: Path, key: Path) -> None:
        """From now on by https, with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.scheme = "https"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a reader that gave up is what a test is about."""

    @property
    def address(self) -> str:
        """Of the folder."""
        return f"{self.scheme}://127.0.0.1:{self.server_port}"


class _Handler(SimpleHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        end = next((each for each in (*self.server.fails, *self.server.moved) if self.path.endswith(each)), None)
        asked = self.headers.get("Range", "")
        self.server.asked.append((self.path, asked))
        if end in self.server.fails:
            code, times = self.server.fails[end]
            if times > 0:
                self.server.fails[end] = code, times - 1
                self.send_error(code)
                return
        if end in self.server.moved:
            self.send_response(302)
            self.send_header("Location", self.server.moved[end])
            self.end_headers()
            return
        file = Path(self.translate_path(self.path))
        if not file.is_file():
            self.send_error(404)
            return
        self._send(file.read_bytes(), asked)

    def _send(self, data: bytes, asked: str) -> None:
        if asked and self.server.with_ranges:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            data = data[-int(last) :] if not first else data[int(first) : int(last) + 1 if last else None]
        self.send_response(206 if asked and self.server.with_ranges else 200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if any(self.path.endswith(each) for each in self.server.cut):
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            self.close_connection = True
        elif any(self.path.endswith(each) for each in self.server.slow):
            for byte in data:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.1)
        else:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(folder: Path) -> Iterator[Server]:
    """A server of the folder, as long as the block runs."""
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
