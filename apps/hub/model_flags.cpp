#include "apps/hub/model_flags.h"

#include <fmt/format.h>

#include <tuple>

#include "apps/text/typed.h"
#include "apps/util/terminal.h"

namespace fovea::apps {
void add_model_flags(const Command& command, ModelFlags& flags) {
  command
      .option("--model", flags.model,
              "A folder, or the name of a model on this machine, see `fovea models`; else $FOVEA_MODEL, else "
              "that of `fovea default`")
      .type_name("DIR|NAME");
  command.option("--device", flags.device, "Index or part of the name, see `fovea devices`").type_name("D");
  command.option("--dtype", flags.dtype, "Storage of weights and activations")
      .one_of({"auto", "fp32", "fp16"})
      .with_default();
  command.option("--size", flags.size, "Input size N or HxW instead of the model's own").type_name("HxW");
}

Device open_device(const std::string& selector) {
  Device device = Device::open(selector);
  const DeviceInfo& info = device.info();
  if (selector.empty() && info.type == DeviceType::cpu)
    complain(fmt::format("no GPU found, using the CPU driver {}", info.name));
  return device;
}

Model load_model(const ModelFlags& flags) {
  return load_model(flags, choose_model(flags.model));
}

Model load_model(const ModelFlags& flags, const ModelChoice& choice) {
  ModelOptions options;
  if (flags.dtype == "fp32") options.precision = Precision::fp32;
  if (flags.dtype == "fp16") options.precision = Precision::fp16;
  if (!flags.size.empty()) std::tie(options.height, options.width) = parse_size(flags.size);
  return load_model(open_device(flags.device), choice, options);
}

}  // namespace fovea::apps
