// The library's edge: only a fovea::Error leaves it.
#pragma once

#include <new>
#include <stdexcept>
#include <string>

#include "fovea/error.h"

namespace fovea {

// Runs `f`, turning the host's lack of memory into an Error that begins with the operation.
template <class F>
auto at_boundary(const char* operation, F&& f) {
  const auto no_memory = [&] {
    return Error(
        ErrorKind::out_of_host_memory,
        std::string("[") + operation + "] the host is out of memory: use a smaller batch or picture");
  };
  try {
    return f();
  } catch (const std::bad_alloc&) {
    throw no_memory();
  } catch (const std::length_error&) {
    throw no_memory();
  }
}

}  // namespace fovea
