#include "apps/options.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <tuple>

#include "apps/terminal.h"
#include "fovea/error.h"

namespace fovea::apps {
namespace {

[[noreturn]] void wrong(const std::string& message) {
  throw Error(ErrorKind::usage, message);
}

}  // namespace

std::string lower_case(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

void add_model_flags(CLI::App& command, ModelFlags& flags) {
  command
      .add_option(
          "--model", flags.model,
          "A folder, or the name of a model on this machine, see `fovea models`; else $FOVEA_MODEL, else "
          "that of `fovea default`")
      ->type_name("DIR|NAME");
  command.add_option("--device", flags.device, "Index or part of the name, see `fovea devices`")
      ->type_name("D");
  command.add_option("--dtype", flags.dtype, "Storage of weights and activations")
      ->check(CLI::IsMember({"auto", "fp32", "fp16"}))
      ->capture_default_str();
  command.add_option("--size", flags.size, "Input size N or HxW instead of the model's own")
      ->type_name("HxW");
}

bool parse_number(std::string_view text, uint32_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

std::pair<uint32_t, uint32_t> parse_size(const std::string& text) {
  const size_t cross = text.find_first_of("xX");
  uint32_t height = 0, width = 0;
  const bool both = cross != text.npos;
  if (!parse_number(text.substr(0, cross), height) || (both && !parse_number(text.substr(cross + 1), width)))
    wrong(fmt::format("--size {}: want N or HxW, for example 384 or 256x192", printable(text)));
  if (!both) width = height;
  constexpr uint32_t most = 16384;
  if (height == 0 || width == 0 || height > most || width > most)
    wrong(fmt::format("--size {}: each side must be 1 to {}", text, most));
  return {height, width};
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

uint32_t parse_class(const std::string& text, const ModelInfo& info) {
  uint32_t index = 0;
  if (parse_number(text, index)) {
    if (index < info.classes) return index;
    wrong(fmt::format("--class {}: {} has classes 0 to {}", index, info.architecture, info.classes - 1));
  }
  if (info.labels.empty())
    wrong(fmt::format("--class {}: {} has no labels; give a number from 0 to {}", printable(text),
                      info.architecture, info.classes - 1));
  const std::string wanted = lower_case(text);
  std::vector<uint32_t> holding;
  for (uint32_t i = 0; i < info.labels.size(); ++i) {
    const std::string label = lower_case(info.labels[i]);
    if (label == wanted) return i;
    if (label.find(wanted) != label.npos) holding.push_back(i);
  }
  if (holding.size() == 1) return holding.front();
  std::string some;
  for (size_t i = 0; i < std::min<size_t>(holding.size(), 5); ++i)
    some += fmt::format("{}{} ({})", i == 0 ? "" : ", ", info.labels[holding[i]], holding[i]);
  wrong(holding.empty()
            ? fmt::format("--class {}: no label of {} has this in it", printable(text), info.architecture)
            : fmt::format("--class {}: {} labels have this in them, among them {}", printable(text),
                          holding.size(), some));
}

std::string label_of(const ModelInfo& info, uint32_t index) {
  return index < info.labels.size() ? info.labels[index] : fmt::format("class {}", index);
}

}  // namespace fovea::apps
