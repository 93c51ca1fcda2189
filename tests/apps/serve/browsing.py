"""A real browser, without a screen, and what tests of pages have in common."""
import os
import time
import unittest

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

DRIVER = os.environ.get("CHROMEDRIVER", "/usr/bin/chromedriver")


def browser(size="1280,800"):
    options = Options()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--mute-audio",
                     "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", f"--window-size={size}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(service=Service(DRIVER), options=options)


class Browsing(unittest.TestCase):
    """What tests of pages have in common."""

    @classmethod
    def setUpClass(cls):
        cls.browser = browser()
        cls.addClassCleanup(cls.browser.quit)

    def find(self, name):
        return self.browser.find_element(By.ID, name)

    def until(self, what, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := what():
                return found
            time.sleep(0.1)
        self.fail(f"never happened; the page says {self.find('notice').text!r}, {self.find('title').text!r}")

    def asked(self, path):
        """The newest address that the page has asked for with this in it."""
        asked = self.browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
        return next(name for name in reversed(asked) if path in name)

    def pixels(self):
        return self.browser.execute_script("return document.getElementById('picture').toDataURL()")
