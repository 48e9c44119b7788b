"""A real browser, for what people will look at."""

import shutil

import pytest

from support.browser import CHROMIUM, missing


@pytest.fixture
def page():
    """A page of Chromium."""
    chromium = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        sync_playwright = None
    if not (chromium and sync_playwright):
        missing("playwright and a chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM)
        yield browser.new_page(viewport={"width": 1400, "height": 1000})
        browser.close()
