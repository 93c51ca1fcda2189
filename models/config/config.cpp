#include "models/config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <system_error>

#include "fovea/error.h"
#include "models/config/imagenet.h"
#include "models/config/json.h"
#include "models/config/preprocess_config.h"
#include "models/config/text.h"

namespace fovea::io {

using nlohmann::json;
using std::filesystem::path;

namespace {

constexpr uint32_t max_classes = 1U << 20;
constexpr uintmax_t max_file_bytes = 16U << 20;  // label lists of 20 000 classes are about 2 MB
constexpr int max_depth = 32;
constexpr size_t max_name = 256;  // bytes of an architecture's name, which messages quote

[[noreturn]] void fail(const path& file, const std::string& what) {
  throw Error(ErrorKind::file, fmt::format("[config] {}: {}", file.string(), what));
}

std::string read_config_text(const path& file) {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) {
    fail(file, "does not exist; a model folder holds config.json and model.safetensors");
  }
  return read_text(file, "[config]", max_file_bytes);
}

json parse_object(std::string_view text, const path& file) {
  if (text.empty()) fail(file, "is empty (0 bytes)");
  json object =
      parse_json(text, fmt::format("[config] {}", file.string()), max_depth, DuplicateKeys::last_wins);
  if (!object.is_object()) fail(file, fmt::format("is {}, not a JSON object", value_text(object)));
  return object;
}

// The object under `key`, an empty one when the config is silent.
json object_at(const json& config, const char* key, const path& file) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return json::object();
  if (!found->is_object()) fail(file, fmt::format("{} is {}, not an object", key, value_text(*found)));
  return *found;
}

std::string label_text(const json& label, const char* key, const path& file) {
  if (label.is_string()) return label.get<std::string>();
  if (label.is_number()) return label.dump();
  fail(file, fmt::format("{} holds {}, not a text", key, value_text(label)));
}

std::string class_name(size_t index) {
  return fmt::format("class {}", index);
}

// A list, or an object of index -> name that may leave gaps.
std::vector<std::string> read_labels(const json& config, const char* key, const path& file) {
  const auto found = config.find(key);
  if (found == config.end() || found->is_null()) return {};
  std::vector<std::string> labels;
  if (found->is_array()) {
    for (const json& label : *found) labels.push_back(label_text(label, key, file));
    return labels;
  }
  if (!found->is_object()) fail(file, fmt::format("{} is {}, not a list of names", key, value_text(*found)));
  std::map<uint32_t, std::string> by_index;
  for (const auto& [text, label] : found->items()) {
    uint32_t index = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
    if (error != std::errc() || end != text.data() + text.size() || index >= max_classes) {
      fail(file, fmt::format("{} has the key \"{}\", not a class index", key, excerpt(text)));
    }
    by_index[index] = label_text(label, key, file);
  }
  if (!by_index.empty()) {
    for (size_t i = 0; i <= by_index.rbegin()->first; ++i) labels.push_back(class_name(i));
  }
  for (auto& [index, label] : by_index) labels[index] = std::move(label);
  return labels;
}

void set_classes(ModelConfig& config, const json& object, const path& file) {
  const auto found = object.find("num_classes");
  if (found == object.end() || found->is_null()) return;
  config.num_classes = arg_uint(object, "num_classes", 0, file, 0, max_classes);
  config.num_classes_given = true;
}

void read_timm(ModelConfig& config, const json& object) {
  config.naming = Naming::timm;
  config.architecture = arg_string(object, "architecture", "", config.file);
  json args = object_at(object, "model_args", config.file);
  // Old configs hold the fields of pretrained_cfg at the top.
  const json settings =
      object.contains("pretrained_cfg") ? object_at(object, "pretrained_cfg", config.file) : object;
  set_classes(config, settings, config.file);
  set_classes(config, object, config.file);
  set_classes(config, args, config.file);
  // Written from the model itself, so it holds where model_args leave it to the architecture's default.
  if (object.contains("global_pool") && !args.contains("global_pool")) {
    args["global_pool"] = object["global_pool"];
  }
  config.preprocess = timm_preprocess(settings, args, config.file);
  config.model_args = Args(std::move(args));
  config.label_names = read_labels(object, "label_names", config.file);
  if (config.label_names.empty()) config.label_names = read_labels(settings, "label_names", config.file);
}

// What transformers writes when nobody named the classes.
bool are_placeholders(const std::vector<std::string>& labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != fmt::format("LABEL_{}", i)) return false;
  }
  return true;
}

