"""The project and its tiles: the list, the tile on screen, new projects."""
