"""The form for a new project: what files would become, and what has to be answered first."""
