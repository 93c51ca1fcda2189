// How often one tries again when a hub or the way to it fails, and how long one waits between.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace fovea::apps::hub {

// Ctrl-C: what was downloaded is kept.
struct Interrupted {};

class Patience {
 public:
  // Says why and how long, and waits: half a second, then twice as long each time, or what the server asked
  // for. Throws Error(file) with the reason when five attempts in a row brought nothing, after a hundred in
  // all, or when the server asks for more than two minutes; Interrupted on Ctrl-C.
  void wait(const std::string& reason, std::optional<uint64_t> asked_seconds = {});
  // Something came: the count begins anew.
  void progress() { failures_ = 0; }

 private:
  int failures_ = 0, waits_ = 0;
};

}  // namespace fovea::apps::hub
