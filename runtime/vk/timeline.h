// Sequences submitted one behind another without waiting, each submission with a number to wait for.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

#include "runtime/vk/commands.h"

namespace fovea::gpu {

struct TimelineState;

// For one thread at a time.
class Timeline {
 public:
  explicit Timeline(Device& device);
  ~Timeline();  // waits for everything submitted
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  // Starts finished sequences, in this order, behind everything that the device was given before. A sequence
  // that is still under way from an earlier call must have been made with Commands::Options::overlapping.
  // Returns the submission's number, one more than the last.
  uint64_t submit(std::span<const Sequence> sequences);
  // Waits so long at most.
  bool done(uint64_t number, std::chrono::nanoseconds wait = {}) const;
  void wait(uint64_t number);  // the host then sees what that submission and those before it wrote

 private:
  std::shared_ptr<TimelineState> state_;  // shared with sequences under way, whose owners may outlive this
};

}  // namespace fovea::gpu
