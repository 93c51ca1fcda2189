"""The page of a model that writes, in a real browser: words appear, pointing at one shows its map, a rectangle on the
picture is read alone, questions are asked, the camera's frame is frozen."""
import json
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from browsing import Browsing
from support import GOLDEN, Program, picture

SIZE = (320, 240)


def with_words(model, folder):
    """The model with random weights, its vocabulary in another order: what it writes most are words and what looks like
    HTML, in place of halves of characters."""
    shutil.copytree(model, folder)
    path = Path(folder) / "vocab.json"
    vocabulary = json.loads(path.read_text())
    names = {number: name for name, number in vocabulary.items()}
    for number, word in ((258, "Ġred"), (70, "able"), (80, "<"), (38, "Ġtable")):
        other = vocabulary[word]
        vocabulary[word], vocabulary[names[number]] = number, other
        names[number], names[other] = word, names[number]
    path.write_text(json.dumps(vocabulary))
    return folder


class TextPage(Browsing):
    @classmethod
    def open(cls, command, model, *arguments):
        cls.program = Program(*arguments, command=command, model=GOLDEN / model)
        cls.addClassCleanup(cls.program.__exit__)
        cls.browser.get(cls.program.url)

    def spans(self):
        return self.find("text").find_elements(By.TAG_NAME, "span")

    def choose(self, image):
        file = tempfile.NamedTemporaryFile(suffix=".png")
        self.addCleanup(file.close)
        file.write(image)
        file.flush()
        self.find("file").send_keys(file.name)

    def written(self):
        """When all is there: the pieces' texts."""
        self.until(lambda: "ms" in self.find("source").text and not self.find("stop").is_displayed())
        return [span.get_property("textContent") for span in self.spans()]

    def expected(self, image, query=""):
        answer = self.program.ask("POST", "/api/text?" + query, image)
        self.assertEqual(answer.status, 200, answer.body)
        return answer.json

    def text(self):
        """Of the pieces that are text."""
        pieces = self.find("text").find_elements(By.CSS_SELECTOR, "span:not(.mark)")
        return "".join(span.get_property("textContent") for span in pieces)

    def point_at(self, element):
        ActionChains(self.browser).move_to_element(element).perform()

    def quiet(self, *statuses):
        """The browser complains of nothing but what was refused on purpose."""
        complaints = [entry for entry in self.browser.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        self.assertEqual([c for c in complaints if not any(f"status of {s}" in c["message"] for s in statuses)], [])

    def test_reading(self):
        folder = tempfile.TemporaryDirectory()
        self.addClassCleanup(folder.cleanup)
        self.open("read", with_words(GOLDEN / "trocr_small", Path(folder.name) / "model"), "--max-tokens", "24")
        find, image = self.find, picture(25, SIZE, "PNG")
        with self.subTest("words appear"):
            self.choose(image)
            self.until(lambda: len(self.spans()) > 2)
            self.written()
            whole = self.expected(image)
            self.assertEqual(self.text(), whole["text"])
            self.assertEqual(len(self.spans()), len(whole["tokens"]))
            self.assertIn("red<", whole["text"])
            self.assertEqual(find("text").find_elements(By.CSS_SELECTOR, ":not(span)"), [])
        with self.subTest("pointing at a piece changes the map"):
            Select(find("unit")).select_by_value("token")
            self.point_at(find("model"))
            bare = self.pixels()
            maps = set()
            for span in [s for s in self.spans() if s.rect["width"] > 2][:4]:
                self.point_at(span)
                self.until(lambda: "shown" in span.get_attribute("class"))
                maps.add(self.pixels())
                self.assertIn("elsewhere", find("about").text)
            self.assertEqual(len(maps), 4, "each piece has a map of its own")
            self.assertNotIn(bare, maps)
            self.point_at(find("model"))
            self.until(lambda: self.pixels() == bare)
        with self.subTest("a word is the mean of its tokens"):
            Select(find("unit")).select_by_value("word")
            pieces = [s for s in self.spans() if "mark" not in s.get_attribute("class")]
            self.point_at(pieces[0])
            shown = self.until(lambda: [s for s in self.spans() if "shown" in s.get_attribute("class")])
            self.assertEqual([s.get_property("textContent") for s in shown], [" red", "able"])
            self.assertIn("“redable”", find("about").text)
        with self.subTest("a click keeps a map"):
            pieces[0].click()
            kept = self.pixels()
            self.point_at(find("model"))
            self.until(lambda: self.pixels() == kept)
            pieces[0].click()
        with self.subTest("a rectangle is read alone"):
            before = self.text()
            canvas = find("picture")
            box, scale = canvas.rect, min(canvas.rect["width"] / SIZE[0], canvas.rect["height"] / SIZE[1])
            at = lambda x, y: (round(x * scale - box["width"] / 2), round(y * scale - box["height"] / 2))
            (x, y), (to_x, to_y) = at(60, 70), at(180, 150)
            ActionChains(self.browser).move_to_element_with_offset(canvas, x, y).click_and_hold().move_by_offset(
                to_x - x, to_y - y).release().perform()
            self.assertTrue(self.until(lambda: find("whole").is_displayed()))
            self.until(lambda: self.text() and self.text() != before)
            self.written()
            asked = self.asked("/api/text/stream")
            region = asked.split("region=")[1].split("&")[0].replace("%2C", ",")
            for mine, wanted in zip(map(int, region.split(",")), (60, 70, 120, 80)):
                self.assertLess(abs(mine - wanted), 3, region)
            self.assertEqual(self.text(), self.expected(image, "region=" + region)["text"])
            find("whole").click()
            self.until(lambda: self.text() == before and not find("whole").is_displayed())
            self.written()
        with self.subTest("the camera's frame is frozen and read"):
            find("camera").click()
            self.until(lambda: find("freeze").is_displayed() and find("picture").get_property("width") > SIZE[0])
            first = self.pixels()
            self.until(lambda: self.pixels() != first)
            find("freeze").click()
            self.until(lambda: not find("freeze").is_displayed())
            self.assertTrue(self.written())
        with self.subTest("what is refused is said"):
            self.browser.execute_script("arguments[0].value = 99; arguments[0].removeAttribute('max')", find("most"))
            find("go").click()
            self.until(lambda: "max_tokens: want 1 to 24" in find("notice").text)
        with self.subTest("on a phone"):
            self.browser.set_window_size(400, 800)
            wide = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
            self.assertEqual(self.browser.execute_script(wide), 0)
            self.browser.set_window_size(1280, 800)
        self.quiet(422)

    def test_asking(self):
        self.open("ask", "blip_vqa")
        find, image = self.find, picture(12, SIZE, "PNG")
        self.choose(image)
        self.until(lambda: find("title").text == f"{SIZE[0]} × {SIZE[1]}")
        self.assertEqual(self.spans(), [], "a question is waited for")
        find("words").send_keys("is there a cat?")
        find("go").click()
        self.until(lambda: self.spans())
        self.written()
        whole = self.expected(image, "question=is+there+a+cat%3F")
        self.assertEqual(self.text(), whole["text"])
        find("words").clear()
        find("words").send_keys("<b>what</b> colour is it?\n")  # Enter asks
        self.until(lambda: "question=%3Cb%3E" in self.asked("/api/text/stream"))
        self.written()
        self.assertEqual(find("text").find_elements(By.CSS_SELECTOR, ":not(span)"), [])
        self.quiet()


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=2)
