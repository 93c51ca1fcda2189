// The one place that includes Vulkan; only runtime/vk/*.cpp may include this header.
#pragma once

#define VULKAN_HPP_NO_STRUCT_CONSTRUCTORS
#define VULKAN_HPP_NO_STRUCT_SETTERS
#include <vulkan/vulkan_raii.hpp>

#include "fovea/error.h"

namespace fovea::gpu {

// The typed error for what a driver said; `operation` begins the message.
[[noreturn]] void throw_vulkan_error(const char* operation, const ::vk::SystemError& error);

// Runs `f`, turning what the driver throws into fovea::Error.
template <class F>
auto guarded(const char* operation, F&& f) {
  try {
    return f();
  } catch (const ::vk::SystemError& error) {
    throw_vulkan_error(operation, error);
  }
}

}  // namespace fovea::gpu
