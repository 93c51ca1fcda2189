// Maps of a golden model's own input, and where the tokens of their cells are.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "models/tasks/forward.h"
#include "tests/models/golden.h"

namespace golden_maps {

struct Loaded {
  explicit Loaded(const std::string& name)
      : reference(golden::folder(name)),
        model(fovea::Model::load(fovea::Device::open(), golden::folder(name),
                                 {fovea::Precision::fp32, 0, 0})) {}

  // Maps of both images: from the input as the reference had it, and not from pixels.
  std::vector<std::vector<float>> maps(const fovea::MapRequest& request) {
    fovea::Forward::Options options;
    options.batch = images();
    options.host_input = options.attention = true;
    options.classify = fovea::Classify(model.impl(), 1);
    fovea::Forward forward(model.impl(), options);
    forward.write(0, reference.values("input"));
    forward.program().run();
    fovea::Recorder r(model.device().impl());
    const auto map = fovea::maps::draw(r, forward.kept(), request, model.info());
    r.output(map.values);
    auto program = r.finish();
    for (const auto& [tensor, values] : map.presets) program.write(tensor, std::as_bytes(std::span(values)));
    program.run();
    std::vector<float> all(map.values.shape.elements());
    program.read(map.values, std::as_writable_bytes(std::span(all)));
    std::vector<std::vector<float>> out;
    const size_t stride = all.size() / images(), cells = size_t{map.rows} * map.cols;
    for (size_t i = 0; i < images(); ++i) {
      const auto first = all.begin() + static_cast<std::ptrdiff_t>(i * stride + map.first);
      out.emplace_back(first, first + static_cast<std::ptrdiff_t>(cells));
    }
    return out;
  }
  uint32_t images() const { return static_cast<uint32_t>(reference.shape("input")[0]); }

  golden::Reference reference;
  fovea::Model model;
};

// Where a cell's token is: which of an image's groups, and its number there.
struct Place {
  size_t group, token;
};

struct PlaceCase {
  const char* name;
  int layer;
  const char* tensor;
  uint32_t rows, cols;
  size_t groups, heads;
  std::function<Place(uint32_t row, uint32_t col)> place;
};

inline Place in_order(uint32_t row, uint32_t col, uint32_t cols) {
  return {0, size_t{row} * cols + col};
}

// Cells of a side × side grid in square windows after it was rolled up and left by `shift`.
inline Place in_window(uint32_t row, uint32_t col, uint32_t side, uint32_t shift, uint32_t window = 7) {
  const uint32_t y = (row + side - shift) % side, x = (col + side - shift) % side;
  return {y / window * (side / window) + x / window, y % window * window + x % window};
}

// Tokens at the same place of their 2 × 2 patch form a group (Mehta & Rastegari 2021, fig. 4).
inline Place in_patch(uint32_t row, uint32_t col, uint32_t cols) {
  return {row % 2 * 2 + col % 2, row / 2 * (cols / 2) + col / 2};
}

// The attention that cells receive lies where they are.
inline void check_received(const PlaceCase& c) {
  CAPTURE(c.name);
  CAPTURE(c.tensor);
  Loaded m(c.name);
  const auto a = m.reference.values(c.tensor);
  const size_t tokens = m.reference.shape(c.tensor).back();
  fovea::MapRequest request;
  request.layer = c.layer;
  const auto maps = m.maps(request);
  for (size_t image = 0; image < m.images(); ++image) {
    std::vector<float> expected;
    for (uint32_t row = 0; row < c.rows; ++row)
      for (uint32_t col = 0; col < c.cols; ++col) {
        const Place p = c.place(row, col);
        double sum = 0;
        for (size_t h = 0; h < c.heads; ++h)
          for (size_t q = 0; q < tokens; ++q)
            sum += double{a[(((image * c.groups + p.group) * c.heads + h) * tokens + q) * tokens + p.token]};
        expected.push_back(static_cast<float>(sum / static_cast<double>(c.heads * tokens)));
      }
    CHECK(golden::largest_difference(maps[image], expected) <= 1e-5);
  }
}

// A query cell's attention stays in its group.
inline void check_query(const PlaceCase& c) {
  CAPTURE(c.name);
  CAPTURE(c.tensor);
  Loaded m(c.name);
  const auto a = m.reference.values(c.tensor);
  const size_t tokens = m.reference.shape(c.tensor).back(), head = c.heads - 1;
  fovea::MapRequest request;
  request.layer = c.layer;
  request.query = fovea::PatchIndex{c.rows - 2, 1};
  request.fusion = fovea::HeadFusion::single;
  request.head = static_cast<uint32_t>(head);
  const Place from = c.place(c.rows - 2, 1);
  const auto maps = m.maps(request);
  for (size_t image = 0; image < m.images(); ++image) {
    std::vector<float> expected;
    for (uint32_t row = 0; row < c.rows; ++row)
      for (uint32_t col = 0; col < c.cols; ++col) {
        const Place p = c.place(row, col);
        const size_t at =
            (((image * c.groups + p.group) * c.heads + head) * tokens + from.token) * tokens + p.token;
        expected.push_back(p.group == from.group ? a[at] : 0.0F);
      }
    CHECK(golden::largest_difference(maps[image], expected) <= 1e-5);
  }
}

inline void check_places(const std::vector<PlaceCase>& cases) {
  for (const PlaceCase& c : cases) {
    check_received(c);
    check_query(c);
  }
}

}  // namespace golden_maps
