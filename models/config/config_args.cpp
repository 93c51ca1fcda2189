#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

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
