"""Text towers from the Hugging Face hub, with its real client against a hub of the test's own; docs/text.md."""

from __future__ import annotations

import hashlib
import http.server
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, get_args

import huggingface_hub
import pytest
import tokenizers
import torch
import yaml
from tokenizers import models, pre_tokenizers, processors

from training_core.base.errors import WeightsError
from training_core.network.text import build_text
from training_core.network.text.load import _create
from training_core.network.text.registry import TOWERS
from training_core.project import TissueClass
from training_core.settings.schema import TextConfig, resolve

CLASSES = (TissueClass(0, "gland", "#aa0000"), TissueClass(1, "stroma", "#00aa00"))
SECRET = "hf_secretsecretsecret"
DOCS = Path(__file__).parents[3] / "docs" / "text.md"


class Hub(http.server.BaseHTTPRequestHandler):
    """A hub with these files, /OWNER/NAME/resolve/main/FILE; whatever else is asked for gets `status`."""

    files: ClassVar[dict[str, bytes]]
    tokens: ClassVar[list[tuple[str, str | None]]]
    status, code = 404, "EntryNotFound"

    def do_HEAD(self) -> None:
        self.tokens.append((self.path, self.headers.get("Authorization")))
        content = self.files.get(self.path)
        self.send_response(self.status if content is None else 200)
        if content is None:
            self.send_header("X-Error-Code", self.code)
        else:
            self.send_header("X-Repo-Commit", "a" * 40)
            self.send_header("ETag", hashlib.sha256(content).hexdigest())
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")

    do_GET = do_HEAD

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "AGENT_HARNESSES_PATH", str(tmp_path / "agents"), raising=False)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    handler = type("OwnHub", (Hub,), {"files": {}, "tokens": []})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
    template = address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def small_biomedclip(monkeypatch: pytest.MonkeyPatch) -> None:
    tower = TOWERS["biomedclip"]
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    small = {**tower.transformer, **sizes, "vocab_size": 60}
    monkeypatch.setitem(TOWERS, "biomedclip", replace(tower, transformer=small))


def small_tokenizer(path: Path) -> bytes:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "gland", "stroma"]
    tokenizer = tokenizers.Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(path))
    return path.read_bytes()


def build(**settings: Any) -> torch.Tensor:
    torch.manual_seed(0)
    return build_text(TextConfig.model_validate(settings), CLASSES, 16)().detach()


def no_secret(tmp_path: Path, error: BaseException | None = None) -> None:
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    while error is not None:
        assert SECRET not in str(error)
        error = error.__cause__


@pytest.mark.usefixtures("small_biomedclip")
def test_tokenizer_and_weights_are_downloaded_once(hub: type[Hub], tmp_path: Path) -> None:
    place = f"/{TOWERS['biomedclip'].weights.repo}/resolve/main"
    hub.files[f"{place}/tokenizer.json"] = small_tokenizer(tmp_path / "tokenizer.json")
    needed = r"has no open_clip_pytorch_model\.bin.*download open_clip_pytorch_model\.bin from https://huggingface\.co/"
    with pytest.raises(WeightsError, match=rf"{needed}microsoft/BiomedCLIP.* set text\.weights_path") as raised:
        build(encoder="biomedclip")
    no_secret(tmp_path, raised.value)

    torch.manual_seed(5)
    tower = _create(TOWERS["biomedclip"], offline=True)
    torch.save({f"text.{key}": value for key, value in tower.state_dict().items()}, tmp_path / "own.bin")
    hub.files[f"{place}/open_clip_pytorch_model.bin"] = (tmp_path / "own.bin").read_bytes()
    downloaded = build(encoder="biomedclip")
    assert (f"{place}/open_clip_pytorch_model.bin", f"Bearer {SECRET}") in hub.tokens
    local = {"weights_path": str(tmp_path / "own.bin"), "tokenizer_path": str(tmp_path / "tokenizer.json")}
    assert torch.equal(downloaded, build(encoder="biomedclip", **local))
    no_secret(tmp_path)

    hub.tokens.clear()
    assert torch.equal(build(encoder="biomedclip"), downloaded)
    assert torch.equal(build(encoder="biomedclip", offline=True), downloaded)
    assert hub.tokens == [], "a file in the cache was asked for again"


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (401, "GatedRepo", r"refused access \(HTTP 401\)"),
        (403, "GatedRepo", r"refused access \(HTTP 403\)"),
        (404, "EntryNotFound", r"has no pytorch_model\.bin"),
    ],
)
def test_refusals(hub: type[Hub], tmp_path: Path, status: int, code: str, said: str) -> None:
    hub.status, hub.code = status, code
    small_tokenizer(tmp_path / "tokenizer.json")
    with pytest.raises(WeightsError, match=said) as raised:
        build(encoder="conch", tokenizer_path=str(tmp_path / "tokenizer.json"))
    for word in ("request access at https://huggingface.co/MahmoodLab/CONCH", "pytorch_model.bin", "text.weights_path"):
        assert word in str(raised.value)
    assert hub.tokens == [("/MahmoodLab/CONCH/resolve/main/pytorch_model.bin", f"Bearer {SECRET}")]
    no_secret(tmp_path, raised.value)


def test_a_tokenizer_that_is_not_there(hub: type[Hub], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"tokenizer\.json, the tokenizer of BiomedCLIP.* set text\.tokenizer_path"):
        build(encoder="biomedclip")
    assert [path.rpartition("/")[2] for path, _ in hub.tokens] == ["tokenizer.json"], "weights come last"


def test_offline_asks_nobody(hub: type[Hub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_tokenizer(tmp_path / "tokenizer.json")
    conch = {"encoder": "conch", "tokenizer_path": str(tmp_path / "tokenizer.json")}
    for settings in (conch, {"encoder": "plip"}, {"encoder": "open_clip", "pretrained": "laion2b_s34b_b79k"}):
        with pytest.raises(WeightsError, match=r"offline mode is on.*set text\.weights_path"):
            build(**settings, offline=True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsError, match=r"wisdomik/QuiltNet-B-16.*offline mode is on.*set text\.weights_path"):
        build(encoder="quiltnet_b16")
    assert hub.tokens == []


def test_pages_and_files() -> None:
    for name, tower in TOWERS.items():
        need = tower.weights.need
        assert tower.weights.gated == ("request access" in need.hint), name
        assert f"https://huggingface.co/{tower.weights.repo}" in need.file
        assert tower.licence != "see its page"


class TestDocs:
    text = DOCS.read_text(encoding="utf-8")

    def test_table_is_the_registry(self) -> None:
        cells = [line.split("|")[1:-1] for line in self.text.splitlines() if line.startswith("|")]
        rows = {row[0].strip("` "): row for row in cells}
        names = set(get_args(TextConfig.model_fields["encoder"].annotation))
        assert names == set(TOWERS) | {"learned", "open_clip"}
        assert names <= set(rows)
        for name, tower in TOWERS.items():
            row = "|".join(rows[name])
            for fact in (f"https://huggingface.co/{tower.weights.repo}", tower.licence, f" {tower.context_length} "):
                assert fact in row, (name, fact)
            assert ("gated" in row) == tower.weights.gated, name
            assert any(file in row for file in tower.weights.files), name

    def test_examples_are_configurations(self) -> None:
        examples = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", self.text, re.DOTALL)]
        asked_for = {resolve(example).text.encoder for example in examples}
        assert asked_for == set(TOWERS) | {"learned", "open_clip"}

    def test_package_of_conch_is_named(self) -> None:
        assert TOWERS["conch"].tokenizer.install in self.text  # type: ignore[union-attr]
