"""OME-Zarr images on a server, which answers well, badly, slowly or not at all."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cases.ome_zarr_images import RGB_CHANNELS, write_ome_zarr
from tests.cases.web_server import Server, serving
from training_core.base.addresses import Address, is_address, path_or_address
from training_core.base.errors import ImageError
from training_core.class_maps.predicted import predicted_image
from training_core.cli._no_network import no_network
from training_core.cli.main import main
from training_core.io import inspect_file, read_image
from training_core.io.formats import web_files
from training_core.io.opening import open_levels
from training_core.io.slides import is_slide
from training_core.project import Project
from training_core.project.sources import scan

WIDTH, HEIGHT = 300, 200
RGB = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
CYX = np.ascontiguousarray(RGB.transpose(2, 0, 1))
HALF = np.ascontiguousarray(CYX[:, ::2, ::2])


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(web_files, "_WAIT_S", 0.01)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv(web_files.OFFLINE_VARIABLE, raising=False)
    (tmp_path / "www").mkdir()
    with serving(tmp_path / "www") as each:
        yield each


def scan_on(server: Server, tmp_path: Path, name: str = "scan.ome.zarr", **options: Any) -> Path:
    write_ome_zarr(tmp_path / "www" / name, [CYX, HALF], omero=RGB_CHANNELS, **{"mpp_um": 0.25, **options})
    return path_or_address(f"{server.address}/{name}")


def said(path: Path) -> str:
    with pytest.raises(ImageError) as caught, open_levels(path) as levels:
        levels.read(0, 0, 0, 40, 40)
    return str(caught.value)


@pytest.mark.parametrize("with_ranges", [True, False])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_it_is_read_as_the_folder_is(server: Server, tmp_path: Path, version: str, with_ranges: bool) -> None:
    server.with_ranges = with_ranges
    shards = {} if version == "0.4" else {"shards": (3, 128, 128), "chunks": (3, 32, 32)}
    path = scan_on(server, tmp_path, "a b.ome.zarr", version=version, **shards)
    assert is_slide(path)
    assert scan([path]).files == (path,)
    facts = inspect_file(path)
    assert facts.pixel_size is not None
    assert (facts.levels, facts.pixel_size.usable_um) == (((300, 200), (150, 100)), 0.25)
    with open_levels(path) as levels:
        assert np.array_equal(levels.read(0, 33, 41, 200, 122), RGB[41:163, 33:233])
        assert np.array_equal(levels.read(1, 13, 27, 100, 60), RGB[::2, ::2][27:87, 13:113])
    assert np.array_equal(read_image(path), RGB)
    asked = [span for place, span in server.asked if "/c/" in place]
    assert any(asked) is (version == "0.5")  # parts of shards
    (tmp_path / "www" / "a b.ome.zarr" / ("0/0.0.0" if version == "0.4" else "0/c/0/0/0")).unlink()
    with open_levels(path) as levels:
        assert not levels.read(0, 0, 0, 30, 30)[:, :, 0].any()  # what is not there has the fill value


def test_a_project_is_made_of_it_and_notes_the_address(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scan_on(server, tmp_path)
    made = ["project", "new", str(tmp_path / "p"), "--images", f"{server.address}/scan.ome.zarr", "--classes", "a,b"]
    assert main([*made, "--tile-px", "64", "--tile-mpp", "0.5", "--min-tissue", "0"]) == 0
    project = Project.open(tmp_path / "p")
    assert [tile.name for tile in project.tiles] == ["scan.ome_x00000_y00000", "scan.ome_x00128_y00000"]
    source = project.source_file("scan.ome_x00000_y00000")
    assert source is not None
    assert (source.path, source.path_from_project) == (f"{server.address}/scan.ome.zarr", None)
    assert project.source_path("scan.ome_x00000_y00000") == path
    around = project.surrounded("scan.ome_x00128_y00000", 16).pixels
    assert np.array_equal(around[:64, 16:80], RGB[::2, ::2][:64, 64:128])
    rectangle = ["--rectangle", "40", "60", "120", "160"]
    assert main(["project", "add-tile", str(tmp_path / "p"), "scan.ome.zarr", *rectangle]) == 0
    assert np.array_equal(
        Project.open(tmp_path / "p").image("scan.ome_x00040_y00060_40x50"), RGB[::2, ::2][30:80, 20:60]
    )
    capsys.readouterr()
    assert main(["inspect", f"{server.address}/scan.ome.zarr", "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["path"] == f"{server.address}/scan.ome.zarr"


def test_without_network_nothing_is_asked(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = scan_on(server, tmp_path)
    with no_network():
        assert "nothing may be read from servers now" in said(path)
    assert main(["--offline", "inspect", str(path)]) == 2
    assert "nothing may be read from servers now" in capsys.readouterr().out
    assert server.asked == []
    assert np.array_equal(read_image(path), RGB)


def test_what_fails_for_the_moment_is_tried_again(server: Server, tmp_path: Path) -> None:
    path = scan_on(server, tmp_path)
    server.fails = {"/0/0.0.0": (503, 2), "/.zattrs": (500, 1)}
    assert np.array_equal(read_image(path), RGB)


def test_errors_of_a_server_are_said(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scan_on(server, tmp_path)
    server.fails = {"/0/0.0.0": (500, 99)}
    assert "cannot be read from its server (0/0.0.0: the server answers 500)" in said(path)
    server.fails = {"/.zattrs": (403, 99)}
    assert "the server answers 403" in said(path)
    root = [place for place, _ in server.asked if place.endswith("scan.ome.zarr/.zattrs")]
    assert len(root) == 2  # the second time once: that is final
    server.fails = {}
    server.cut = {"/0/0.0.0"}
    assert "the server ended after" in said(path)
    server.cut = set()
    assert "has no metadata of Zarr" in said(path_or_address(f"{server.address}/other.ome.zarr"))
    server.slow = {"/0/0.0.0"}
    monkeypatch.setattr(web_files, "TOTAL_S", 0.5)
    monkeypatch.setattr(web_files, "TRIES", 1)
    assert "the server is too slow" in said(path)
    asked = len(server.asked)
    assert "was not reached within the last 60 s" in said(path)
    assert len(server.asked) == asked
    web_files._NOT_REACHED.clear()
    monkeypatch.setattr(web_files, "TIMEOUT_S", 0.02)
    assert "timed out" in said(path)
    web_files._NOT_REACHED.clear()


def test_a_server_that_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_files, "_WAIT_S", 0.01)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving(tmp_path) as gone:
        address = gone.address
    text = said(path_or_address(f"{address}/scan.ome.zarr"))
    assert f"{address}/scan.ome.zarr cannot be read from its server" in text
    assert "refused" in text
    assert "was not reached within the last 60 s" in said(path_or_address(f"{address}/other.ome.zarr"))
    web_files._NOT_REACHED.clear()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl, which makes the certificate")
def test_by_https_the_certificate_has_to_be_trusted(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1")
    named = ("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate)
    subprocess.run(["openssl", *made, *named], capture_output=True, check=True)
    server.encrypt(certificate, key)
    path = scan_on(server, tmp_path)
    assert str(path).startswith("https://127.0.0.1:")
    message = said(path)
    assert "certificate verify failed" in message
    assert "Needed: a server whose certificate this machine trusts. Try: set SSL_CERT_FILE to" in message
    assert not server.asked  # nothing was sent to it
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert np.array_equal(read_image(path), RGB)
    server.moved["scan.ome.zarr/.zattrs"] = f"http://127.0.0.1:{server.server_port}/elsewhere"
    assert "is redirected to http:" in said(path)


def test_redirects_lead_to_servers_only(server: Server, tmp_path: Path) -> None:
    path = scan_on(server, tmp_path)
    secret = tmp_path / "secret"
    secret.write_text("{}")
    for place in (secret.as_uri(), "ftp://127.0.0.1/x"):
        server.moved = {"/.zattrs": place}
        assert "redirect" in said(path)
    server.moved = {"/.zattrs": f"{server.address}/scan.ome.zarr/copy"}
    (tmp_path / "www" / "scan.ome.zarr" / ".zattrs").rename(tmp_path / "www" / "scan.ome.zarr" / "copy")
    assert np.array_equal(read_image(path), RGB)
    server.moved = {"/.zattrs": f"{server.address}/scan.ome.zarr/.zattrs"}  # for ever
    assert "the server redirects in circles" in said(path)


def test_more_bytes_than_make_sense_are_not_taken(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = scan_on(server, tmp_path)
    (tmp_path / "www" / "scan.ome.zarr" / ".zattrs").write_bytes(b"[" * (5 << 20))
    assert "has more than 4,194,304 bytes" in said(path)


# --- addresses -------------------------------------------------------------------------------------------------------


def test_an_address_is_a_path_that_stays_an_address() -> None:
    address = path_or_address("HTTPS://server:8080/a b/scan.ome.zarr/")
    assert isinstance(address, Address)
    assert str(address) == f"{address}" == "https://server:8080/a b/scan.ome.zarr"
    assert (address.name, address.stem, address.suffix) == ("scan.ome.zarr", "scan.ome", ".zarr")
    assert address.absolute() == address.resolve() == pickle.loads(pickle.dumps(address)) == address
    assert str(address / "0") == "https://server:8080/a b/scan.ome.zarr/0"
    assert not any((address.exists(), address.is_dir(), address.is_file()))
    assert path_or_address(str(Path(str(address)))) == address  # a path takes one of the two slashes away
    assert not isinstance(path_or_address("scan.ome.zarr"), Address)
    assert not is_address("https.zarr")


@pytest.mark.parametrize("where", ["me:secret@server/scan.zarr", "server/scan.zarr?token=secret", "me@server/x#secret"])
def test_addresses_with_credentials_are_refused_and_not_repeated(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ImageError) as caught:
        path_or_address(f"https://{where}")
    assert "secret" not in str(caught.value)
    assert main(["project", "new", str(tmp_path / "p"), "--images", f"https://{where}"]) == 2
    said = capsys.readouterr()
    assert "secret" not in said.out + said.err
    assert not (tmp_path / "p").exists()
    with pytest.raises(ImageError) as caught:
        inspect_file(Path(f"https://{where}"))
    assert "secret" not in str(caught.value)


def test_a_prediction_is_that_of_an_address_as_long_as_its_server_says_the_same(server: Server, tmp_path: Path) -> None:
    path = scan_on(server, tmp_path)
    noted = predicted_image("scan", path, "run", "checkpoint", "options")
    assert noted.file == str(path)
    assert noted == predicted_image("scan", path, "run", "checkpoint", "options")
    metadata = tmp_path / "www" / "scan.ome.zarr" / ".zattrs"
    metadata.write_text(metadata.read_text() + " ")
    assert noted != predicted_image("scan", path, "run", "checkpoint", "options")
