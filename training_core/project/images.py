"""The images of a project as another program knows them: whole files, and slides with all tiles that lie on them."""

from __future__ import annotations

from training_core.project.project import Project


def image_names(project: Project) -> dict[str, str]:
    """The image of each tile: its slide, where it is known how the tile lies on it, else the tile itself."""
    alone = {tile.name.casefold() for tile in project.tiles if tile.place is None or tile.place.scale is None}
    names = {}
    for tile in project.tiles:
        place = tile.place
        if place is None or place.scale is None:
            names[tile.name] = tile.name
        else:
            # beside an image of the same name, which has its own file
            names[tile.name] = f"{place.file}.slide" if place.file.casefold() in alone else place.file
    return names
