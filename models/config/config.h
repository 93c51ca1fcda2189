// What a model folder says about itself: config.json, and preprocessor_config.json where there is one.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fovea::io {

enum class Naming { timm, transformers, system };  // whose parameter names and config keys; system: its own

enum class CropMode {
  center,  // short side to floor(size / crop_pct), centre crop
  squash,  // both sides to floor(size / crop_pct), aspect ratio lost, centre crop
  border,  // long side to floor(size / crop_pct), padded with the mean colour
};
enum class Interpolation { nearest, bilinear, bicubic, lanczos, box, hamming };  // PIL's filters

struct PreprocessConfig {
  using CropMode = io::CropMode;
  using Interpolation = io::Interpolation;

  uint32_t height = 224, width = 224;  // what the model takes, pixels
  double crop_pct = 1.0;               // in (0, 1]
  CropMode crop_mode = CropMode::center;
  Interpolation interpolation = Interpolation::bicubic;
  std::array<float, 3> mean{};  // of pixels scaled to 0..1
  std::array<float, 3> std{1, 1, 1};
};

// The settings of a configuration: a JSON object. Who looks into a value reads the JSON library itself, which
// takes longer to compile than most of what includes this.
class Args {
 public:
  Args();  // none
  explicit Args(nlohmann::json object);
  // Implicit, for arg_uint(config.model_args, …). NOLINTNEXTLINE(google-explicit-constructor)
  operator const nlohmann::json&() const { return *object_; }
  bool contains(std::string_view key) const;
  bool gives(std::string_view key) const;  // contains it, and not as null

 private:
  std::shared_ptr<const nlohmann::json> object_;
};

struct ModelConfig {
  using Naming = io::Naming;

  // timm: architecture; transformers: architectures[0], else model_type; system: the text of that key
  std::string architecture;
  std::string model_type;  // transformers only
  Naming naming = Naming::timm;
  uint32_t num_classes = 0;  // 0 when not given, and for a model without a head
  bool num_classes_given = false;
  Args model_args;                       // timm: model_args; others: the whole config
  std::vector<std::string> label_names;  // named by the files or ImageNet-1k's, else empty
  PreprocessConfig preprocess;
  std::filesystem::path file;  // config.json, for messages

  // Labels for a model whose head turned out to have this many classes: label_names, else ImageNet-1k's for
  // 1000, else none. Throws Error(model) when label_names are of another count.
  std::vector<std::string> labels_for(uint32_t classes) const;
};

// The configuration of a part, the object at `key`: transformers' models that are made of models. Throws
// Error(file) where there is none.
ModelConfig part_of(const ModelConfig& config, const char* key);
// timm's name of an architecture without what says how it was trained: vit_tiny_patch16_224.augreg_in21k and
// vit_tiny_patch16_224_in21k are vit_tiny_patch16_224.
std::string plain_architecture(const ModelConfig& config);
// Whether timm's name of the architecture, so shortened, is one that a pattern spells:
// "resnet{18,34,50}{d,}".
bool is_called(const ModelConfig& config, std::initializer_list<std::string_view> patterns);
bool is_spelt(std::string_view name, std::string_view pattern);

// Reads config.json (and preprocessor_config.json). Throws Error(file) for a missing or malformed file,
// Error(model) for settings that Fovea does not support.
ModelConfig read_config(const std::filesystem::path& folder);
ModelConfig parse_config(std::string_view config_json, std::optional<std::string_view> preprocessor_json,
                         const std::filesystem::path& file);

// Throws Error(model) for a key of model_args that is neither among these nor one that says how a model was
// trained: it may change what the model computes, and nobody reads it.
void check_known_args(const ModelConfig& config, std::initializer_list<std::string_view> known);

// Typed reading of one setting. Absent and null give the fallback; a value of another type or out of range is
// an Error(file) that names file, key and value.
uint32_t arg_uint(const nlohmann::json& object, std::string_view key, uint32_t fallback,
                  const std::filesystem::path& file, uint32_t min = 0, uint32_t max = 1U << 20);
double arg_double(const nlohmann::json& object, std::string_view key, double fallback,
                  const std::filesystem::path& file, double min = -1e6, double max = 1e6);
bool arg_bool(const nlohmann::json& object, std::string_view key, bool fallback,
              const std::filesystem::path& file);
std::string arg_string(const nlohmann::json& object, std::string_view key, std::string_view fallback,
                       const std::filesystem::path& file);
// One number for both, or [height, width].
std::array<uint32_t, 2> arg_size(const nlohmann::json& object, std::string_view key,
                                 std::array<uint32_t, 2> fallback, const std::filesystem::path& file,
                                 uint32_t min = 1, uint32_t max = 1U << 14);
// What a model that writes characters has ids for: three of its own, 0 to 2, and the characters behind them.
struct CharacterIds {
  uint32_t start = 1, end = 2, pad = 0;
  std::vector<std::string> characters;  // UTF-8, each of one code point
};
// From "start_id", "end_id", "pad_id" and "characters", a text. Throws Error(file) for others of those three,
// for no characters, one that is there twice, and another number of them than "vocab_size" leaves.
CharacterIds character_ids(const nlohmann::json& object, const std::filesystem::path& file);
// Three numbers, one a colour channel.
std::array<float, 3> arg_rgb(const nlohmann::json& object, std::string_view key,
                             std::array<float, 3> fallback, const std::filesystem::path& file, float min,
                             float max);

}  // namespace fovea::io
