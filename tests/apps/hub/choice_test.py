#!/usr/bin/env python3
"""Which model is meant: `fovea models`, `fovea default`, FOVEA_MODEL and --model."""
import json
import sys
import unittest

sys.dont_write_bytecode = True
from case import Case  # noqa: E402
from hub import GOLDEN, NAME  # noqa: E402


class Choice(Case):
    def test_the_list_says_what_is_where_and_what_loads(self):
        self.fovea("pull", NAME)
        broken = self.models / "someone--broken"
        broken.mkdir()
        (broken / "config.json").write_text("{")
        (self.models / "by-hand").mkdir()
        rows = {row["name"]: row for row in json.loads(self.fovea("models", "--json").out)}
        self.assertEqual((rows[NAME]["state"], rows[NAME]["family"], rows[NAME]["folder"]),
                         ("pulled", "ViT", str(self.folder())))
        self.assertAlmostEqual(rows[NAME]["parameters_millions"], 0.124, places=2)
        self.assertEqual((rows["someone/broken"]["family"], rows["someone/broken"]["why_not"]),
                         (None, "lacks model.safetensors"))
        self.assertEqual(rows["by-hand"]["why_not"], "lacks config.json")
        known = rows["timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"]
        self.assertEqual((known["state"], known["imagenet_top1"], known["gmacs"], known["licence"], known["family"]),
                         ("known", 75.5, 1.1, "Apache-2.0", "ViT"))
        self.assertGreater(len(rows), 25)
        for name, row in rows.items():
            if row["state"] == "known":
                self.assertIsNotNone(row["family"], name)
        lines = self.fovea("models").out.splitlines()
        self.assertEqual(lines[0].split()[:2], ["name", "where"])
        self.assertTrue(any("broken" in line and "no: lacks model.safetensors" in line for line in lines))

    def test_rm_deletes_what_was_pulled_and_parts(self):
        self.fovea("pull", NAME)
        self.assertEqual(self.fovea("models", "rm", NAME).code, 0)
        self.assertEqual(self.files(), set())
        done = self.fovea("models", "rm", NAME)
        self.assertEqual(done.code, 1)
        self.assertIn("was not pulled", done.err)
        self.fovea("pull", NAME, limit=100_000)
        self.assertNotEqual(self.files(), set())
        self.assertEqual(self.fovea("models", "rm", NAME).code, 0)
        self.assertEqual(self.files(), set())

    def test_a_name_that_is_not_here_comes_with_its_command(self):
        for arguments, variables in ((["--model", NAME], {}), ([], {"FOVEA_MODEL": NAME})):
            done = self.fovea("classify", *arguments, "x.png", **variables)
            self.assertEqual((done.code, done.out), (2, ""))
            self.assertIn(f"`fovea pull {NAME}`", done.err)
        self.assertIn("not a folder", self.fovea("classify", "--model", "./nowhere", "x.png").err)
        self.assertIn("not a folder", self.fovea("classify", "--model", "/no/where", "x.png").err)

    def test_the_default_lies_between_the_variable_and_the_embedded_model(self):
        self.fovea("pull", NAME)
        self.assertEqual(self.fovea("default", NAME).code, 0)
        self.assertEqual(self.fovea("default").out, NAME + "\n")
        self.assertIn(NAME + " (default)", self.fovea("models").out)
        self.assertIn("at 64x64", self.fovea("maps").out)
        other = GOLDEN.parent / "vit_mini_rect"
        self.assertNotIn("at 64x64", self.fovea("maps", FOVEA_MODEL=str(other)).out.splitlines()[0])
        (self.home / "here").symlink_to(GOLDEN)
        self.assertEqual(self.fovea("default", "here").code, 0)
        self.assertEqual(self.fovea("default").out, f"{self.home / 'here'}\n")
        self.assertEqual(self.fovea("default", "--unset").code, 0)
        self.assertNotIn("at 64x64", self.fovea("maps").out)

    def test_a_default_must_be_here(self):
        done = self.fovea("default", NAME)
        self.assertEqual(done.code, 2)
        self.assertTrue(done.last.startswith(f"fovea: default {NAME}: no such folder"), done.err)
        self.assertIn(f"`fovea pull {NAME}`", done.err)
        self.fovea("pull", NAME)
        self.fovea("default", NAME)
        self.fovea("models", "rm", NAME)
        done = self.fovea("classify", "x.png")
        self.assertEqual(done.code, 2)
        self.assertIn("fovea default", done.err)
        self.assertIn(f"`fovea pull {NAME}`", done.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
