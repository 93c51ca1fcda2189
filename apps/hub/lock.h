// One process at a time: a lock on a file, which the system lets go when the process ends, however it ends.
#pragma once

#include <filesystem>

namespace fovea::apps::hub {

class Lock {
 public:
  // Says once that it waits, and for what, when another process holds it. Throws Error(file) where a file
  // cannot be locked, Interrupted when Ctrl-C ended the waiting.
  Lock(const std::filesystem::path& file, const char* what);
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace fovea::apps::hub
