// The engine on a source that the test feeds by hand.
#include "apps/ui/engine.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <opencv2/core.hpp>
#include <thread>

#include "fovea/error.h"

namespace fovea::apps {
namespace {

using namespace std::chrono_literals;
constexpr auto long_enough = 60s;  // never waited for where all is well

const Model& small_model() {
  static const Model model = Model::load(Device::open(), FOVEA_SOURCE_DIR "/tests/golden/vit_mini", {});
  return model;
}

// Grey, and so told apart by its first pixel.
cv::Mat frame_of(int value, cv::Size size = {80, 64}) {
  return {size, CV_8UC3, cv::Scalar::all(value)};
}

int value_of(const Shown& shown) {
  return shown.frame.at<cv::Vec3b>(0, 0)[0];
}

class HandFeed : public FrameFeed {
 public:
  using FrameFeed::FrameFeed;
  ~HandFeed() override { stop(); }
  using FrameFeed::end;
  using FrameFeed::put;
  using FrameFeed::say;
};

struct Fixture {
  explicit Fixture(FrameFeed::Order order = FrameFeed::Order::newest) {
    auto owned = std::make_unique<HandFeed>(order);
    feed = owned.get();
    engine = std::make_unique<Engine>(small_model(), std::move(owned));
  }
  std::shared_ptr<const Shown> wait(ViewerId id, uint64_t after) {
    std::shared_ptr<const Shown> shown =
        engine->newer(id, after, std::chrono::duration_cast<std::chrono::milliseconds>(long_enough));
    REQUIRE(shown);
    return shown;
  }
  HandFeed* feed = nullptr;
  std::unique_ptr<Engine> engine;
};

View with_layer(int layer) {
  View view;
  view.map.layer = layer;
  return view;
}

}  // namespace

TEST_CASE("a viewer gets a picture, its map and the classes") {
  Fixture f;
  const ViewerId id = f.engine->join(View{});
  CHECK(f.engine->newer(id, 0, 1ms) == nullptr);
  f.feed->put(frame_of(7));
  const auto shown = f.wait(id, 0);
  CHECK(value_of(*shown) == 7);
  CHECK(shown->error.empty());
  CHECK(shown->frame_number == 0);
  CHECK(shown->picture.size() == shown->frame.size());
  CHECK(cv::norm(shown->picture, shown->frame, cv::NORM_INF) > 0);
  REQUIRE(shown->maps.size() == 1);
  CHECK(shown->maps.front().rows == 4);
  CHECK(shown->topk.size() == 5);
  CHECK(shown->latency_ms > 0);
  CHECK(shown->visible.height > 0);
  CHECK(shown->view.map.layer == 2);  // -1 was understood
  CHECK(f.engine->newer(id, shown->sequence, 1ms) == nullptr);
}

TEST_CASE("of a live source the newest frame wins, and the others are counted") {
  Fixture f;
  // Nobody looks, so nothing is taken.
  for (int i = 0; i < 10; ++i) f.feed->put(frame_of(i));
  CHECK(f.engine->status().dropped == 9);
  const ViewerId id = f.engine->join(View{});
  const auto shown = f.wait(id, 0);
  CHECK(value_of(*shown) == 9);
  CHECK(shown->frame_number == 9);
}

TEST_CASE("of a file every frame is drawn, in order, and the reader waits") {
  Fixture f(FrameFeed::Order::all);
  std::atomic<int> put = 0;
  std::thread reader([&] {
    while (put < 40 && f.feed->put(frame_of(put))) ++put;
    f.feed->end("the end");
  });
  std::this_thread::sleep_for(50ms);
  CHECK(put <= 4);  // nobody looks
  const ViewerId id = f.engine->join(View{});
  uint64_t seen = 0, number = 0;
  for (;;) {
    const auto shown = f.engine->newer(id, seen, 500ms);
    if (!shown) {
      if (f.engine->status().ended && f.engine->status().frames == 40) break;
      continue;
    }
    seen = shown->sequence;
    CHECK(shown->frame_number >= number);
    CHECK(value_of(*shown) == static_cast<int>(shown->frame_number));
    number = shown->frame_number;
  }
  reader.join();
  CHECK(number == 39);
  CHECK(f.engine->status().dropped == 0);
  CHECK(f.engine->status().note == "the end");
  // The last frame can still be looked at in another way.
  f.engine->show(id, with_layer(0));
  const auto again = f.wait(id, seen);
  CHECK(again->frame_number == 39);
  CHECK(again->view.map.layer == 0);
  // And by somebody who comes late.
  CHECK(f.wait(f.engine->join(View{}), 0)->frame_number == 39);
}

TEST_CASE("a frozen viewer keeps its frame and can look at it in another way; others go on") {
  Fixture f;
  const ViewerId frozen = f.engine->join(View{}), other = f.engine->join(View{});
  f.feed->put(frame_of(1));
  const auto first = f.wait(frozen, 0);
  f.wait(other, 0);
  f.engine->freeze(frozen, true);
  f.feed->put(frame_of(2));
  const auto second = f.wait(other, first->sequence);
  CHECK(value_of(*second) == 2);
  CHECK(f.engine->newer(frozen, first->sequence, 200ms) == nullptr);
  f.engine->show(frozen, with_layer(0));
  const auto redrawn = f.wait(frozen, first->sequence);
  CHECK(value_of(*redrawn) == 1);
  CHECK(redrawn->frame_number == first->frame_number);
  CHECK(redrawn->view.map.layer == 0);
  CHECK(redrawn->maps.front().values != first->maps.front().values);
  f.engine->freeze(frozen, false);
  f.feed->put(frame_of(3));
  CHECK(value_of(*f.wait(frozen, redrawn->sequence)) == 3);
}

TEST_CASE("who freezes while a frame is on its way keeps the one before, and has that redrawn") {
  Fixture f;
  const ViewerId frozen = f.engine->join(View{}), other = f.engine->join(View{});
  f.feed->put(frame_of(0));
  f.wait(frozen, 0);
  auto theirs = f.wait(other, 0);
  int layer = 2;
  for (int i = 1; i <= 24; ++i) {
    CAPTURE(i);
    f.feed->put(frame_of(i));
    // Now before the frame is taken, now while it is drawn, now after.
    std::this_thread::sleep_for(std::chrono::microseconds(i % 8 * 300));
    if (i % 3 == 0) f.engine->show(frozen, with_layer(layer = (layer + 1) % 3));
    f.engine->freeze(frozen, true);
    const uint64_t kept = f.wait(frozen, 0)->frame_number;
    while (theirs->frame_number < static_cast<uint64_t>(i)) theirs = f.wait(other, theirs->sequence);
    auto mine = f.wait(frozen, 0);
    while (mine->view.map.layer != layer) mine = f.wait(frozen, mine->sequence);
    CHECK(mine->frame_number == kept);
    f.engine->freeze(frozen, false);
  }
}

TEST_CASE("a view changed while no frame comes is drawn on the last one") {
  Fixture f;
  const ViewerId id = f.engine->join(View{});
  f.feed->put(frame_of(5));
  const auto first = f.wait(id, 0);
  f.feed->say(true, "gone");
  CHECK(f.engine->status().waiting);
  f.engine->show(id, with_layer(1));
  const auto again = f.wait(id, first->sequence);
  CHECK(again->view.map.layer == 1);
  CHECK(again->frame_number == first->frame_number);
}

TEST_CASE("equal views share one picture") {
  Fixture f;
  const ViewerId a = f.engine->join(View{}), b = f.engine->join(View{}), c = f.engine->join(with_layer(0));
  f.feed->put(frame_of(5));
  const auto shown = f.wait(a, 0);
  CHECK(shown == f.wait(b, 0));
  CHECK(shown != f.wait(c, 0));
}

TEST_CASE("what is wrong with one view stays with its viewer") {
  Fixture f;
  CHECK_THROWS_WITH_AS(f.engine->join(with_layer(17)),
                       "[map] layer 17: vit_tiny_patch16_224 has layers 0 to 2", Error);
  const ViewerId good = f.engine->join(View{}), bad = f.engine->join(View{});
  // Left and right of the middle square the model sees nothing.
  View outside;
  outside.pins = {{1, 30}};
  f.engine->show(bad, outside);
  for (int i = 1; i < 4; ++i) {
    f.feed->put(frame_of(i, {200, 64}));
    const auto fine = f.wait(good, i == 1 ? 0 : static_cast<uint64_t>(2 * i - 2));
    CHECK(fine->error.empty());
    CHECK(fine->maps.size() == 1);
    const auto told = f.wait(bad, 0);
    CHECK_FALSE(told->error.empty());
    CHECK(cv::norm(told->picture, told->frame, cv::NORM_INF) == 0);
  }
  f.engine->show(bad, View{});
  f.feed->put(frame_of(9, {200, 64}));
  const auto last = f.wait(good, 6);
  const auto healed = f.wait(bad, 6);
  CHECK(healed->error.empty());
  CHECK(last->error.empty());
}

TEST_CASE("a source may change the size of its frames") {
  Fixture f;
  const ViewerId id = f.engine->join(View{});
  uint64_t seen = 0;
  for (const cv::Size size : {cv::Size(80, 64), cv::Size(33, 71), cv::Size(200, 120), cv::Size(80, 64)}) {
    f.feed->put(frame_of(50, size));
    const auto shown = f.wait(id, seen);
    CHECK(shown->error.empty());
    CHECK(shown->picture.size() == size);
    seen = shown->sequence;
  }
}

TEST_CASE("sheets have a tile for each layer or head") {
  Fixture f;
  View heads;
  heads.spread = Spread::heads;
  heads.side_by_side = true;
  const ViewerId id = f.engine->join(heads);
  f.feed->put(frame_of(50));
  const auto shown = f.wait(id, 0);
  CHECK(shown->error.empty());
  CHECK(shown->maps.size() == 3);
  CHECK(shown->picture.cols == 2 * 320);
}

TEST_CASE("several pins are several maps") {
  Fixture f;
  View pins;
  pins.pins = {{20, 20}, {60, 50}};
  pins.hover = {{40, 30}};
  const ViewerId id = f.engine->join(pins);
  f.feed->put(frame_of(50));
  const auto shown = f.wait(id, 0);
  CHECK(shown->error.empty());
  CHECK(shown->maps.size() == 3);
}

TEST_CASE("leaving while waiting, and ending while busy") {
  Fixture f;
  const ViewerId id = f.engine->join(View{}), other = f.engine->join(View{});
  auto waiting = std::async(std::launch::async, [&] { return f.engine->newer(id, 0, 60s); });
  std::this_thread::sleep_for(20ms);
  f.engine->leave(id);
  CHECK(waiting.wait_for(10s) == std::future_status::ready);
  CHECK(waiting.get() == nullptr);
  CHECK_THROWS_AS(f.engine->newer(id, 0, 1ms), Error);
  CHECK_THROWS_AS(f.engine->show(id, View{}), Error);
  f.engine->leave(id);  // twice does no harm

  std::atomic<bool> stop = false;
  std::thread source([&] {
    for (int i = 0; !stop; ++i) f.feed->put(frame_of(i % 200));
  });
  f.wait(other, 0);
  stop = true;
  source.join();
  f.engine.reset();
}

TEST_CASE("frames can be pushed where the source is pushed to, and there alone") {
  Engine pushed(small_model(), std::make_unique<PushFeed>());
  const ViewerId id = pushed.join(View{});
  pushed.push(frame_of(3));
  const auto shown = pushed.newer(id, 0, 60s);
  REQUIRE(shown);
  CHECK(value_of(*shown) == 3);
  CHECK_THROWS_AS(pushed.push(cv::Mat()), Error);
  CHECK_THROWS_AS(pushed.push(cv::Mat(4, 4, CV_8UC1)), Error);
  Fixture f;
  CHECK_THROWS_AS(f.engine->push(frame_of(3)), Error);
}

}  // namespace fovea::apps
