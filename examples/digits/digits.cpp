// Reads a handwritten digit row by row, and shows which rows decided: digits MODEL-FOLDER PICTURE
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#define STB_IMAGE_IMPLEMENTATION
#include <stb_image.h>

#include "fovea/fovea.h"

namespace {

constexpr int side = 28;

// Means over the picture's pixels under each of side × side cells, bright strokes on dark ground, 0 to 1.
std::vector<float> cells_of(const char* file) {
  int width = 0, height = 0;
  stbi_uc* pixels = stbi_load(file, &width, &height, nullptr, 1);
  if (!pixels || width < side || height < side)
    throw fovea::Error(fovea::ErrorKind::file, std::string(file) + ": no picture of 28 by 28 pixels or more");
  const bool dark_on_bright = pixels[0] > 127;
  std::vector<float> cells;
  for (int row = 0; row < side; ++row)
    for (int col = 0; col < side; ++col) {
      float sum = 0, count = 0;
      for (int y = row * height / side; y < (row + 1) * height / side; ++y)
        for (int x = col * width / side; x < (col + 1) * width / side; ++x, ++count)
          sum += static_cast<float>(pixels[size_t(y) * size_t(width) + size_t(x)]) / 255;
      cells.push_back(dark_on_bright ? 1 - sum / count : sum / count);
    }
  stbi_image_free(pixels);
  return cells;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) throw fovea::Error(fovea::ErrorKind::usage, "usage: digits MODEL-FOLDER PICTURE");
  const std::vector<float> cells = cells_of(argv[2]);
  const fovea::Model model = fovea::Model::load(fovea::Device::open(), argv[1]);
  // One sequence of 28 steps, a row of pixels each; `weights` is what attention gave to each step.
  const auto out = fovea::run(model, {{"input", {{1, side, side}, cells, {}}}});
  const std::vector<float>&logits = out.at("logits").values, &weights = out.at("weights").values;

  const auto best = std::max_element(logits.begin(), logits.end());
  float sum = 0;
  for (const float logit : logits) sum += std::exp(logit - *best);
  std::printf("%d, %.1f %%\n", int(best - logits.begin()), 100.0 / static_cast<double>(sum));
  for (int row = 0; row < side; ++row) {
    for (int col = 0; col < side; ++col) std::putchar(" .:*#"[int(cells[size_t(row * side + col)] * 4.99F)]);
    const float weight = weights[size_t(row)];
    std::printf("| %.2f %s\n", static_cast<double>(weight), std::string(size_t(weight * 60), '=').c_str());
  }
  return 0;
} catch (const fovea::Error& error) {
  std::fprintf(stderr, "digits: %s\n", error.what());
  return 1;
}
