// Maps of networks without a class token, against their definitions computed in double from the reference
// implementation's softmaxes, gates and features.
#include <algorithm>
#include <functional>
#include <numeric>

#include "models/tasks/forward.h"
#include "tests/models/golden.h"

namespace {

// Where a cell's token is: which of an image's groups, and its number there.
struct Place {
  size_t group, token;
};

struct Case {
  const char* name;
  int layer;
  const char* tensor;
  uint32_t rows, cols;
  size_t groups, heads;
  std::function<Place(uint32_t row, uint32_t col)> place;
};

Place in_order(uint32_t row, uint32_t col, uint32_t cols) {
  return {0, size_t{row} * cols + col};
}

// Cells of a side × side grid in square windows after it was rolled up and left by `shift`.
Place in_window(uint32_t row, uint32_t col, uint32_t side, uint32_t shift, uint32_t window = 7) {
  const uint32_t y = (row + side - shift) % side, x = (col + side - shift) % side;
  return {y / window * (side / window) + x / window, y % window * window + x % window};
}

// Tokens at the same place of their 2 × 2 patch form a group (Mehta & Rastegari 2021, fig. 4).
Place in_patch(uint32_t row, uint32_t col, uint32_t cols) {
  return {row % 2 * 2 + col % 2, row / 2 * (cols / 2) + col / 2};
}

const std::vector<Case> cases{
    {"swin_mini", 0, "attn.0", 14, 14, 4, 2, [](auto r, auto c) { return in_window(r, c, 14, 0); }},
    {"swin_mini", 1, "attn.1", 14, 14, 4, 2, [](auto r, auto c) { return in_window(r, c, 14, 3); }},
    {"swin_mini", -1, "attn.3", 7, 7, 1, 4, [](auto r, auto c) { return in_order(r, c, 7); }},
    {"swinv2_mini", 1, "attn.1", 16, 16, 16, 2, [](auto r, auto c) { return in_window(r, c, 16, 2, 4); }},
    {"tinyvit_mini", 0, "attn.0", 14, 14, 4, 2, [](auto r, auto c) { return in_window(r, c, 14, 0); }},
    {"tinyvit_mini", 3, "attn.3", 4, 4, 1, 4, [](auto r, auto c) { return in_order(r, c, 7); }},
    {"coatnet_mini", 2, "attn.0", 8, 8, 1, 1, [](auto r, auto c) { return in_order(r, c, 8); }},
    {"coatnet_mini", -1, "attn.2", 4, 4, 1, 2, [](auto r, auto c) { return in_order(r, c, 4); }},
    {"mobilevit_xxs", 0, "attn.0", 16, 16, 4, 4, [](auto r, auto c) { return in_patch(r, c, 16); }},
    {"mobilevit_xxs", -1, "attn.8", 4, 4, 4, 4, [](auto r, auto c) { return in_patch(r, c, 4); }},
    {"botnet26t_mini", 0, "attn.0", 8, 8, 1, 4, [](auto r, auto c) { return in_order(r, c, 8); }},
};

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

}  // namespace

TEST_CASE("Received attention lies where its cells are") {
  for (const Case& c : cases) {
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
              sum +=
                  double{a[(((image * c.groups + p.group) * c.heads + h) * tokens + q) * tokens + p.token]};
          expected.push_back(static_cast<float>(sum / static_cast<double>(c.heads * tokens)));
        }
      CHECK(golden::largest_difference(maps[image], expected) <= 1e-5);
    }
  }
}

