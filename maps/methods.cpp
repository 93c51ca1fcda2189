#include "maps/methods.h"

#include <algorithm>
#include <array>

#include "models/nn/stream.h"
#include "runtime/ops/maps/outlier_filter.h"

namespace fovea::maps {
namespace {

bool is_gate(AttentionKind kind) {
  return kind == AttentionKind::channel_gate || kind == AttentionKind::spatial_gate;
}

// Of pictures: what tokens of a text attend to is not drawn.
bool has_layers(const AttentionTap& tap) {
  return std::any_of(tap.layers.begin(), tap.layers.end(), [](const AttentionRecord& a) {
    return a.layer.kind != AttentionKind::sequence_attention &&
           a.layer.kind != AttentionKind::cross_attention;
  });
}

// Rollout multiplies the layers' matrices: all must attend among the same tokens.
bool chains(const AttentionTap& tap) {
  return !tap.layers.empty() &&
         std::all_of(tap.layers.begin(), tap.layers.end(), [&](const AttentionRecord& a) {
           return a.layer.kind == AttentionKind::attention_pool ||  // behind them all
                  (a.layer.kind == AttentionKind::self_attention && a.groups == 1 &&
                   a.input.layout.queries == a.input.layout.keys &&
                   a.input.layout.queries == tap.layers.front().input.layout.queries);
         });
}

bool has_stream(const AttentionTap& tap) {
  return layers::is_stream(tap);
}

bool has_gates(const AttentionTap& tap) {
  return std::any_of(tap.layers.begin(), tap.layers.end(),
                     [](const AttentionRecord& a) { return is_gate(a.layer.kind); });
}

bool is_explained(const AttentionTap& tap) {
  return layers::is_explained(tap);
}

bool reads_class_token(const AttentionTap& tap) {
  return is_explained(tap) && tap.answer.head->reading().tokens != 0;
}

// One norm is linear when its statistics are held.
bool has_one_norm(const AttentionTap& tap) {
  return is_explained(tap) && !tap.answer.head->has_two_norms();
}

bool has_pooled_head(const AttentionTap& tap) {
  return static_cast<bool>(tap.head);
}

// What draws a method, and which models it fits. maps/request.cpp has the rules of what may be asked of it.
struct Method {
  MapMethod method;
  Drawn (*draw)(Recorder&, const Kept&, const MapRequest&, const ModelInfo&);
  bool (*fits)(const AttentionTap&);
};

constexpr std::array methods = {
    Method{MapMethod::raw, &raw, &has_layers},
    Method{MapMethod::rollout, &rollout, &chains},
    Method{MapMethod::mask, &mask, &chains},
    Method{MapMethod::similarity, &similarity, &has_stream},
    Method{MapMethod::norms, &norms, &has_stream},
    Method{MapMethod::evidence, &evidence, &has_one_norm},
    Method{MapMethod::gradcam, &gradcam, &reads_class_token},
    Method{MapMethod::gradsum, &gradsum, &is_explained},
    Method{MapMethod::gae, &gae, &is_explained},
    Method{MapMethod::energy, &energy, &has_gates},
    Method{MapMethod::cam, &cam, &has_pooled_head},
};

}  // namespace

std::vector<MapMethod> methods_of(const AttentionTap& tap) {
  std::vector<MapMethod> out;
  for (const Method& m : methods)
    if (m.fits(tap)) out.push_back(m.method);
  return out;
}

Drawn draw(Recorder& r, const Kept& kept, const MapRequest& request, const ModelInfo& info) {
  const MapRequest asked = resolved(request, info, kept.best ? kept.best.shape[1] : 0);
  require_start(asked, info);
  const auto method =
      std::find_if(methods.begin(), methods.end(), [&](const Method& m) { return m.method == asked.method; });
  Drawn out = method->draw(r, kept, asked, info);
  if (asked.sigma > 0) {
    out.values = ops::outlier_filter(r, out.values, out.first, out.rows, out.cols, asked.sigma);
    out.first = 0;
  }
  return out;
}

std::optional<uint32_t> start_token(const MapRequest& request, const AttentionLayer& layer) {
  if (!request.query) return layer.has_cls ? std::optional(0U) : std::nullopt;
  return layer.prefix_tokens + request.query->row * layer.cols + request.query->col;
}

ClassChoice choose_class(Recorder& r, const Kept& kept, const MapRequest& request, Drawn& out) {
  if (!request.target) return {kept.best, request.rank};
  const uint32_t images = (kept.answer.x ? kept.answer.x : kept.head.features).shape[0];
  const Tensor classes = r.input({images, 1}, DType::u32, "class");
  out.presets.emplace_back(classes, std::vector<uint32_t>(images, *request.target));
  return {classes, 0};
}

layers::StreamBackward backward_of(Recorder& r, const Kept& kept, const ClassChoice& choice) {
  const auto weights = kept.answer.head->class_weights(r, choice.classes, choice.rank);
  return {kept, kept.answer.head->gradient(r, kept.answer.x, weights, /*held=*/false)};
}

LayerRange layers_of(const MapRequest& request) {
  return {static_cast<uint32_t>(request.start_layer), static_cast<uint32_t>(request.layer)};
}

ops::RowFusion fusion_of(const MapRequest& request) {
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
  return ops::RowFusion::one_head;
}

}  // namespace fovea::maps
