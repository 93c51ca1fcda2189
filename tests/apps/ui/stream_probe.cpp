// Watches a stream whose frames carry the time they were made at, with three viewers: one takes every
// picture, one looks twice a second, one keeps changing its view, freezing and leaving. Once a second a line
// of JSON on stdout says what was seen. tools/stream_soak.py is the other side.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <opencv2/core.hpp>
#include <optional>
#include <vector>

#include "apps/ui/capture.h"
#include "apps/ui/engine.h"
#include "apps/util/codec_messages.h"

namespace fovea::apps {
namespace {

using std::chrono::milliseconds;

constexpr int block = 16, columns = 20, bytes = 5;

// Five bytes of milliseconds and their sum, a bit a block, 20 in a row; nothing where the sum is wrong.
std::optional<uint64_t> stamp_of(const cv::Mat& frame) {
  if (frame.cols < block * columns || frame.rows < block * 3) return {};
  const auto byte = [&](int index) {
    unsigned value = 0;
    for (int bit = index * 8; bit < index * 8 + 8; ++bit) {
      const cv::Rect inner(bit % columns * block + 4, bit / columns * block + 4, block - 8, block - 8);
      value = value << 1 | (cv::mean(frame(inner))[1] > 127 ? 1U : 0U);
    }
    return value;
  };
  uint64_t stamp = 0;
  unsigned sum = 0;
  for (int i = 0; i < bytes; ++i) {
    stamp = stamp << 8 | byte(i);
    sum += byte(i);
  }
  if (byte(bytes) != (sum & 0xff)) return {};
  return stamp;
}

uint64_t now_ms() {
  return static_cast<uint64_t>(
      std::chrono::duration_cast<milliseconds>(Clock::now().time_since_epoch()).count());
}

uint64_t resident_kib() {
  std::ifstream file("/proc/self/statm");
  uint64_t all = 0, resident = 0;
  file >> all >> resident;
  return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

struct Watcher {
  ViewerId id = 0;
  uint64_t sequence = 0, stamp = 0, number = 0;
  size_t pictures = 0, backwards = 0, unreadable = 0, errors = 0;
  std::vector<double> latencies;

  void look(Engine& engine, milliseconds wait) {
    const auto shown = engine.newer(id, sequence, wait);
    if (!shown) return;
    ++pictures;
    if (shown->sequence <= sequence || shown->frame_number < number) ++backwards;
    sequence = shown->sequence;
    number = shown->frame_number;
    if (!shown->error.empty()) ++errors;
    const auto seen = stamp_of(shown->frame);
    if (!seen) {
      ++unreadable;
      return;
    }
    if (*seen < stamp) ++backwards;
    stamp = *seen;
    latencies.push_back(static_cast<double>(now_ms()) - static_cast<double>(*seen));
  }
};

double at_part(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, static_cast<size_t>(part * static_cast<double>(values.size())))];
}

int watch(const std::string& url, const std::string& folder, int seconds) {
  const Model model = Model::load(Device::open(), folder, {});
  Engine engine(model, open_feed(url, kind_of_source(url)));
  Watcher every, slow, restless;
  for (Watcher* watcher : {&every, &slow, &restless}) watcher->id = engine.join(View{});
  View view;
  const auto start = Clock::now();
  auto due = start + milliseconds(1000), slow_due = start;
  for (int second = 0; second < seconds;) {
    every.look(engine, milliseconds(100));
    if (Clock::now() >= slow_due) {
      slow.look(engine, milliseconds(0));
      slow_due += milliseconds(500);
    }
    restless.look(engine, milliseconds(0));
    if (Clock::now() < due) continue;
    due += milliseconds(1000);
    ++second;
    view.map.layer = second % 3;
    view.pins.clear();
    if (second % 2 == 1) view.pins = {{80.0 + second % 6 * 30, 100}};
    engine.show(restless.id, view);
    engine.freeze(restless.id, second % 5 == 4);
    if (second % 20 == 19) {
      engine.leave(restless.id);
      restless.id = engine.join(view);
    }
    const EngineStatus status = engine.status();
    const nlohmann::json line = {{"second", second},
                                 {"pictures", every.pictures},
                                 {"slow_pictures", slow.pictures},
                                 {"restless_pictures", restless.pictures},
                                 {"fps", status.fps},
                                 {"dropped", status.dropped},
                                 {"waiting", status.waiting},
                                 {"stamp", every.stamp},
                                 {"latency_median", at_part(every.latencies, 0.5)},
                                 {"latency_most", at_part(every.latencies, 1)},
                                 {"backwards", every.backwards + slow.backwards + restless.backwards},
                                 {"unreadable", every.unreadable},
                                 {"errors", every.errors + slow.errors + restless.errors},
                                 {"resident_kib", resident_kib()}};
    every.latencies.clear();
    slow.latencies.clear();
    restless.latencies.clear();
    std::cout << line.dump() << std::endl;
  }
  return 0;
}

}  // namespace
}  // namespace fovea::apps

int main(int count, char** arguments) {
  fovea::apps::CodecMessages::install();
  if (count != 4) {
    std::fputs("usage: stream_probe URL MODEL SECONDS\n", stderr);
    return 2;
  }
  try {
    return fovea::apps::watch(arguments[1], arguments[2], std::atoi(arguments[3]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "stream_probe: %s\n", error.what());
    return 1;
  }
}
