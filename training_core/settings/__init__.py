"""The settings of a run: schema, defaults of the variants, files, and the list of fields for a form. Torch-free."""
