// One recorded sequence of dispatches and copies, replayed as often as wanted.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/vk/buffer.h"
#include "runtime/vk/device.h"
#include "runtime/vk/timestamps.h"

namespace fovea::gpu {

enum class TexelFormat : uint32_t { f32, f16, u32 };  // of each of the four values

struct BindingRange {
  const Buffer* buffer = nullptr;
  uint64_t offset = 0, bytes = 0;
  BindingKind kind = BindingKind::storage;
  TexelFormat format = TexelFormat::f32;
};

using GroupCount = std::array<uint32_t, 3>;

class Commands {
 public:
  struct Options {
    bool timestamps = false;   // one before the first dispatch of every submission, one after every dispatch
    bool overlapping = false;  // submitted by a Timeline again while earlier runs are under way
  };
  Commands(Device& device, const Options& options);
  ~Commands();
  Commands(Commands&&) noexcept;
  Commands& operator=(Commands&&) noexcept;

  void copy(const Buffer& source, uint64_t source_offset, const Buffer& target, uint64_t target_offset,
            uint64_t bytes);
  void clear(const Buffer& target);                     // to zeros
  void reset(const Timestamps& times);                  // before they are stamped anew
  void stamp(const Timestamps& times, uint32_t index);  // once everything before it is done
  void dispatch(const Pipeline& pipeline, std::span<const BindingRange> bindings,
                std::span<const std::byte> push, const GroupCount& groups);
  void barrier();  // everything before is visible to everything after
  void split();    // ends a submission and begins the next, so that no single one runs for seconds
  void finish();   // nothing may be recorded afterwards

  void submit();
  void wait();  // until everything submitted is done, and the host sees it; so does the destructor
  uint32_t submissions() const;
  // Milliseconds of each dispatch in recorded order, after wait(); empty without timestamps or before a run.
  std::vector<double> dispatch_ms() const;

 private:
  friend class Timeline;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A recorded sequence, or some of the submissions that it was cut into.
struct Sequence {
  Commands* commands = nullptr;
  uint32_t first = 0, count = UINT32_MAX;
};

}  // namespace fovea::gpu
