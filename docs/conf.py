"""How the documentation is built: `make docs`."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "extensions")]  # this code, and no other that is installed

from cubefocus import __version__  # noqa: E402

project = "cubefocus"
author = "the cubefocus developers"
copyright = author
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "command_pages",
    "gallery",
    "result_pages",
]

templates_path = ["templates"]
exclude_patterns = ["extensions", "templates"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4  # as on GitHub: a link may name a heading of four levels
default_role = "code"
smartquotes = False  # a dash of an option is a dash

autosummary_generate = True
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # types stand in the numpydoc sections, in words
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

nitpicky = True
# Types of a docstring are words ("sequence of str"), and other libraries' pages are not part of this site.
nitpick_ignore_regex = [("py:.*", r"(?!cubefocus\.).*")]

html_theme = "furo"
html_title = f"cubefocus {__version__}"
html_static_path = ["static"]
html_css_files = ["cubefocus.css"]
html_show_copyright = False
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
