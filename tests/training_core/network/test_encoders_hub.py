"""Weights from the Hugging Face hub, with its real client against a hub of the test's own."""

from __future__ import annotations

import http.server
import json
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import huggingface_hub
import pytest
import timm
import torch
from safetensors.torch import save_file

from training_core.base.errors import WeightsError
from training_core.cli.main import main
from training_core.network.encoders import Encoder, build_encoder
from training_core.network.encoders.hub import HubSource
from training_core.network.encoders.registry import REGISTRY, find_spec
from training_core.project import Project
from training_core.settings.schema import EncoderConfig

HOST = "https://huggingface.co/"


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
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
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

    @pytest.mark.parametrize("key", [key for key, spec in REGISTRY.items() if isinstance(spec.source, HubSource)])
    @pytest.mark.parametrize(("status", "code"), [(401, "GatedRepo"), (403, "GatedRepo"), (404, "EntryNotFound")])
    def test_every_encoder_names_its_page_and_file(self, hub: type[Hub], key: str, status: int, code: str) -> None:
        hub.status, hub.code = status, code
        source = REGISTRY[key].source
        with pytest.raises(WeightsError) as error:
            source.fetch()
        assert str(source.page) in error.value.given
        assert source.file in error.value.needed
        assert "set encoder.weights_path to the file" in error.value.hint
        gated = source.access.startswith("gated")
        assert (f"request access at {source.page}" in error.value.hint) == gated
        assert {path.split("/resolve/")[0] for path in hub.tokens} == {f"/{source.page.removeprefix(HOST)}"}

    @pytest.mark.parametrize("how", ["environment", "configuration"])
    @pytest.mark.parametrize("name", ["uni", "dinov2_vits14", "resnet18"])
    def test_offline_never_asks_the_network(
        self, hub: type[Hub], cache: Path, monkeypatch: pytest.MonkeyPatch, how: str, name: str
    ) -> None:
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", how == "environment")
        with pytest.raises(WeightsError, match="not on this machine, and offline mode is on") as error:
            build_encoder(EncoderConfig(name=name, offline=how == "configuration"))
        page = find_spec(name).source.page
        repo = page.removeprefix(HOST)
        for words in (page, "set encoder.weights_path to the file", f"models--{repo.replace('/', '--')}", str(cache)):
            assert words in str(error.value)
        assert hub.tokens == {}

    def test_offline_takes_what_is_here(self, hub: type[Hub], tmp_path: Path) -> None:
        assert isinstance(build_encoder(EncoderConfig(offline=True)), Encoder)  # the bundled one
        torch.save(timm.create_model("resnet18", pretrained=False).state_dict(), tmp_path / "resnet18.pth")
        local = EncoderConfig(name="resnet18", weights_path=str(tmp_path / "resnet18.pth"), offline=True)
        assert isinstance(build_encoder(local), Encoder)
        assert hub.tokens == {}

    def test_the_token_is_written_nowhere(
        self,
        hub: type[Hub],
        tmp_path: Path,
        make_project: Callable[..., Project],
        small_settings: Path,
        capfd: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Neither by a run that was refused nor by one that trained, with everything that the libraries log."""
        caplog.set_level(logging.DEBUG)
        project = make_project()
        common = ["train", str(project.path), "--config", str(small_settings)]
        assert main([*common, "--set", "encoder.name=uni"]) == 2
        assert any(token and "secretsecret" in token for token in hub.tokens.values()), "the token was not even used"
        assert main([*common, "--set", "schedule.steps=1", "--json", str(tmp_path / "summary.json")]) == 0
        out, err = capfd.readouterr()
        assert "refused access" in err
        assert "secretsecret" not in out + err + caplog.text
        written = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert {"config.json", "provenance.json", "events.jsonl", "summary.json"} <= {file.name for file in written}
        assert [file for file in written if b"secretsecret" in file.read_bytes()] == []
        (recorded,) = (file for file in written if file.name == "config.json")
        assert json.loads(recorded.read_text())["encoder"]["fine_tune"] == "whole", "what was left open is recorded"

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
