// What people type: numbers, sizes and words.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace fovea::apps {

// "384" or "384x512" (height x width). Throws Error(usage).
std::pair<uint32_t, uint32_t> parse_size(const std::string& text);

// ASCII letters alone.
std::string lower_case(std::string text);

// What was typed is no good: throws Error(usage).
[[noreturn]] void wrong(const std::string& message);

// A whole non-negative number and nothing else.
bool parse_number(std::string_view text, uint32_t& value);

}  // namespace fovea::apps