TEST_CASE("A query cell's attention stays in its group") {
  for (const Case& c : cases) {
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
}

TEST_CASE("PVTv2's reduced keys are resampled to the grid of the queries") {
  Loaded m("pvtv2_mini");
  const auto a = m.reference.values("attn.1");  // [images, 2 heads, 12 × 12 queries, 3 × 3 keys]
  fovea::MapRequest request;
  request.layer = 1;
  const auto maps = m.maps(request);
  for (size_t image = 0; image < m.images(); ++image) {
    std::vector<double> received(9);
    for (size_t h = 0; h < 2; ++h)
      for (size_t q = 0; q < 144; ++q)
        for (size_t k = 0; k < 9; ++k) received[k] += double{a[((image * 2 + h) * 144 + q) * 9 + k]} / 288;
    std::vector<float> expected;
    for (int row = 0; row < 12; ++row)
      for (int col = 0; col < 12; ++col) {
        const double y = std::clamp((row + 0.5) / 4 - 0.5, 0.0, 2.0),
                     x = std::clamp((col + 0.5) / 4 - 0.5, 0.0, 2.0);
        const auto top = static_cast<size_t>(std::min(y, 1.999)),
                   left = static_cast<size_t>(std::min(x, 1.999));
        const double down = y - static_cast<double>(top), across = x - static_cast<double>(left);
        expected.push_back(static_cast<float>(
            (1 - down) * ((1 - across) * received[top * 3 + left] + across * received[top * 3 + left + 1]) +
            down * ((1 - across) * received[top * 3 + 3 + left] + across * received[top * 3 + 4 + left])));
      }
    CHECK(golden::largest_difference(maps[image], expected) <= 1e-5);
  }
}

TEST_CASE("Separable attention's scores are a map already") {
  Loaded m("mobilevitv2_050");
  const auto a = m.reference.values("attn.0");  // [images, 1, 4, 64] of a 16 × 16 grid
  fovea::MapRequest request;
  request.layer = 0;
  const auto maps = m.maps(request);
  for (size_t image = 0; image < m.images(); ++image) {
    std::vector<float> expected;
    for (uint32_t row = 0; row < 16; ++row)
      for (uint32_t col = 0; col < 16; ++col) {
        const Place p = in_patch(row, col, 16);
        expected.push_back(a[(image * 4 + p.group) * 64 + p.token]);
      }
    CHECK(golden::largest_difference(maps[image], expected) <= 1e-5);
  }
}

TEST_CASE("A squeeze-and-excitation map is the gated sum of the block's output") {
  Loaded m("seresnet_mini");
  const auto gate = m.reference.values("gate.7"),
             features = m.reference.values("features");  // [2, 256, 3, 3]
  for (const auto method : {fovea::MapMethod::raw, fovea::MapMethod::energy}) {
    fovea::MapRequest request;
    request.method = method;
    const auto maps = m.maps(request);
    for (size_t image = 0; image < m.images(); ++image) {
      std::vector<float> expected(9);
      for (size_t c = 0; c < 256; ++c)
        for (size_t cell = 0; cell < 9; ++cell)
          expected[cell] += gate[image * 256 + c] * features[(image * 256 + c) * 9 + cell];
      CHECK(golden::largest_difference(maps[image], expected) <= 1e-4 * golden::largest(expected));
    }
  }
}

TEST_CASE("A CBAM map is the spatial gate") {
  Loaded m("cbam_resnet_mini");
  const auto gate = m.reference.values("gate.15");  // [2, 1, 3, 3]
  const auto maps = m.maps({});
  for (size_t image = 0; image < m.images(); ++image)
    CHECK(golden::largest_difference(maps[image],
                                     {gate.begin() + static_cast<std::ptrdiff_t>(image * 9),
                                      gate.begin() + static_cast<std::ptrdiff_t>(image * 9 + 9)}) <= 1e-5);
}

TEST_CASE("Methods that make no sense are refused, naming those that do") {
  const auto refuses = [](const char* name, fovea::MapMethod method, const char* words) {
    Loaded m(name);
    fovea::MapRequest request;
    request.method = method;
    CAPTURE(name);
    CHECK_THROWS_WITH_AS(m.maps(request), doctest::Contains(words), fovea::Error);
  };
  refuses("seresnet_mini", fovea::MapMethod::rollout, "methods that do: raw, energy, cam");
  refuses("swin_mini", fovea::MapMethod::rollout, "methods that do: raw, cam");
  refuses("mobilevit_xxs", fovea::MapMethod::energy, "methods that do: raw, cam");
  refuses("vit_mini", fovea::MapMethod::cam, "methods that do: raw, rollout");
  Loaded m("seresnet_mini");
  fovea::MapRequest request;
  request.query = fovea::PatchIndex{0, 0};
  CHECK_THROWS_WITH_AS(m.maps(request), doctest::Contains("no queries"), fovea::Error);
}
