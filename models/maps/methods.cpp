#include "models/maps/methods.h"

#include <fmt/format.h>

#include <algorithm>

#include "fovea/error.h"

namespace fovea {

const char* to_string(MapMethod method) {
  switch (method) {
    case MapMethod::raw:
      return "raw";
    case MapMethod::rollout:
      return "rollout";
    case MapMethod::energy:
      return "energy";
    case MapMethod::cam:
      break;
  }
  return "cam";
}

std::string names_of(const std::vector<MapMethod>& methods) {
  std::string out;
  for (const MapMethod m : methods) out += (out.empty() ? "" : ", ") + std::string(to_string(m));
  return out.empty() ? "none" : out;
}

namespace maps {
namespace {

bool is_gate(AttentionKind kind) {
  return kind == AttentionKind::channel_gate || kind == AttentionKind::spatial_gate;
}

bool draws(MapMethod method, AttentionKind kind) {
  switch (method) {
    case MapMethod::raw:
      return true;
    case MapMethod::rollout:
      return kind == AttentionKind::self_attention;
    case MapMethod::energy:
      return is_gate(kind);
    case MapMethod::cam:
      break;
  }
  return false;
}

// Rollout multiplies the layers' matrices: all must attend among the same tokens.
bool chains(const std::vector<AttentionRecord>& layers) {
  return std::all_of(layers.begin(), layers.end(), [&](const AttentionRecord& a) {
    return a.layer.kind == AttentionKind::self_attention && a.groups == 1 &&
           a.input.layout.queries == a.input.layout.keys &&
           a.input.layout.queries == layers.front().input.layout.queries;
  });
}

}  // namespace

std::vector<MapMethod> methods_of(const AttentionTap& tap, const ForwardResult& result) {
  std::vector<MapMethod> out;
  if (!tap.layers.empty()) {
    out.push_back(MapMethod::raw);
    if (chains(tap.layers)) out.push_back(MapMethod::rollout);
    if (std::any_of(tap.layers.begin(), tap.layers.end(),
                    [](const AttentionRecord& a) { return is_gate(a.layer.kind); }))
      out.push_back(MapMethod::energy);
  }
  if (result.pooled_head) out.push_back(MapMethod::cam);
  return out;
}

Drawn draw(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  if (std::find(info.maps.begin(), info.maps.end(), request.method) == info.maps.end())
    throw Error(ErrorKind::usage,
                fmt::format("[map] {} makes no sense for {}; methods that do: {}", to_string(request.method),
                            info.architecture, names_of(info.maps)));
  switch (request.method) {
    case MapMethod::raw:
      return raw(r, kept, request, info);
    case MapMethod::rollout:
      return rollout(r, kept, request, info);
    case MapMethod::energy:
      return energy(r, kept, request, info);
    case MapMethod::cam:
      break;
  }
  return cam(r, kept, request, info);
}

std::optional<uint32_t> start_token(const MapRequest& request, const AttentionLayer& layer) {
  if (!request.query) return layer.has_cls ? std::optional(0U) : std::nullopt;
  const PatchIndex q = *request.query;
  if (q.row >= layer.rows || q.col >= layer.cols)
    throw Error(ErrorKind::usage,
                fmt::format("[map] patch ({}, {}) of a {}×{} grid", q.row, q.col, layer.rows, layer.cols));
  return layer.prefix_tokens + q.row * layer.cols + q.col;
}

ops::RowFusion fusion_of(const MapRequest& request, const AttentionLayer& layer) {
  switch (request.fusion) {
    case HeadFusion::mean:
      return ops::RowFusion::mean;
    case HeadFusion::max:
      return ops::RowFusion::max;
    case HeadFusion::min:
      return ops::RowFusion::min;
    case HeadFusion::single:
      break;
  }
  if (request.head >= layer.heads)
    throw Error(ErrorKind::usage,
                fmt::format("[map] head {} of a model with heads 0…{}", request.head, layer.heads - 1));
  return ops::RowFusion::one_head;
}

}  // namespace maps

std::vector<uint32_t> drawable_layers(const ModelInfo& info, MapMethod method) {
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i < info.attention.size(); ++i)
    if (maps::draws(method, info.attention[i].kind)) out.push_back(i);
  return out;
}

uint32_t layer_of(const ModelInfo& info, const MapRequest& request) {
  const std::vector<uint32_t> drawn = drawable_layers(info, request.method);
  const auto layers = static_cast<int64_t>(info.attention.size()), count = static_cast<int64_t>(drawn.size());
  if (request.layer >= layers || request.layer < -count)
    throw Error(ErrorKind::usage,
                fmt::format("[map] layer {} of a model with layers 0…{}", request.layer, layers - 1));
  const uint32_t layer = request.layer < 0 ? drawn[static_cast<size_t>(count + request.layer)]
                                           : static_cast<uint32_t>(request.layer);
  const AttentionKind kind = info.attention[layer].kind;
  if (!maps::draws(request.method, kind))
    throw Error(ErrorKind::usage, fmt::format("[map] layer {} is a {}, which has no {}; draw it with raw",
                                              layer, to_string(kind), to_string(request.method)));
  if (request.query && kind != AttentionKind::self_attention)
    throw Error(ErrorKind::usage, fmt::format("[map] layer {} is a {}: it has no queries to start from",
                                              layer, to_string(kind)));
  return layer;
}

}  // namespace fovea
