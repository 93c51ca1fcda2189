// Errors: every failure of the library is a fovea::Error with a kind a program can act on
// and one line a person can act on.
#pragma once

#include <stdexcept>
#include <string>

namespace fovea {

enum class ErrorKind {
  usage,        // the caller asked for something that makes no sense
  file,         // a file is missing, unreadable, truncated or malformed
  model,        // the files are sound but describe a model that cannot be built
  no_device,    // no Vulkan device fits
  unsupported,  // the device lacks what the operation needs
  out_of_host_memory,
  out_of_device_memory,
  device_lost,
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace fovea
