// What a peer has not taken yet of an answer that is made bit by bit.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "apps/serve/http/http.h"

namespace fovea::apps::serve {

// Who makes the answer is not held up by a peer that reads slowly: what it has no room for waits here.
class Backlog {
 public:
  explicit Backlog(Outlet& outlet) : outlet_(outlet) {}

  // Sends what the peer has room for now.
  void add(std::string_view bytes) {
    waiting_ += bytes;
    while (taken_ < waiting_.size() && outlet_.ready(glance_ms) && send_some()) {
    }
  }
  // Sends the rest, as fast as the peer takes it.
  void finish() {
    while (taken_ < waiting_.size() && send_some()) {
    }
  }

 private:
  static constexpr int glance_ms = 2;
  static constexpr size_t most_at_once = 32 << 10;  // has room where the peer is ready

  bool send_some() {
    const std::string_view part = std::string_view(waiting_).substr(taken_, most_at_once);
    taken_ += part.size();
    return outlet_.send(part);
  }

  Outlet& outlet_;
  std::string waiting_;
  size_t taken_ = 0;
};

}  // namespace fovea::apps::serve
