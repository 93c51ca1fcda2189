#include "models/registry.h"

#include <fmt/format.h>

#include "fovea/error.h"
#include "models/boundary.h"

namespace fovea {

Family vit_family();          // models/vit.cpp
Family swin_family();         // models/swin.cpp
Family tiny_vit_family();     // models/tiny_vit.cpp
Family coatnet_family();      // models/coatnet.cpp
Family pvt_v2_family();       // models/pvt_v2.cpp
Family mobilevit_family();    // models/mobilevit.cpp
Family mobilevitv2_family();  // models/mobilevitv2.cpp
Family botnet_family();       // models/botnet.cpp
Family resnet_family();       // models/resnet.cpp

std::span<const Family> families() {
  static const Family list[] = {
      vit_family(),       swin_family(),        tiny_vit_family(), coatnet_family(), pvt_v2_family(),
      mobilevit_family(), mobilevitv2_family(), botnet_family(),   resnet_family(),
  };
  return list;
}

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

namespace {

std::shared_ptr<LoadedModel> load_model(const Device& device, const std::filesystem::path& folder,
                                        const ModelOptions& options) {
  const io::ModelConfig config = io::read_config(folder);
  for (const Family& family : families()) {
    if (!family.matches(config)) continue;
    io::WeightFile weights = io::WeightFile::open(folder, config.naming);
    auto model = family.load(device, storage_for(device, options.precision), config, weights.root(), options);
    weights.check_all_used();
    model->finish(weights.parameters());
    return model;
  }
  std::string known;
  for (const std::string& name : known_architectures()) known += (known.empty() ? "" : "; ") + name;
  throw Error(ErrorKind::model,
              fmt::format("[load] {} describes a '{}', which Fovea does not have; it has {}",
                          config.file.string(), config.architecture, known));
}

}  // namespace

Model Model::load(const Device& device, const std::filesystem::path& folder, const ModelOptions& options) {
  return at_boundary("load", [&] { return Model(load_model(device, folder, options)); });
}

const ModelInfo& Model::info() const {
  return impl_->info();
}
const Device& Model::device() const {
  return impl_->device();
}

}  // namespace fovea
