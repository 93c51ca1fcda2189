// The live pipeline against sessions: whatever is in flight, each frame has its own answer.
#include "fovea/live.h"

#include <algorithm>
#include <deque>

#include "runtime/vk/device.h"
#include "tests/models/golden.h"
#include "tests/reference/yuv.h"

namespace {

using fovea::ImageView;
using fovea::LiveFrame;
using fovea::LiveLayer;
using fovea::LiveView;
using fovea::MapMethod;
using fovea::PixelFormat;

struct Picture {
  Picture(uint32_t w, uint32_t h, uint32_t seed, PixelFormat f = PixelFormat::bgr8, uint32_t padding = 0)
      : width(w), height(h), format(f) {
    row_bytes = view().line_bytes() + padding;
    pixels.resize(row_bytes * view().lines());
    uint32_t state = seed;
    for (uint8_t& v : pixels) v = static_cast<uint8_t>((state = state * 1664525U + 1013904223U) >> 24);
  }
  ImageView view() const { return {pixels.data(), width, height, row_bytes, format}; }
  std::vector<uint8_t> pixels;
  uint32_t width, height;
  size_t row_bytes = 0;
  PixelFormat format;
};

fovea::Model model_of(const std::string& name) {
  static const auto device = fovea::Device::open();
  return fovea::Model::load(device, golden::folder(name), {fovea::Precision::fp32, 0, 0});
}

LiveLayer layer_of(MapMethod method, int layer = -1) {
  LiveLayer out;
  out.map.method = method;
  out.map.layer = layer;
  return out;
}

// What a session says of a frame, drawn the long way.
class Expected {
 public:
  explicit Expected(const fovea::Model& model) : session_(model, options()) {}

  void check(const LiveFrame& got, const Picture& picture, uint64_t number,
             const std::vector<LiveView>& views) {
    CAPTURE(number);
    CHECK(got.number == number);
    CHECK(got.width == picture.width);
    CHECK(got.height == picture.height);
    const ImageView frame = picture.view();
    const auto answer = session_.classify({&frame, 1}).front();
    REQUIRE(got.topk.size() == answer.topk.size());
    for (size_t i = 0; i < got.topk.size(); ++i) {
      CHECK(got.topk[i].index == answer.topk[i].index);
      CHECK(got.topk[i].logit == answer.topk[i].logit);
      CHECK(got.topk[i].probability == answer.topk[i].probability);
    }
    REQUIRE(got.pictures.size() == views.size());
    for (size_t v = 0; v < views.size(); ++v) {
      CAPTURE(v);
      REQUIRE(got.pictures[v].maps.size() == views[v].layers.size());
      std::vector<uint8_t> bgr;
      ImageView under = frame;
      std::vector<uint8_t> rgb;
      for (size_t i = 0; i < views[v].layers.size(); ++i) {
        const auto map = session_.map(views[v].layers[i].map);
        CHECK(got.pictures[v].maps[i].rows == map.rows);
        CHECK(got.pictures[v].maps[i].cols == map.cols);
        CHECK(got.pictures[v].maps[i].values == map.values);
        rgb = session_.overlay(under, map, views[v].layers[i].look);
        under = {rgb.data(), picture.width, picture.height, size_t{picture.width} * 3, PixelFormat::rgb8};
      }
      if (rgb.empty()) rgb = plain(picture);
      for (size_t i = 0; i + 2 < rgb.size(); i += 3) std::swap(rgb[i], rgb[i + 2]);
      CHECK(got.pictures[v].bgr == rgb);
    }
  }

 private:
  static fovea::SessionOptions options() {
    fovea::SessionOptions o;
    o.attention = true;
    return o;
  }
  static std::vector<uint8_t> plain(const Picture& p) {
    std::vector<uint8_t> rgb;
    for (uint32_t y = 0; y < p.height; ++y)
      for (uint32_t x = 0; x < p.width; ++x)
        for (uint32_t c = 0; c < 3; ++c) {
          const uint8_t* row = p.pixels.data() + y * p.row_bytes;
          rgb.push_back(p.format == PixelFormat::gray8  ? row[x]
                        : p.format == PixelFormat::bgr8 ? row[x * 3 + 2 - c]
                                                        : row[x * 3 + c]);
        }
    return rgb;
  }
  fovea::Session session_;
};

std::vector<LiveView> some_views() {
  LiveView plain, raw, several;
  raw.layers = {layer_of(MapMethod::raw)};
  several.layers = {layer_of(MapMethod::rollout), layer_of(MapMethod::raw), layer_of(MapMethod::raw, 0)};
  several.layers[0].look = {0.7F, fovea::Colormap::viridis, {}};
  several.layers[1].map.query = {1, 2};
  several.layers[1].look.tint = {{250, 40, 10}};
  several.layers[2].map.fusion = fovea::HeadFusion::single;
  several.layers[2].map.head = 1;
  several.layers[2].look = {1.0F, fovea::Colormap::turbo, {{0, 90, 255}}};
  return {raw, plain, several};
}

}  // namespace

