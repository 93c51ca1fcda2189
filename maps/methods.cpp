#include "maps/methods.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "fovea/error.h"
#include "models/nn/transformer_chain.h"
#include "runtime/ops/maps/outlier_filter.h"

namespace fovea {

namespace maps {
namespace {

bool is_gate(AttentionKind kind) {
  return kind == AttentionKind::channel_gate || kind == AttentionKind::spatial_gate;
}

bool any_kind(AttentionKind) {
  return true;
}
bool no_kind(AttentionKind) {
  return false;
}
bool is_self_attention(AttentionKind kind) {
  return kind == AttentionKind::self_attention;
}

bool has_layers(const AttentionTap& tap) {
  return !tap.layers.empty();
}

// Rollout multiplies the layers' matrices: all must attend among the same tokens.
bool chains(const AttentionTap& tap) {
  return !tap.layers.empty() &&
         std::all_of(tap.layers.begin(), tap.layers.end(), [&](const AttentionRecord& a) {
           return a.layer.kind == AttentionKind::self_attention && a.groups == 1 &&
                  a.input.layout.queries == a.input.layout.keys &&
                  a.input.layout.queries == tap.layers.front().input.layout.queries;
         });
}

bool has_stream(const AttentionTap& tap) {
  return !tap.chain.stream.empty();
}

bool has_gates(const AttentionTap& tap) {
  return std::any_of(tap.layers.begin(), tap.layers.end(),
                     [](const AttentionRecord& a) { return is_gate(a.layer.kind); });
}

bool has_chain(const AttentionTap& tap) {
  return static_cast<bool>(tap.chain);
}

bool reads_class_token(const AttentionTap& tap) {
  return tap.chain && !tap.chain.chain->pooled;
}

// One norm is linear when its statistics are held.
bool has_one_norm(const AttentionTap& tap) {
  return tap.chain && !(tap.chain.chain->norm && tap.chain.chain->fc_norm);
}

bool has_pooled_head(const AttentionTap& tap) {
  return static_cast<bool>(tap.head);
}

// What a method is, in one row.
struct Method {
  MapTraits traits;
  Drawn (*draw)(Recorder&, const Kept&, const MapRequest&, const ModelInfo&);
  bool (*fits)(const AttentionTap&);  // a model
  bool (*reads)(AttentionKind);       // layers that a request may name
};

const std::array methods = {
    Method{{MapMethod::raw, "raw",
            "one layer's softmax row of the class token or of a patch, or a gate's own values", false, true,
            true, true},
           &raw,
           &has_layers,
           &any_kind},
    Method{{MapMethod::rollout, "rollout",
            "attention multiplied through all layers up to one, residuals counted as half", false, true, true,
            true, true},
           &rollout,
           &chains,
           &is_self_attention},
    Method{{MapMethod::mask, "mask", "the patches that hold most of a head's attention (--mask), 1 or 0",
            false, true, true, true},
           &mask,
           &chains,
           &is_self_attention},
    Method{{MapMethod::similarity, "similarity",
            "cosine between a picked patch's token (else the class token) and each other one's", false, true,
            false, true},
           &similarity,
           &has_stream,
           &is_self_attention},
    Method{{MapMethod::norms, "norms", "length of each patch's token, which shows outlier tokens", false,
            true, false, false},
           &norms,
           &has_stream,
           &is_self_attention},
    Method{{MapMethod::evidence, "evidence",
            "each patch's exact part of a class's logit: what the layers' heads moved from it to the class "
            "token",
            true, true, true, false, true},
           &evidence,
           &has_one_norm,
           &is_self_attention},
    Method{{MapMethod::gradcam, "gradcam",
            "the last layer's attention of the class token, heads weighed by the class's gradient", true,
            false, false, false},
           &gradcam,
           &reads_class_token,
           &no_kind},
    Method{{MapMethod::gradsum, "gradsum",
            "where more attention would raise a class's logit: positive gradients summed over layers", true,
            true, false, false, true},
           &gradsum,
           &has_chain,
           &is_self_attention},
    Method{{MapMethod::gae, "gae",
            "attention chained through the layers, each entry weighed by its positive gradient of a class's "
            "logit",
            true, true, false, false, true},
           &gae,
           &has_chain,
           &is_self_attention},
    Method{{MapMethod::energy, "energy", "the activation that a gate lets through, summed over channels",
            false, true, false, false},
           &energy,
           &has_gates,
           &is_gate},
    Method{{MapMethod::cam, "cam", "each cell's part of a class's logit, behind a head that reads the mean",
            true, false, false, false},
           &cam,
           &has_pooled_head,
           &no_kind},
};

const Method& method_of(MapMethod method) {
  const auto found = std::find_if(methods.begin(), methods.end(),
                                  [&](const Method& m) { return m.traits.method == method; });
  if (found == methods.end())
    throw Error(ErrorKind::usage, fmt::format("[map] there is no method {}", static_cast<int>(method)));
  return *found;
}

// NaN is outside every range.
void check_ranges(const MapRequest& request) {
  const auto check = [](bool good, const char* name, float value, const char* range) {
    if (!good)
      throw Error(ErrorKind::usage, fmt::format("[map] {} is {}, it must be {}", name, value, range));
  };
  check(request.mass > 0 && request.mass <= 1, "mass", request.mass, "above 0 and up to 1");
  check(request.discard >= 0 && request.discard < 1, "discard", request.discard, "from 0 to below 1");
  check(request.sigma >= 0 && std::isfinite(request.sigma), "sigma", request.sigma, "0 or more");
}

}  // namespace

std::vector<MapMethod> methods_of(const AttentionTap& tap) {
  std::vector<MapMethod> out;
  for (const Method& m : methods)
    if (m.fits(tap)) out.push_back(m.traits.method);
  return out;
}

Drawn draw(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  if (std::find(info.maps.begin(), info.maps.end(), request.method) == info.maps.end())
    throw Error(ErrorKind::usage,
                fmt::format("[map] {} makes no sense for {}; methods that do: {}", to_string(request.method),
                            info.architecture, names_of(info.maps)));
  check_ranges(request);
  Drawn out = method_of(request.method).draw(r, kept, request, info);
  if (request.sigma > 0) {
    out.values = ops::outlier_filter(r, out.values, out.first, out.rows, out.cols, request.sigma);
    out.first = 0;
  }
  return out;
}

std::optional<uint32_t> start_token(const MapRequest& request, const AttentionLayer& layer) {
  if (!request.query) return layer.has_cls ? std::optional(0U) : std::nullopt;
  const PatchIndex q = *request.query;
  if (q.row >= layer.rows || q.col >= layer.cols)
    throw Error(ErrorKind::usage,
                fmt::format("[map] patch ({}, {}) of a {}×{} grid", q.row, q.col, layer.rows, layer.cols));
  return layer.prefix_tokens + q.row * layer.cols + q.col;
}

ClassChoice choose_class(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info,
                         Drawn& out) {
  if (request.query)
    throw Error(ErrorKind::usage,
                fmt::format("[map] {} starts from a class and not from a patch: leave out the query",
                            to_string(request.method)));
  if (!request.target) {
    if (!kept.best)
      throw Error(ErrorKind::usage,
                  fmt::format("[map] {} needs a class: nothing was classified", to_string(request.method)));
    if (request.rank >= kept.best.shape[1])
      throw Error(
          ErrorKind::usage,
          fmt::format("[map] the class of rank {}, where the best {} are known: raise top_k or name a class",
                      request.rank, kept.best.shape[1]));
    return {kept.best, request.rank};
  }
  if (*request.target >= info.classes)
    throw Error(ErrorKind::usage, fmt::format("[map] class {} of a model with classes 0…{}", *request.target,
                                              info.classes - 1));
  const uint32_t images = (kept.chain ? kept.chain.stream.front() : kept.head.features).shape[0];
  const Tensor classes = r.input({images, 1}, DType::u32, "class");
  out.presets.emplace_back(classes, std::vector<uint32_t>(images, *request.target));
  return {classes, 0};
}

layers::ChainBackward backward_of(Recorder& r, const Kept& kept, const ClassChoice& choice) {
  const layers::TransformerChain& chain = *kept.chain.chain;
  const Tensor weights = chain.class_weights(r, choice.classes, choice.rank);
  return {chain, kept.layers, kept.chain.stream,
          chain.head_gradient(r, kept.chain.stream.back(), weights, false)};
}

LayerRange layers_of(const ModelInfo& info, const MapRequest& request) {
  const uint32_t last = layer_of(info, request);
  if (request.start_layer < 0 || static_cast<uint32_t>(request.start_layer) > last)
    throw Error(ErrorKind::usage,
                fmt::format("[map] layers from {} on, up to layer {}", request.start_layer, last));
  return {static_cast<uint32_t>(request.start_layer), last};
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

std::span<const MapTraits> map_traits() {
  static const std::vector<MapTraits> all = [] {
    std::vector<MapTraits> out;
    for (const maps::Method& m : maps::methods) out.push_back(m.traits);
    return out;
  }();
  return all;
}

const MapTraits& traits_of(MapMethod method) {
  return maps::method_of(method).traits;
}

const char* to_string(MapMethod method) {
  return traits_of(method).name;
}

std::string names_of(const std::vector<MapMethod>& methods) {
  std::string out;
  for (const MapMethod m : methods) out += (out.empty() ? "" : ", ") + std::string(to_string(m));
  return out.empty() ? "none" : out;
}

std::vector<uint32_t> drawable_layers(const ModelInfo& info, MapMethod method) {
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i < info.attention.size(); ++i)
    if (maps::method_of(method).reads(info.attention[i].kind)) out.push_back(i);
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
  if (!maps::method_of(request.method).reads(kind))
    throw Error(ErrorKind::usage, fmt::format("[map] layer {} is a {}, which has no {}; draw it with raw",
                                              layer, to_string(kind), to_string(request.method)));
  if (request.query && kind != AttentionKind::self_attention)
    throw Error(ErrorKind::usage, fmt::format("[map] layer {} is a {}: it has no queries to start from",
                                              layer, to_string(kind)));
  return layer;
}

}  // namespace fovea
