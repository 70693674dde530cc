"""Weights from the Hugging Face hub, with its real client against a hub of the test's own."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
from safetensors.torch import save_file

from training_core.config import EncoderConfig
from training_core.encoders import build_encoder
from training_core.errors import WeightsError


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub that answers every question with one status."""

    status, code = 401, "GatedRepo"
    tokens: dict[str, str | None]  # by the path that was asked for

    def do_HEAD(self) -> None:
        type(self).tokens[self.path] = self.headers.get("Authorization")
        self.send_response(self.status)
        self.send_header("X-Error-Code", self.code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *args: object) -> None:
        pass


class TestHub:
    @pytest.fixture
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(huggingface_hub.constants, "AGENT_HARNESSES_PATH", str(tmp_path / "agents"), raising=False)
        monkeypatch.setenv("HF_TOKEN", "hf_secretsecretsecret")
        return tmp_path / "hub"

    @pytest.fixture
    def hub(self, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
        handler = type("OwnHub", (Hub,), {"tokens": {}})
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(
            huggingface_hub.constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            f"http://127.0.0.1:{server.server_port}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
        )
        yield handler
        server.shutdown()
        server.server_close()
        thread.join()

    @pytest.mark.parametrize(
        ("status", "code", "said"),
        [
            (401, "GatedRepo", r"refused access \(HTTP 401\)"),
            (403, "GatedRepo", r"refused access \(HTTP 403\)"),
            (401, "RepoNotFound", r"signed-in accounts \(HTTP 401\)"),
            (404, "RepoNotFound", r"does not exist or .*\(HTTP 404\)"),
            (404, "EntryNotFound", r"has no pytorch_model\.bin"),
        ],
    )
    def test_refusals(self, hub: type[Hub], cache: Path, status: int, code: str, said: str) -> None:
        hub.status, hub.code = status, code
        with pytest.raises(WeightsError, match=said) as error:
            build_encoder(EncoderConfig(name="uni"))
        for word in ("https://huggingface.co/MahmoodLab/UNI", "pytorch_model.bin", "set encoder.weights_path"):
            assert word in str(error.value)
        assert hub.tokens["/MahmoodLab/UNI/resolve/main/pytorch_model.bin"] == "Bearer hf_secretsecretsecret"
        assert "secret" not in str(error.value)
        assert not any(b"secret" in file.read_bytes() for file in cache.parent.rglob("*") if file.is_file())

    @pytest.mark.usefixtures("cache")
    def test_offline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(WeightsError, match=r"not on this machine, and offline mode is on.*weights_path"):
            build_encoder(EncoderConfig(name="uni"))
        with pytest.raises(WeightsError, match=r"timm/resnet18.*model\.safetensors or pytorch_model\.bin"):
            build_encoder(EncoderConfig(name="resnet18"))

    def test_a_cached_file_needs_no_network(self, hub: type[Hub], cache: Path, tmp_path: Path) -> None:
        classifier = timm.create_model("resnet18", pretrained=False)
        repo = cache / f"models--{classifier.pretrained_cfg['hf_hub_id'].replace('/', '--')}"
        (repo / "refs").mkdir(parents=True)
        (repo / "refs" / "main").write_text("a" * 40)
        (repo / "snapshots" / ("a" * 40)).mkdir(parents=True)
        save_file(classifier.state_dict(), repo / "snapshots" / ("a" * 40) / "model.safetensors")
        encoder = build_encoder(EncoderConfig(name="resnet18"))
        assert torch.equal(encoder.state_dict()["trunk.conv1.weight"], classifier.state_dict()["conv1.weight"])
        assert hub.tokens == {}