TEST_CASE("Live equals a session with any number of frames in flight") {
  const auto model = model_of("vit_mini");
  Expected expected(model);
  const auto views = some_views();
  for (const uint32_t in_flight : {1U, 2U, 3U}) {
    CAPTURE(in_flight);
    fovea::LiveOptions options;
    options.in_flight = in_flight;
    fovea::Live live(model, options);
    live.set_views(views);
    CHECK(live.empty());
    CHECK_FALSE(live.collect());
    std::deque<std::pair<uint64_t, Picture>> waiting;
    for (uint32_t i = 0; i < 7; ++i) {
      const auto format = static_cast<PixelFormat>(i % 3);
      waiting.emplace_back(100 + i, Picture(90, 70, i + 1, format, i % 2 * 5));
      live.submit(waiting.back().second.view(), waiting.back().first);
      std::fill(waiting.back().second.pixels.begin(), waiting.back().second.pixels.end(), uint8_t{0});
      waiting.back().second = Picture(90, 70, i + 1, format, i % 2 * 5);
      if (i == 4 || live.full()) {  // sometimes before the pipeline is full
        const auto got = live.collect();
        REQUIRE(got);
        expected.check(*got, waiting.front().second, waiting.front().first, views);
        waiting.pop_front();
      }
    }
    while (const auto got = live.collect()) {
      expected.check(*got, waiting.front().second, waiting.front().first, views);
      waiting.pop_front();
    }
    CHECK(waiting.empty());
  }
}

TEST_CASE("Sizes and views change between frames in flight, which keep theirs") {
  const auto model = model_of("vit_mini");
  Expected expected(model);
  const auto views = some_views();
  fovea::Live live(model);
  struct Step {
    uint32_t width, height;
    std::vector<LiveView> views;
  };
  const std::vector<Step> steps = {{90, 70, {}},        {90, 70, {views[0]}}, {33, 47, {views[0]}},
                                   {90, 70, views},     {1, 1, views},        {200, 31, {views[2], views[1]}},
                                   {90, 70, views},     {64, 64, {views[1]}}, {65, 64, {views[0]}},
                                   {33, 47, {views[2]}}};
  std::deque<size_t> waiting;
  const auto collect = [&] {
    const Step& step = steps[waiting.front()];
    const auto got = live.collect();
    REQUIRE(got);
    expected.check(*got, Picture(step.width, step.height, static_cast<uint32_t>(waiting.front() + 1)),
                   waiting.front(), step.views);
    waiting.pop_front();
  };
  for (size_t i = 0; i < steps.size(); ++i) {
    if (live.full()) collect();
    live.set_views(steps[i].views);
    live.submit(Picture(steps[i].width, steps[i].height, static_cast<uint32_t>(i + 1)).view(), i);
    waiting.push_back(i);
  }
  while (!waiting.empty()) collect();
}

TEST_CASE("A camera's frame is the picture that it stands for") {
  const auto model = model_of("vit_mini");
  Expected expected(model);
  auto views = some_views();
  fovea::Live live(model);
  live.set_views(views);
  REQUIRE(views[1].layers.empty());
  for (const PixelFormat format : {PixelFormat::nv12, PixelFormat::yuyv})
    for (const uint32_t padding : {0U, 7U}) {
      CAPTURE(static_cast<int>(format));
      CAPTURE(padding);
      const bool planes = format == PixelFormat::nv12;
      const Picture camera(90, planes ? 70 : 71, 9 + padding, format, padding);
      live.submit(camera.view(), 3);
      const auto got = live.collect();
      REQUIRE(got);
      // What was made of it is right, and all else is drawn of that.
      Picture shown(camera.width, camera.height, 0);
      shown.pixels = got->pictures[1].bgr;
      const fovea::test::YuvFrame frame{camera.pixels.data(), camera.row_bytes, camera.height, planes};
      int wrong = 0;
      for (uint32_t y = 0; y < shown.height; ++y)
        for (uint32_t x = 0; x < shown.width; ++x) {
          const auto want = fovea::test::yuv_color(frame, x, y);
          for (uint32_t c = 0; c < 3; ++c)
            if (!fovea::test::rounds_to(want[c], shown.pixels[y * shown.row_bytes + x * 3 + 2 - c])) ++wrong;
        }
      CHECK(wrong == 0);
      expected.check(*got, shown, 3, views);
    }
  // Sizes that leave a pixel without its colour, and rows that overlap.
  const auto refuses = [&](ImageView view, const char* message) {
    CHECK_THROWS_WITH_AS(live.submit(view, 0), doctest::Contains(message), fovea::Error);
  };
  refuses(Picture(90, 71, 1, PixelFormat::nv12).view(), "a nv12 picture of 90 × 71 pixels");
  refuses(Picture(91, 70, 1, PixelFormat::nv12).view(), "both sides must be even");
  refuses(Picture(91, 70, 1, PixelFormat::yuyv).view(), "its width must be even");
  const Picture camera(90, 70, 1, PixelFormat::yuyv);
  const ImageView view = camera.view();
  ImageView narrow = view;
  narrow.row_bytes = 179;
  refuses(narrow, "row_bytes is 179");
  narrow.format = static_cast<PixelFormat>(9);
  refuses(narrow, "no pixel format 9");
  CHECK(live.empty());
  fovea::Session session(model);
  CHECK_THROWS_WITH_AS(session.classify({&view, 1}), doctest::Contains("yuyv pixels are for Live"),
                       fovea::Error);
}

