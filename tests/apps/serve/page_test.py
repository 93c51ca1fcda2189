"""The page in a real browser: its camera is the source, a click asks a patch, controls and keys work."""
import re
import sys
import time
import unittest

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from browsing import Browsing
from support import Program


class Page(Browsing):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.program = Program()
        cls.addClassCleanup(cls.program.__exit__)
        cls.browser.get(cls.program.url)

    def viewer(self):
        """Its address, from what the page has asked for."""
        return re.search(r"/api/viewers/[0-9a-f]{32}", self.asked("/api/viewers/"))[0]

    def state(self):
        return self.program.ask("GET", self.viewer()).json

    def key(self, *keys):
        self.browser.find_element(By.TAG_NAME, "body").send_keys(*keys)

    def click_in_last_tile(self, right, down):
        """A share of what the model sees of the frame, in the sheet's tile at the bottom right."""
        shown = self.until(lambda: self.state()["shown"]["tile"] and self.state()["shown"])
        (width, height), (x, y, inner_width, inner_height) = shown["tile"]["size"], shown["tile"]["picture"]
        visible, frame = shown["visible"], shown["frame_size"]
        x += (visible[0] + right * visible[2]) / frame[0] * inner_width + shown["picture_size"][0] - width
        y += (visible[1] + down * visible[3]) / frame[1] * inner_height + shown["picture_size"][1] - height
        canvas = self.find("picture")
        self.until(lambda: canvas.get_property("width") == shown["picture_size"][0])
        box = canvas.rect  # the picture keeps its shape, at the top left
        scale = min(box["width"] / shown["picture_size"][0], box["height"] / shown["picture_size"][1])
        offset = [round(x * scale - box["width"] / 2), round(y * scale - box["height"] / 2)]
        ActionChains(self.browser).move_to_element_with_offset(canvas, *offset).click().perform()

    def test_page(self):
        find = self.find
        with self.subTest("the camera's picture arrives and changes"):
            find("camera").click()
            first = self.until(lambda: find("title").text and self.pixels())
            self.assertEqual(find("title").text, "raw, layer 2, heads mean")
            self.assertEqual(find("about").text, "class-agnostic")
            self.until(lambda: self.pixels() != first)
            self.assertTrue(self.state()["source"]["camera"])
            self.assertEqual(len(find("classes").find_elements(By.TAG_NAME, "li")), 5)
        with self.subTest("a click on a patch changes the map and the JSON"):
            self.key(" ")
            self.until(lambda: self.state()["settings"]["frozen"])
            time.sleep(0.5)
            before, map_before = self.pixels(), self.program.ask("GET", self.viewer() + "/snapshot.npy").body
            ActionChains(self.browser).move_to_element_with_offset(find("picture"), -60, 40).click().perform()
            pins = self.until(lambda: self.state()["settings"]["pins"])
            self.assertEqual(len(pins), 1)
            left, top, width, height = self.state()["shown"]["visible"]
            self.assertTrue(left < pins[0][0] < left + width and top < pins[0][1] < top + height, pins)
            self.until(lambda: self.pixels() != before)
            self.until(lambda: self.program.ask("GET", self.viewer() + "/snapshot.npy").body != map_before)
            find("unpin").click()
            self.until(lambda: not self.state()["settings"]["pins"])
        with self.subTest("keys walk over patches and pin them"):
            find("picture").send_keys(Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
            self.until(lambda: self.state()["settings"]["hover"])
            find("picture").send_keys(Keys.ENTER)
            self.until(lambda: self.state()["settings"]["pins"])
            self.key("c", " ")
            self.until(lambda: not self.state()["settings"]["frozen"])
        with self.subTest("controls"):
            Select(find("method")).select_by_value("rollout")
            self.until(lambda: find("title").text.startswith("rollout"))
            find("layer").send_keys(Keys.ARROW_LEFT)
            self.until(lambda: "layer 1" in find("title").text)
            Select(find("head")).select_by_value("1")
            self.until(lambda: find("title").text == "rollout, layer 1, head 1")
            Select(find("colormap")).select_by_value("viridis")
            self.until(lambda: self.state()["settings"]["colormap"] == "viridis")
            narrow = find("picture").get_property("width")
            find("side_by_side").click()
            self.until(lambda: find("picture").get_property("width") > narrow)
            find("side_by_side").click()
        with self.subTest("keys"):
            self.browser.execute_script("document.activeElement.blur()")
            methods = [option.get_attribute("value") for option in Select(find("method")).options]
            self.key("m")
            after = methods[(methods.index("rollout") + 1) % len(methods)]
            self.until(lambda: self.state()["settings"]["method"] == after)
            Select(find("method")).select_by_value("raw")
            self.until(lambda: self.state()["settings"]["method"] == "raw")
            self.browser.execute_script("document.activeElement.blur()")
            self.key("a")
            self.until(lambda: "all heads" in find("title").text)
            self.click_in_last_tile(0.5, 0.25)
            pins = self.until(lambda: self.state()["settings"]["pins"])
            shown = self.state()["shown"]
            (left, top, width, height), grid = shown["visible"], shown["maps"][0]
            # The centre of the patch under the pointer, which is within half a patch, and a pixel of the screen.
            self.assertLess(abs(pins[0][0] - left - width / 2), width / grid["cols"] / 2 + 3)
            self.assertLess(abs(pins[0][1] - top - height / 4), height / grid["rows"] / 2 + 3)
            find("unpin").click()
            self.browser.execute_script("document.activeElement.blur()")
            self.key("a", "]", "=", "n", "f")
            self.until(lambda: self.state()["settings"]["scale"] == "running")
            self.assertEqual(self.state()["settings"]["alpha"], 0.6)
        with self.subTest("two viewers, each with settings of their own"):
            mine = self.viewer()
            self.browser.switch_to.new_window("tab")
            self.browser.get(self.program.url)
            self.until(lambda: find("title").text == "raw, layer 2, heads mean")
            self.assertNotEqual(self.viewer(), mine)
            self.assertEqual(self.state()["settings"]["alpha"], 0.5)
            self.assertEqual(self.program.ask("GET", "/api/status").json["viewers"], 2)
            self.browser.close()
            self.browser.switch_to.window(self.browser.window_handles[0])
        with self.subTest("on a phone"):
            self.browser.set_window_size(400, 800)
            wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
            self.assertEqual(self.browser.execute_script(wide), 0)
            self.browser.set_window_size(1280, 800)
        with self.subTest("the camera stops"):
            find("camera").click()
            self.until(lambda: not self.state()["source"]["camera"])
        complaints = [entry for entry in self.browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        self.assertEqual(complaints, [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)
