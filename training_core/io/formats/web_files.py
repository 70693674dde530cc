"""The files of a Zarr on a server, by http or https: each is asked for when it is needed, and nothing is kept."""

from __future__ import annotations

import http.client
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, urlsplit

from training_core.base.bounded import in_short
from training_core.io.files import Refused

OFFLINE_VARIABLE = "UNISEMALIGN_OFFLINE"
"""Set to 1 in the environment where nothing may be read from servers."""
TIMEOUT_S = 30.0
"""Of a server that says nothing."""
TOTAL_S = 180.0
"""Of one that says little at a time."""
TRIES = 3
AGAIN_S = 60.0
"""So long a server that was not reached is not asked again: a training reads the slide of one tile after the other."""
_WAIT_S = 0.5
_PIECE_BYTES = 1 << 20
_MISSING = (404, 410)
_LATER = (429, 500, 502, 503, 504)
_MAX_REDIRECTS = 5


class _Redirects(urllib.request.HTTPRedirectHandler):
    """To http and https only, and never from https to http."""

    max_redirections = _MAX_REDIRECTS

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """The request for the new place."""
        scheme = urlsplit(newurl).scheme.lower()
        if scheme not in ("http", "https") or (req.type == "https" and scheme != "https"):
            fp.close()
            raise Refused(f"is redirected to {scheme}:", "an address that stays with http or https", _CHECK)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_NOT_REACHED: dict[str, float] = {}
"""Servers, and until when they are not asked again."""
_CHECK = "check the address and the connection, or download the folder"
_TRUSTED = "a server whose certificate this machine trusts"
_TRUST = (
    "set SSL_CERT_FILE to a file with the certificates of your institution, as its computing staff hand them out, or "
    "download the folder"
)
_NEEDED = "a server that hands out all files of the folder"


class WebFiles:
    """The files below an address."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        self._opener = urllib.request.OpenerDirector()
        for handler in (
            urllib.request.ProxyHandler(),
            urllib.request.HTTPHandler(),
            urllib.request.HTTPSHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.UnknownHandler(),
            _Redirects(),
        ):
            self._opener.add_handler(handler)

    def read(self, key: str, span: slice, most: int) -> bytes | None:
        """As `ZarrFiles.read`; what fails for the moment is tried again.

        Raises
        ------
        Refused
            The server cannot be reached, or does not hand the file out.
        ValueError
            The file has more than `most` bytes.
        """
        _check_online()
        server = urlsplit(self._address).netloc
        if time.monotonic() < _NOT_REACHED.get(server, 0.0):
            given = f"cannot be read: its server was not reached within the last {AGAIN_S:.0f} s"
            raise Refused(given, _NEEDED, _CHECK)
        for attempt in range(TRIES):
            try:
                return self._read(key, span, most)
            except urllib.error.HTTPError as cause:
                cause.close()
                if cause.code in _MISSING:
                    return None
                is_final, reason = cause.code not in _LATER, f"the server answers {cause.code}"
                if 300 <= cause.code < 400:  # urllib itself takes no place such as file:
                    reason = "the server redirects in circles, or to no place by http or https"
            except (OSError, http.client.HTTPException) as cause:
                inner = getattr(cause, "reason", None)
                words = in_short(inner if isinstance(inner, Exception) else cause)
                if isinstance(inner, ssl.SSLCertVerificationError):
                    raise Refused(f"cannot be read from its server ({key}: {words})", _TRUSTED, _TRUST) from cause
                reason, is_final = words or type(cause).__name__, False
                is_unreached = isinstance(cause, urllib.error.URLError | TimeoutError)
                if attempt == TRIES - 1 and is_unreached:
                    _NOT_REACHED[server] = time.monotonic() + AGAIN_S
            if is_final or attempt == TRIES - 1:
                break
            time.sleep(_WAIT_S * 2**attempt)
        raise Refused(f"cannot be read from its server ({key}: {reason})", _NEEDED, _CHECK)

    def state(self, key: str) -> tuple[int, int] | None:
        """The bytes of a file and when it was changed last, in ns, as far as its server says it; None: it says nothing.

        It raises what `read` raises where nothing may be read from servers.
        """
        _check_online()
        try:
            with self._open(key, {}, "HEAD") as answer:
                size, changed = answer.headers.get("Content-Length", ""), answer.headers.get("Last-Modified")
        except (OSError, http.client.HTTPException):
            return None
        try:
            changed_ns = int(parsedate_to_datetime(changed).timestamp()) * 10**9 if changed else 0
        except (ValueError, OverflowError):
            changed_ns = 0
        return int(size) if size.isdecimal() else 0, changed_ns

    def _open(self, key: str, headers: Mapping[str, str], method: str = "GET") -> Any:
        scheme, _, rest = self._address.partition("://")
        server, _, path = rest.partition("/")
        place = "/".join(part for part in (path, key) if part)
        url = f"{scheme}://{server}/{quote(place, safe='/%:@!$&()*+,;=~')}"
        all_headers = {"User-Agent": "napari-unisemalign", "Accept-Encoding": "identity", **headers}
        return self._opener.open(urllib.request.Request(url, headers=all_headers, method=method), timeout=TIMEOUT_S)

    def _read(self, key: str, span: slice, most: int) -> bytes:
        is_part = span != slice(None)
        with self._open(key, {"Range": _range(span)} if is_part else {}) as answer:
            until = time.monotonic() + TOTAL_S
            stated = answer.headers.get("Content-Length")
            pieces, size = [], 0
            while piece := answer.read1(_PIECE_BYTES):
                pieces.append(piece)
                size += len(piece)
                if size > most:
                    raise ValueError(f"{key} has more than {most:,} bytes")
                if time.monotonic() > until:
                    raise TimeoutError("the server is too slow")
            if stated is not None and stated.isdecimal() and size < int(stated):
                raise ConnectionError(f"the server ended after {size:,} of {int(stated):,} bytes")
            data = b"".join(pieces)
            return data[span] if is_part and answer.status == 200 else data


def _check_online() -> None:
    if os.environ.get(OFFLINE_VARIABLE) == "1":
        given = "is on a server, and nothing may be read from servers now"
        raise Refused(given, "a folder on this computer", "download the folder, or allow connections again")


def _range(span: slice) -> str:
    if span.start is not None and span.start < 0:
        return f"bytes={span.start}"
    return f"bytes={span.start or 0}-" + ("" if span.stop is None else str(span.stop - 1))
