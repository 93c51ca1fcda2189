// Points in time on the device, between sequences.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace fovea::gpu {

class Device;

// Written by Commands::stamp(). Not to be read while a sequence that writes them is under way.
class Timestamps {
 public:
  Timestamps(Device& device, uint32_t count);
  ~Timestamps();
  Timestamps(const Timestamps&) = delete;
  Timestamps& operator=(const Timestamps&) = delete;

  // Milliseconds from each to the next after a run, without waiting; all zero where the device has none.
  std::vector<double> ms() const;

  struct Handles;
  const Handles* handles() const { return handles_.get(); }  // nullptr where the device has none

 private:
  Device& device_;
  uint32_t count_;
  std::unique_ptr<Handles> handles_;
};

}  // namespace fovea::gpu
