#include "apps/hub/patience.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "apps/util/terminal.h"
#include "fovea/error.h"

namespace fovea::apps::hub {
namespace {

using std::chrono::milliseconds;
constexpr int most_failures = 5, most_waits = 100;
constexpr uint64_t longest_seconds = 120;

void sleep_for(milliseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) {
    if (interrupted()) throw Interrupted{};
    std::this_thread::sleep_for(milliseconds(50));
  }
}

}  // namespace

void Patience::wait(const std::string& reason, std::optional<uint64_t> asked_seconds) {
  if (interrupted()) throw Interrupted{};
  if (asked_seconds && *asked_seconds > longest_seconds)
    throw Error(ErrorKind::file,
                fmt::format("{}, and asks to wait {} s: try again then", reason, *asked_seconds));
  ++failures_;
  ++waits_;
  if (failures_ == most_failures || waits_ == most_waits)
    throw Error(ErrorKind::file, fmt::format("{}; gave up after {} attempts", reason,
                                             waits_ == most_waits ? most_waits : most_failures));
  const milliseconds time =
      asked_seconds ? milliseconds(1000 * *asked_seconds) : milliseconds(250) * (1 << failures_);
  complain(fmt::format("{}; again in {:.1f} s{}", reason, static_cast<double>(time.count()) / 1000,
                       asked_seconds ? ", as the server asks" : ""));
  sleep_for(time);
}

}  // namespace fovea::apps::hub
