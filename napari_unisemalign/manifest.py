"""`python -m napari_unisemalign.manifest`: writes napari.yaml, with a command and a menu entry for every action."""

from __future__ import annotations

from pathlib import Path

import yaml

from napari_unisemalign.actions.catalogue import ACTIONS, PLUGIN, Action, Menu, function_name
from napari_unisemalign.actions.shortcuts import SECTION
from napari_unisemalign.results.layer_files import ENDINGS
from training_core.io import atomic_write
from training_core.io.slides import SLIDE_SUFFIXES

PATH = Path(__file__).parent / "napari.yaml"
HEADER = "# Made by `python -m napari_unisemalign.manifest` from actions/catalogue.py; changes made here are lost.\n"
SUBMENU_TITLE = "UniSemAlign"


def text() -> str:
    """The manifest, as it should stand in napari.yaml."""
    contents = {
        "name": PLUGIN,
        "display_name": SUBMENU_TITLE,
        "schema_version": "0.2.1",
        "categories": ["Annotation", "Segmentation", "Image Processing"],
        "contributions": {
            "commands": [*_entry_points(), *map(_command, ACTIONS)],
            "widgets": [{"command": f"{PLUGIN}.panel", "display_name": "Train a tissue segmenter"}],
            "readers": [
                {
                    "command": f"{PLUGIN}.read_project",
                    "filename_patterns": ["project.json", *(f"*{suffix}" for suffix in sorted(SLIDE_SUFFIXES))],
                    "accepts_directories": True,
                }
            ],
            "writers": [
                {
                    "command": f"{PLUGIN}.write_labels",
                    "layer_types": ["labels"],
                    "filename_extensions": list(ENDINGS),
                    "display_name": "mask of classes",
                }
            ],
            "sample_data": [
                {
                    "command": f"{PLUGIN}.sample",
                    "key": "sample-project",
                    "display_name": "Sample project (artificial tissue)",
                }
            ],
            "submenus": [{"id": _submenu(menu), "label": SUBMENU_TITLE} for menu in Menu if menu is not Menu.NONE],
            "menus": _menus(),
            "configurations": {SECTION: {"title": "Keys", "properties": dict(map(_key_setting, ACTIONS))}},
        },
    }
    return HEADER + yaml.safe_dump(contents, sort_keys=False, allow_unicode=True, width=120)


def _entry_points() -> list[dict[str, str]]:
    named = (
        ("panel", "Train a tissue segmenter", "UniSemAlignPanel"),
        ("read_project", "Open a UniSemAlign project folder or a slide", "get_reader"),
        ("write_labels", "Save labels as a mask", "write_labels"),
        ("sample", "Open the UniSemAlign sample project", "sample"),
    )
    return [
        {"id": f"{PLUGIN}.{name}", "title": title, "python_name": f"napari_unisemalign.plugin:{attribute}"}
        for name, title, attribute in named
    ]


def _command(action: Action) -> dict[str, str]:
    name = function_name(action.id)
    return {"id": f"{PLUGIN}.{name}", "title": action.title, "python_name": f"napari_unisemalign.commands:{name}"}


def _key_setting(action: Action) -> tuple[str, dict[str, str]]:
    """Napari's preferences ask for the key in a field of their own."""
    description = "Such as Alt-T, PageDown or F5. Empty for none. F1 in napari lists all keys."
    setting = {"type": "string", "default": action.key, "title": action.title, "description": description}
    return function_name(action.id), setting


def _submenu(menu: Menu) -> str:
    return f"{PLUGIN}/{menu.name.lower()}"


def _menus() -> dict[str, list[dict[str, str]]]:
    menus: dict[str, list[dict[str, str]]] = {}
    for menu in Menu:
        if menu is Menu.NONE:
            continue
        menus[menu.value] = [{"submenu": _submenu(menu)}]
        shown = [action for action in ACTIONS if action.menu is menu]
        menus[_submenu(menu)] = [
            {"command": f"{PLUGIN}.{function_name(action.id)}", "group": f"1_actions@{place}"}
            for place, action in enumerate(shown)
        ]
    for parent in (Menu.TRAIN, Menu.PAINT):
        menus[parent.value].append({"command": f"{PLUGIN}.panel"})
    return menus


if __name__ == "__main__":
    atomic_write(PATH, text().encode())
