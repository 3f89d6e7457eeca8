"""Sphinx, for the site that ``python course.py site`` builds. Nothing here asks for anything from another host."""

import re
from pathlib import Path

project = "Seeing Convnets"
release = re.search(r'^version: "(.+)"', (Path(__file__).parent.parent / "CITATION.cff").read_text("utf-8"), re.M)[1]
html_title = project
extensions = ["myst_nb"]
exclude_patterns = []
html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["course.css"]
html_copy_source = False
html_show_sourcelink = False
html_last_updated_fmt = ""
html_show_copyright = False
html_context = {"default_mode": "auto"}
html_theme_options = {
    "home_page_in_toc": True,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "navbar_persistent": [],  # one search field is enough
    "footer_content_items": ["last-updated.html", "extra-footer.html"],
    "extra_footer": f"Version {release}. Prose and figures: CC BY 4.0. Code: Apache License 2.0.",
}
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
nb_execution_mode = "off"  # they come executed
nb_ipywidgets_js = {}  # no widget runs on a page, so none of its scripts is asked for
nb_mime_priority_overrides = [("html", "text/html", 20)]
nb_merge_streams = True
nb_render_markdown_format = "myst"  # tables too
nb_code_prompt_show = "Set-up cell, the same in every notebook"
nb_code_prompt_hide = nb_code_prompt_show
suppress_warnings = ["mystnb.unknown_mime_type"]