TEST_CASE("Live refuses what makes no sense and keeps its views") {
  const auto model = model_of("vit_mini");
  fovea::LiveOptions options;
  for (const uint32_t n : {0U, 9U}) {
    options.in_flight = n;
    CHECK_THROWS_WITH_AS(fovea::Live(model, options), doctest::Contains("1…8"), fovea::Error);
  }
  options.in_flight = 1;
  fovea::Live live(model, options);
  const std::vector<LiveView> good = {{{layer_of(MapMethod::raw)}}};
  live.set_views(good);
  const auto refuses = [&](const LiveLayer& layer, const char* message) {
    const LiveView view{{layer_of(MapMethod::raw), layer}};
    CHECK_THROWS_WITH_AS(live.set_views({&view, 1}), doctest::Contains(message), fovea::Error);
  };
  refuses(layer_of(MapMethod::raw, 99), "layer 99");
  refuses(layer_of(MapMethod::cam), "makes no sense");
  LiveLayer bad = layer_of(MapMethod::raw);
  bad.smoothing = 1;
  refuses(bad, "smoothing 1: want");
  bad.smoothing = NAN;
  refuses(bad, "smoothing");
  bad = layer_of(MapMethod::raw);
  bad.scale = fovea::MapScale::fixed;
  bad.lowest = bad.highest = 2;
  refuses(bad, "range 2 to 2");
  bad = layer_of(MapMethod::raw);
  bad.look.alpha = 1.5F;
  refuses(bad, "1.5");

  const Picture picture(50, 40, 1);
  CHECK_THROWS_WITH_AS(live.submit({}, 0), doctest::Contains("empty"), fovea::Error);
  ImageView narrow = picture.view();
  narrow.row_bytes = 10;
  CHECK_THROWS_WITH_AS(live.submit(narrow, 0), doctest::Contains("row_bytes is 10"), fovea::Error);
  CHECK(live.empty());
  live.submit(picture.view(), 5);
  CHECK(live.full());
  CHECK_THROWS_WITH_AS(live.submit(picture.view(), 6), doctest::Contains("collect() one first"),
                       fovea::Error);
  const auto got = live.collect();
  REQUIRE(got);
  Expected(model).check(*got, picture, 5, good);
}

TEST_CASE("A live pipeline with frames in flight ends in peace") {
  const auto model = model_of("vit_mini");
  const Picture picture(120, 80, 3);
  for (int i = 0; i < 3; ++i) {
    fovea::Live live(model);
    live.set_views(some_views());
    live.submit(picture.view(), 0);
    live.submit(picture.view(), 1);
    fovea::Live other(std::move(live));
    other.submit(picture.view(), 2);
    if (i == 1) {
      other = fovea::Live(model);
      CHECK(other.empty());
    }
  }
}

TEST_CASE("A pixel's patch is a session's") {
  const auto model = model_of("vit_mini");
  const fovea::Live live(model);
  const fovea::Session session(model);
  CHECK(live.patch_at(142, 71, 39 + 17, 4 + 63) == session.patch_at(142, 71, 39 + 17, 4 + 63));
  CHECK(live.visible_region(142, 71).x == session.visible_region(142, 71).x);
  CHECK_THROWS_AS(live.patch_at(142, 71, 38, 30), fovea::Error);
}