// What says how large pictures are, in a model that is made of models.
const json& picture_part(const json& object) {
  for (const char* part : {"encoder", "vision_config"})
    if (object.contains(part) && object[part].is_object()) return object[part];
  return object;
}

void read_transformers(ModelConfig& config, const json& object, const json& preprocessor) {
  config.naming = Naming::transformers;
  config.model_type = arg_string(object, "model_type", "", config.file);
  config.architecture = config.model_type;
  const auto architectures = object.find("architectures");
  if (architectures != object.end() && architectures->is_array() && !architectures->empty() &&
      architectures->front().is_string()) {
    config.architecture = architectures->front().get<std::string>();
  }
  config.label_names = read_labels(object, "id2label", config.file);
  config.num_classes = static_cast<uint32_t>(config.label_names.size());
  config.num_classes_given = !config.label_names.empty();
  if (!config.num_classes_given && object.contains("num_labels")) {
    config.num_classes = arg_uint(object, "num_labels", 0, config.file, 0, max_classes);
    config.num_classes_given = true;
  }
  // "ViTModel" is the bare encoder, whatever labels the config carries along.
  if (config.architecture.ends_with("Model")) {
    config.num_classes = 0;
    config.num_classes_given = true;
  }
  if (are_placeholders(config.label_names)) config.label_names.clear();
  config.preprocess = transformers_preprocess(picture_part(object), preprocessor, config.file,
                                              config.file.parent_path() / "preprocessor_config.json");
  config.model_args = Args(object);
}

// A system of layers that is no library's architecture: "system" names it, all other keys are its own.
void read_system(ModelConfig& config, const json& object) {
  config.naming = Naming::system;
  config.architecture = arg_string(object, "system", "", config.file);
  config.model_args = Args(object);
  config.preprocess = system_preprocess(object, config.file);
  set_classes(config, object, config.file);
  config.label_names = read_labels(object, "label_names", config.file);
}

}  // namespace

ModelConfig part_of(const ModelConfig& config, const char* key) {
  const json& args = config.model_args;
  const auto found = args.find(key);
  if (found == args.end() || !found->is_object())
    fail(config.file, fmt::format("has no object `{}`, the configuration of a {} that is a part", key, key));
  ModelConfig out = config;
  out.model_args = Args(*found);
  out.model_type = arg_string(out.model_args, "model_type", "", config.file);
  out.architecture = out.model_type;
  out.num_classes = 0;
  out.num_classes_given = true;
  out.label_names.clear();
  return out;
}

std::vector<std::string> ModelConfig::labels_for(uint32_t classes) const {
  if (classes == 0) return {};
  if (!label_names.empty()) {
    if (label_names.size() != classes) {
      throw Error(ErrorKind::model, fmt::format("[config] {}: names {} labels, the model has {} classes",
                                                file.string(), label_names.size(), classes));
    }
    return label_names;
  }
  const auto imagenet = imagenet_labels();
  if (classes != imagenet.size()) return {};
  return {imagenet.begin(), imagenet.end()};
}

ModelConfig parse_config(std::string_view config_json, std::optional<std::string_view> preprocessor_json,
                         const path& file) {
  ModelConfig config;
  config.file = file;
  const json object = parse_object(config_json, file);
  const auto says = [&](const char* key) { return object.contains(key) && !object[key].is_null(); };
  if (says("architecture")) {
    read_timm(config, object);
  } else if (says("model_type")) {
    const json preprocessor =
        preprocessor_json ? parse_object(*preprocessor_json, file.parent_path() / "preprocessor_config.json")
                          : json::object();
    read_transformers(config, object, preprocessor);
  } else if (says("system")) {
    read_system(config, object);
  } else {
    fail(file, "names neither an architecture (timm) nor a model_type (transformers) nor a system");
  }
  for (const std::string& name : {config.architecture, config.model_type})
    if (name.size() > max_name)
      fail(file, fmt::format("names an architecture in {} bytes, not in at most {}", name.size(), max_name));
  if (config.num_classes_given) config.label_names = config.labels_for(config.num_classes);
  return config;
}

ModelConfig read_config(const path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    fail(folder, "is not a folder; a model folder holds config.json and model.safetensors");
  }
  const std::string config = read_config_text(folder / "config.json");
  const path preprocessor_file = folder / "preprocessor_config.json";
  if (!std::filesystem::exists(preprocessor_file, error)) {
    return parse_config(config, std::nullopt, folder / "config.json");
  }
  const std::string preprocessor = read_config_text(preprocessor_file);
  return parse_config(config, preprocessor, folder / "config.json");
}

}  // namespace fovea::io
