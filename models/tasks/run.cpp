#include "fovea/run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "core/boundary.h"
#include "models/tasks/named_run.h"

namespace fovea {
namespace {

std::vector<TensorInfo> info_of(const std::vector<Port>& ports) {
  std::vector<TensorInfo> out;
  for (const Port& port : ports) {
    TensorInfo info{port.name, port.alias,       port.type != DType::f32, {},
                    port.axes, port.images_axis, port.optional,           port.extra,
                    port.whole};
    for (uint32_t i = 0; i < port.shape.rank(); ++i) info.shape.push_back(port.shape[i]);
    if (info.shared = !port.causal_over.empty(); info.shared) {
      info.shape = {0, 0};
      info.axes = {port.causal_over, port.causal_over};
    }
    out.push_back(std::move(info));
  }
  return out;
}

}  // namespace

std::vector<TensorInfo> inputs_of(const Model& model) {
  return info_of(model.impl().inputs());
}

std::vector<TensorInfo> outputs_of(const Model& model) {
  return info_of(model.impl().outputs());
}

bool writes_ids(const Model& model) {
  return model.impl().writer() != nullptr || model.impl().step_writer() != nullptr;
}

bool has_loss(const Model& model) {
  return model.impl().output("loss").has_value();
}

const TensorInfo* find(const std::vector<TensorInfo>& tensors, std::string_view name) {
  for (const TensorInfo& t : tensors)
    if (t.name == name || (!t.alias.empty() && t.alias == name)) return &t;
  return nullptr;
}

std::string to_string(const TensorInfo& t) {
  std::vector<std::string> extents;
  for (size_t i = 0; i < t.shape.size(); ++i) {
    const std::string axis = i < t.axes.size() ? t.axes[i] : "";
    extents.push_back(t.shape[i] != 0 ? fmt::format("{}", t.shape[i]) : axis.empty() ? "any" : axis);
  }
  if (!t.whole && !t.shared)
    extents.insert(extents.begin() + static_cast<std::ptrdiff_t>(t.images_axis), "B");
  const std::string text =
      fmt::format("{} {} [{}]", t.name, t.integer ? "i64" : "f32", fmt::join(extents, ", "));
  return t.optional ? '(' + text + ')' : text;
}

std::string to_string(const std::vector<TensorInfo>& tensors) {
  std::string out;
  for (const TensorInfo& t : tensors) out += (out.empty() ? "" : ", ") + to_string(t);
  return out;
}

RawTensors run(const Model& model, const RawTensors& inputs, const RunOptions& options) {
  return at_boundary("run", [&] { return NamedRun(model, inputs, options)(); });
}

}  // namespace fovea
