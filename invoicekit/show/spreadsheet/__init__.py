"""Excel files: frames as sheets, and sheets that are read like a page."""
