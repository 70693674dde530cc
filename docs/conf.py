"""The documentation site: `nox -s docs` builds it into build/docs, and a warning fails the build.

Pages are Markdown (MyST). Three kinds are made while building, so that they cannot drift from the code: the API
reference from the docstrings (_ext/api_pages.py), the commands from the argparse parsers and the settings from the
schema (both _ext/reference_tables.py).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(ROOT), str(DOCS / "_ext")]
# The notebooks' kernel is another process and imports the same working tree.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
# tqdm, which the encoders' libraries import, asks for ipywidgets; its progress bars are not shown here.
os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"

import training_core  # noqa: E402  # after the path is set

project = "napari-unisemalign"
author = "napari-unisemalign developers"
copyright = f"2026, {author}. For research use only"
version = release = training_core.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "api_pages",
    "reference_tables",
]
exclude_patterns = ["_ext"]
default_role = "code"  # what docstrings have in single backquotes
html_theme = "furo"
html_title = project
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

OTHER_PACKAGES = (
    "abc", "annotated_types", "argparse", "collections", "contextlib", "datetime", "enum", "filelock", "numpy",
    "pathlib", "PIL", "psygnal", "pydantic", "pydantic_core", "shapely", "threading", "tifffile", "tiffslide", "timm",
    "tokenizers", "torch", "types", "typing", "zarr", "FieldInfo", "NDArray", "NoneType", "Path", "np",
)  # fmt: skip
# No intersphinx: it downloads other projects' indexes on every build, and this one must build without a network.
nitpicky = True
nitpick_ignore_regex = [
    # Names of other packages, for the same reason.
    (r"py:.*", rf"({'|'.join(OTHER_PACKAGES)})(\..*)?"),
    # The value of an alias is shown as it is written, and cut at its first comma.
    (r"py:class", r"(dict|tuple)\[str"),
    # Python's own, which its inventory does not list as classes of these names.
    (r"py:class", r"_queue\.SimpleQueue|os\.stat_result"),
    # Fields of named tuples show the names of aliases, which have no entry as classes.
    (r"py:class", r"Feature|Area"),
    # Of dask, imported for types only; and type variables.
    (r"py:class", r"Client|Piece|Result"),
    # Private base classes have no entry of their own.
    (r"py:.*", r"training_core\..*\._\w+"),
]
keep_warnings = True
show_warning_types = True

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# Notebooks are kept as text without outputs and run here; what they write to standard error is a warning too.
nb_execution_mode = "force"
nb_execution_show_tb = True  # a cell that fails is a warning, which fails the build
nb_execution_timeout = 600  # seconds a cell; on two free cores the slowest takes less than half a minute
nb_output_stderr = "warn"
nb_merge_streams = True

napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
maximum_signature_line_length = 90
add_module_names = False
toc_object_entries_show_parents = "hide"
