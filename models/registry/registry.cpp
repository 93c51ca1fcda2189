#include "models/registry/registry.h"

#include <fmt/format.h>

#include <map>
#include <string>
#include <utility>

#include "core/boundary.h"
#include "fovea/error.h"
#include "maps/methods.h"
#include "models/registry/refusal.h"
#include "models/weights/shards.h"

namespace fovea {

std::vector<std::string> known_architectures() {
  std::vector<std::string> out;
  for (const Family& family : families()) out.push_back(fmt::format("{} ({})", family.name, family.examples));
  return out;
}

const char* to_string(Precision precision) {
  switch (precision) {
    case Precision::automatic:
      return "auto";
    case Precision::fp32:
      return "fp32";
    case Precision::fp16:
      break;
  }
  return "fp16";
}

namespace {

DType storage_for(const Device& device, Precision precision) {
  const DeviceInfo& info = device.info();
  if (precision == Precision::fp16 && !info.fp16_storage)
    throw Error(ErrorKind::unsupported,
                fmt::format("[load] {} cannot store fp16: use fp32 storage", info.name));
  const bool half = precision == Precision::fp16 ||
                    (precision == Precision::automatic && info.fp16_storage && info.type != DeviceType::cpu);
  return half ? DType::f16 : DType::f32;
}

}  // namespace

const Family* family_of(const io::ModelConfig& config) {
  for (const Family& family : families())
    if (family.matches(config)) return &family;
  return nullptr;
}

namespace {

const Family& demand_family(const io::ModelConfig& config) {
  const Family* family = family_of(config);
  const std::string refusal = refusal_of(config);
  if (refusal.empty()) return *family;
  std::string known;
  if (family == nullptr)
    for (const std::string& name : known_architectures())
      known += (known.empty() ? "; it has " : "; ") + name;
  throw Error(ErrorKind::model, fmt::format("[load] {} {}{}", config.file.string(), refusal, known));
}

// What a forward pass offers to its tap is the description of the model's attention.
void describe_attention(LoadedModel& model) {
  const AttentionTap tap = model.rehearse();
  std::vector<AttentionLayer> layers;
  std::map<std::string, uint32_t> counts;  // of each name, in running order
  for (const AttentionRecord& record : tap.layers) {
    AttentionLayer layer = record.layer;
    const bool gate = layer.kind == AttentionKind::channel_gate || layer.kind == AttentionKind::spatial_gate;
    const bool pool = layer.kind == AttentionKind::attention_pool;
    const std::string name = !layer.tensor.empty() ? layer.tensor
                             : gate                ? "gate"
                             : pool                ? "pool_attn"
                                                   : "attn";
    layer.tensor = fmt::format("{}.{}", name, counts[name]++);
    layers.push_back(layer);
  }
  model.set_maps(std::move(layers), maps::methods_of(tap), tap.head);
}

std::shared_ptr<LoadedModel> load_model(const Device& device, const io::ModelConfig& config,
                                        const Family& family, io::WeightFile weights,
                                        const ModelOptions& options) {
  const io::Weights root = weights.root();
  auto model = family.load({device, storage_for(device, options.precision), config, root, options});
  weights.check_all_used();
  model->finish(weights.parameters());
  describe_attention(*model);
  return model;
}

const io::NameTable* names_for(const io::ModelConfig& config, const Family& family) {
  return config.naming == io::Naming::timm ? nullptr : family.names;
}

// A system may consist of nothing that is learned; one that has weights demands them by name.
io::WeightFile open_weights(const std::filesystem::path& folder, const io::ModelConfig& config,
                            const Family& family) {
  std::error_code ignored;
  if (config.naming == io::Naming::system)
    for (const std::filesystem::path& file : io::weight_files(folder))
      if (!std::filesystem::exists(file, ignored)) return {io::Safetensors::join({}, file.string()), nullptr};
  return io::WeightFile::open(folder, names_for(config, family));
}

// In messages the name stands where a folder would.
io::ModelConfig config_of(const ModelBytes& files) {
  return io::parse_config(files.config, files.preprocessor,
                          std::filesystem::path(files.name) / "config.json");
}

ModelSummary summary_of(const io::ModelConfig& config) {
  const std::string refusal = refusal_of(config);
  if (!refusal.empty()) return {config.architecture, "", refusal, false};
  const Family& family = *family_of(config);
  return {config.architecture, family.name, "", family.writes_text};
}

}  // namespace

Model Model::load(const Device& device, const std::filesystem::path& folder, const ModelOptions& options) {
  return at_boundary("load", [&] {
    const io::ModelConfig config = io::read_config(folder);
    const Family& family = demand_family(config);
    return Model(load_model(device, config, family, open_weights(folder, config, family), options));
  });
}

Model Model::load(const Device& device, const ModelBytes& files, const ModelOptions& options) {
  return at_boundary("load", [&] {
    const io::ModelConfig config = config_of(files);
    const Family& family = demand_family(config);
    const std::string file = files.name + "/model.safetensors";
    const bool none = config.naming == io::Naming::system && files.weights.empty();
    io::WeightFile weights(
        none ? io::Safetensors::join({}, file) : io::Safetensors::parse(files.weights, file),
        names_for(config, family));
    return Model(load_model(device, config, family, std::move(weights), options));
  });
}

ModelSummary summarize(const std::filesystem::path& folder) {
  return at_boundary("load", [&] { return summary_of(io::read_config(folder)); });
}

ModelSummary summarize(const ModelBytes& files) {
  return at_boundary("load", [&] { return summary_of(config_of(files)); });
}

const ModelInfo& Model::info() const {
  return impl_->info();
}
const Device& Model::device() const {
  return impl_->device();
}

}  // namespace fovea
