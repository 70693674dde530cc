"""Everything that a key, a menu or the command palette can do."""
