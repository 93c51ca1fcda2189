// The alphabet of byte-level tokenizers: a printable character for each byte, so that vocabularies are text.
// Bytes that are printable in Latin-1 are themselves, the rest are numbered from U+0100: a space is Ġ.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace fovea::text {

std::string to_characters(std::string_view bytes);
// The bytes of characters that stand for some; nothing where one of them does not.
std::optional<std::string> to_bytes(std::string_view characters);

}  // namespace fovea::text
