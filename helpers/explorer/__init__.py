"""Pictures that answer to the mouse, as plain SVG: no script, no server."""
