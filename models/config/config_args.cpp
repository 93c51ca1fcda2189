#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>

#include "fovea/error.h"
#include "models/config/config.h"
#include "models/config/text.h"

namespace fovea::io {

using nlohmann::json;

namespace {

[[noreturn]] void fail(const std::filesystem::path& file, std::string_view key, const json& value,
                       const std::string& expected) {
  throw Error(ErrorKind::file,
              fmt::format("[config] {}: {} is {}, not {}", file.string(), key, value_text(value), expected));
}

// nullptr when absent or null.
const json* setting(const json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool in_range(const json& value, uint32_t min, uint32_t max) {
  return value.is_number_unsigned() && value.get<uint64_t>() >= min && value.get<uint64_t>() <= max;
}

}  // namespace

Args::Args() : Args(json::object()) {}

Args::Args(json object) : object_(std::make_shared<const json>(std::move(object))) {}

bool Args::contains(std::string_view key) const {
  return object_->contains(key);
}

bool Args::gives(std::string_view key) const {
  return setting(*object_, key) != nullptr;
}

void check_known_args(const ModelConfig& config, std::initializer_list<std::string_view> known) {
  // These say how a model was trained, or stand for something that every family reads.
  static constexpr std::array<std::string_view, 13> always = {
      "num_classes",     "in_chans",       "img_size",       "global_pool",   "drop_rate",
      "drop_path_rate",  "attn_drop_rate", "proj_drop_rate", "pos_drop_rate", "patch_drop_rate",
      "drop_block_rate", "weight_init",    "zero_init_last"};
  const auto holds = [](const auto& keys, std::string_view key) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  };
  const json& args = config.model_args;
  for (const auto& [key, value] : args.items())
    if (!value.is_null() && !holds(known, key) && !holds(always, key))
      throw Error(ErrorKind::model,
                  fmt::format("[config] {}: model_args has {} = {}, which Fovea does not know of {}",
                              config.file.string(), excerpt(key), value_text(value), config.architecture));
}

uint32_t arg_uint(const json& object, std::string_view key, uint32_t fallback,
                  const std::filesystem::path& file, uint32_t min, uint32_t max) {
  const json* value = setting(object, key);
  if (value == nullptr) return fallback;
  if (!in_range(*value, min, max)) {
    fail(file, key, *value, fmt::format("a whole number from {} to {}", min, max));
  }
  return value->get<uint32_t>();
}

double arg_double(const json& object, std::string_view key, double fallback,
                  const std::filesystem::path& file, double min, double max) {
  const json* value = setting(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_number() || !(value->get<double>() >= min && value->get<double>() <= max)) {
    fail(file, key, *value, fmt::format("a number from {} to {}", min, max));
  }
  return value->get<double>();
}

bool arg_bool(const json& object, std::string_view key, bool fallback, const std::filesystem::path& file) {
  const json* value = setting(object, key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) fail(file, key, *value, "true or false");
  return value->get<bool>();
}

std::string arg_string(const json& object, std::string_view key, std::string_view fallback,
                       const std::filesystem::path& file) {
  const json* value = setting(object, key);
  if (value == nullptr) return std::string(fallback);
  if (!value->is_string()) fail(file, key, *value, "a text");
  return value->get<std::string>();
}

std::array<uint32_t, 2> arg_size(const json& object, std::string_view key, std::array<uint32_t, 2> fallback,
                                 const std::filesystem::path& file, uint32_t min, uint32_t max) {
  const json* value = setting(object, key);
  if (value == nullptr) return fallback;
  if (in_range(*value, min, max)) return {value->get<uint32_t>(), value->get<uint32_t>()};
  if (value->is_array() && value->size() == 2 && in_range((*value)[0], min, max) &&
      in_range((*value)[1], min, max)) {
    return {(*value)[0].get<uint32_t>(), (*value)[1].get<uint32_t>()};
  }
  fail(file, key, *value,
       fmt::format("a size: one whole number or [height, width], each from {} to {}", min, max));
}

CharacterIds character_ids(const json& object, const std::filesystem::path& file) {
  constexpr uint32_t own = 3;
  CharacterIds out;
  const auto id = [&](const char* key, uint32_t fallback) {
    return arg_uint(object, key, fallback, file, 0, own - 1);
  };
  out.start = id("start_id", out.start);
  out.end = id("end_id", out.end);
  out.pad = id("pad_id", out.pad);
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorKind::file, fmt::format("[config] {}: {}", file.string(), what));
  };
  if (setting(object, "vocab_size") == nullptr) refuse("has no vocab_size");
  if (out.start == out.end || out.start == out.pad || out.end == out.pad)
    refuse(fmt::format("start_id {}, end_id {} and pad_id {} must differ", out.start, out.end, out.pad));
  const std::string text = arg_string(object, "characters", "", file);
  std::set<std::string_view> seen;
  for (size_t begin = 0, end = 0; begin < text.size(); begin = end) {
    do ++end;
    while (end < text.size() && (static_cast<uint8_t>(text[end]) & 0xC0) == 0x80);
    out.characters.push_back(text.substr(begin, end - begin));
    if (!seen.insert(std::string_view(text).substr(begin, end - begin)).second)
      refuse(fmt::format("characters has \"{}\" twice", excerpt(out.characters.back())));
  }
  const uint32_t vocabulary = arg_uint(object, "vocab_size", 0, file, own + 1);
  if (out.characters.size() != vocabulary - own)
    refuse(fmt::format("characters has {}, a vocab_size of {} leaves {} behind start, end and pad",
                       out.characters.size(), vocabulary, vocabulary - own));
  return out;
}

std::array<float, 3> arg_rgb(const json& object, std::string_view key, std::array<float, 3> fallback,
                             const std::filesystem::path& file, float min, float max) {
  const json* value = setting(object, key);
  if (value == nullptr) return fallback;
  std::array<float, 3> rgb{};
  bool sound = value->is_array() && value->size() == rgb.size();
  for (size_t i = 0; sound && i < rgb.size(); ++i) {
    const json& channel = (*value)[i];
    sound = channel.is_number() && channel.get<double>() >= min && channel.get<double>() <= max;
    if (sound) rgb[i] = channel.get<float>();
  }
  if (!sound) fail(file, key, *value, fmt::format("three numbers from {} to {}", min, max));
  return rgb;
}

}  // namespace fovea::io
