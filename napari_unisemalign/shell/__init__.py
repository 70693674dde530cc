"""The frame around the places: the panel, headers, status line, tour, dialogs, closing."""
