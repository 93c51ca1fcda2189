// The rules of a map request: which method takes what, what numbers may be, what a model has.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "fovea/maps.h"
#include "fovea/model.h"

namespace fovea {
namespace {

using Field = MapField;

template <typename... Fields>
constexpr uint32_t bits(Fields... fields) {
  return (0U | ... | (1U << static_cast<uint32_t>(fields)));
}

// Every map has cells to be filtered.
constexpr uint32_t always = bits(Field::method, Field::sigma);

// Kinds of layers that a request may name.
constexpr uint32_t kinds(std::initializer_list<AttentionKind> list) {
  uint32_t out = 0;
  for (const AttentionKind kind : list) out |= 1U << static_cast<uint32_t>(kind);
  return out;
}
constexpr uint32_t no_kind = 0, self = kinds({AttentionKind::self_attention}),
                   gates = kinds({AttentionKind::channel_gate, AttentionKind::spatial_gate}),
                   any_kind =
                       self | gates | kinds({AttentionKind::token_scores, AttentionKind::attention_pool});

struct Rule {
  MapTraits traits;
  uint32_t kinds;
};

constexpr std::array rules = {
    Rule{{MapMethod::raw, "raw",
          "one layer's softmax row of the class token or of a patch, or a gate's own values",
          always | bits(Field::layer, Field::head, Field::query)},
         any_kind},
    Rule{{MapMethod::rollout, "rollout",
          "attention multiplied through all layers up to one, residuals counted as half",
          always | bits(Field::layer, Field::start_layer, Field::head, Field::query, Field::discard)},
         self},
    Rule{{MapMethod::mask, "mask", "the patches that hold most of a head's attention (--mask), 1 or 0",
          always | bits(Field::layer, Field::head, Field::query, Field::mass)},
         self},
    Rule{{MapMethod::similarity, "similarity",
          "cosine between a picked patch's token (else the class token) and each other one's",
          always | bits(Field::layer, Field::query)},
         self},
    Rule{{MapMethod::norms, "norms", "length of each patch's token, which shows outlier tokens",
          always | bits(Field::layer)},
         self},
    Rule{{MapMethod::evidence, "evidence",
          "each patch's exact part of a class's logit: what the layers' heads moved from it to the class "
          "token",
          always | bits(Field::layer, Field::start_layer, Field::head, Field::target)},
         self},
    Rule{{MapMethod::gradcam, "gradcam",
          "the last layer's attention of the class token, heads weighed by the class's gradient",
          always | bits(Field::target)},
         no_kind},
    Rule{{MapMethod::gradsum, "gradsum",
          "where more attention would raise a class's logit: positive gradients summed over layers",
          always | bits(Field::layer, Field::start_layer, Field::target)},
         self},
    Rule{{MapMethod::gae, "gae",
          "attention chained through the layers, each entry weighed by its positive gradient of a class's "
          "logit",
          always | bits(Field::layer, Field::start_layer, Field::target)},
         self},
    Rule{{MapMethod::energy, "energy", "the activation that a gate lets through, summed over channels",
          always | bits(Field::layer)},
         gates},
    Rule{{MapMethod::cam, "cam", "each cell's part of a class's logit, behind a head that reads the mean",
          always | bits(Field::target)},
         no_kind},
};

constexpr auto traits_table = [] {
  std::array<MapTraits, rules.size()> out{};
  for (size_t i = 0; i < rules.size(); ++i) out.at(i) = rules.at(i).traits;
  return out;
}();

const Rule& rule_of(MapMethod method) {
  const auto found =
      std::find_if(rules.begin(), rules.end(), [&](const Rule& r) { return r.traits.method == method; });
  if (found == rules.end())
    throw RequestError("method", fmt::format("{}", static_cast<int>(method)), "there is no such method");
  return *found;
}

constexpr std::array numbers = {
    MapNumber{Field::mass, "share of the attention that is kept", &MapRequest::mass, 0, 1, false, true, 0.01F,
              1},
    MapNumber{Field::discard, "share of the lowest entries that is left out", &MapRequest::discard, 0, 1,
              true, false, 0.01F, 1},
    MapNumber{Field::sigma, "outliers beyond so many deviations are smoothed away, 0: none are",
              &MapRequest::sigma, 0, std::numeric_limits<float>::infinity(), true, false, 0.25F, 8},
};

// NaN is outside every range.
void check_number(const MapNumber& n, const MapRequest& request) {
  const float value = request.*n.value;
  const bool above = n.lowest_belongs ? value >= n.lowest : value > n.lowest;
  const bool below = n.highest_belongs ? value <= n.highest : value < n.highest;
  if (!above || !below)
    throw RequestError(to_string(n.field), fmt::format("{}", value),
                       fmt::format("want a number {}", n.range()));
}

// What a method has in place of a field that it does not take.
const char* instead_of(MapField field) {
  switch (field) {
    case Field::layer:
      return "has one map for the whole model";
    case Field::start_layer:
      return "is not over several layers";
    case Field::head:
      return "has no maps of single heads";
    case Field::query:
      return "starts from no patch";
    case Field::target:
      return "is the same whatever the class";
    case Field::mass:
      return "keeps no share of the attention";
    case Field::discard:
      return "leaves out no entries";
    case Field::method:
    case Field::sigma:
      break;
  }
  return "does not take it";
}

void check_start(const MapRequest& request) {
  if (request.start_layer < 0 || request.start_layer > request.layer)
    throw RequestError("start_layer", fmt::format("{}", request.start_layer),
                       fmt::format("want 0 to {}, the last layer that is taken", request.layer));
}

void check_head(const MapRequest& request, const ModelInfo& info) {
  const uint32_t heads = info.attention[static_cast<size_t>(request.layer)].heads;
  if (request.fusion == HeadFusion::single && request.head >= heads)
    throw RequestError("head", fmt::format("{}", request.head),
                       fmt::format("{} has heads 0 to {}", info.architecture, heads - 1));
}

void check_query(const MapRequest& request, const ModelInfo& info) {
  if (!request.query) return;
  const std::string patch = fmt::format("({}, {})", request.query->row, request.query->col);
  require_takes(request.method, Field::query, patch);
  const AttentionLayer& grid = info.attention[static_cast<size_t>(request.layer)];
  if (grid.kind != AttentionKind::self_attention)
    throw RequestError("query", patch,
                       fmt::format("layer {} is a {}, which has no queries to start from", request.layer,
                                   to_string(grid.kind)));
  if (request.query->row >= grid.rows || request.query->col >= grid.cols)
    throw RequestError("query", patch,
                       fmt::format("layer {} has a {}×{} grid", request.layer, grid.rows, grid.cols));
}

void check_target(const MapRequest& request, const ModelInfo& info, uint32_t ranked) {
  if (request.target) {
    if (*request.target >= info.classes)
      throw RequestError("class", fmt::format("{}", *request.target),
                         fmt::format("{} has classes 0 to {}", info.architecture, info.classes - 1));
    return;
  }
  const std::string rank = fmt::format("top{}", uint64_t{request.rank} + 1);
  if (request.rank >= info.classes)
    throw RequestError("class", rank, fmt::format("{} has {} classes", info.architecture, info.classes));
  if (request.rank >= ranked)
    throw RequestError("class", rank,
                       ranked == 0
                           ? std::string("nothing was classified, name a class")
                           : fmt::format("only the best {} classes are known (top_k), name a class", ranked));
}

}  // namespace

RequestError::RequestError(std::string field, std::string value, std::string reason)
    : Error(ErrorKind::usage,
            fmt::format("[map] {}{}{}: {}", field, value.empty() ? "" : " ", value, reason)),
      field_(std::move(field)),
      value_(std::move(value)),
      reason_(std::move(reason)) {}

std::string RequestError::plain() const {
  return fmt::format("{}{}{}: {}", field_, value_.empty() ? "" : " ", value_, reason_);
}

std::string MapNumber::range() const {
  const std::string from = fmt::format("{} {}", lowest_belongs ? "from" : "above", lowest);
  if (!std::isfinite(highest)) return from + " on";
  return fmt::format("{}{} {}", from, highest_belongs ? " up to" : " to below", highest);
}

std::span<const MapTraits> map_traits() {
  return traits_table;
}

std::span<const MapNumber> map_numbers() {
  return numbers;
}

const MapTraits& traits_of(MapMethod method) {
  return rule_of(method).traits;
}

void require_takes(MapMethod method, MapField field, const std::string& value) {
  if (traits_of(method).takes(field)) return;
  std::vector<MapMethod> takers;
  for (const MapTraits& traits : traits_table)
    if (traits.takes(field)) takers.push_back(traits.method);
  throw RequestError(to_string(field), value,
                     fmt::format("{} {}, leave it out; methods that take it: {}", to_string(method),
                                 instead_of(field), names_of(takers)));
}

std::vector<uint32_t> drawable_layers(const ModelInfo& info, MapMethod method) {
  std::vector<uint32_t> out;
  const uint32_t wanted = rule_of(method).kinds;
  for (uint32_t i = 0; i < info.attention.size(); ++i)
    if ((wanted >> static_cast<uint32_t>(info.attention[i].kind) & 1U) != 0) out.push_back(i);
  return out;
}

uint32_t layer_of(const ModelInfo& info, const MapRequest& request) {
  std::vector<uint32_t> drawn = drawable_layers(info, request.method);
  if (request.query && request.layer < 0)
    std::erase_if(drawn, [&](uint32_t i) { return info.attention[i].kind == AttentionKind::attention_pool; });
  const auto layers = static_cast<int64_t>(info.attention.size()), count = static_cast<int64_t>(drawn.size());
  const auto refuse = [&](const std::string& reason) {
    throw RequestError("layer", fmt::format("{}", request.layer), reason);
  };
  if (layers == 0) refuse(fmt::format("{} has no layers of attention", info.architecture));
  if (request.layer < -layers || request.layer >= layers)
    refuse(fmt::format("{} has layers 0 to {}", info.architecture, layers - 1));
  if (request.layer < -count)
    refuse(fmt::format("{} has {} layers for {}", info.architecture, count, to_string(request.method)));
  if (request.layer < 0) return drawn[static_cast<size_t>(count + request.layer)];
  const auto layer = static_cast<uint32_t>(request.layer);
  if (const AttentionKind kind = info.attention[layer].kind;
      kind == AttentionKind::sequence_attention || kind == AttentionKind::cross_attention)
    refuse(fmt::format("is a {}: what tokens of a text attend to is not drawn", to_string(kind)));
  if (std::find(drawn.begin(), drawn.end(), layer) == drawn.end())
    refuse(fmt::format("is a {}, which has no {}; draw it with raw", to_string(info.attention[layer].kind),
                       to_string(request.method)));
  return layer;
}

void require_start(const MapRequest& request, const ModelInfo& info) {
  if (request.method == MapMethod::similarity && !request.query &&
      !info.attention[layer_of(info, request)].has_cls)
    throw RequestError("query", "",
                       fmt::format("{} has no class token, so that {} starts from a patch: give a query",
                                   info.architecture, to_string(request.method)));
}

MapRequest resolved(const MapRequest& request, const ModelInfo& info, uint32_t ranked) {
  const MapTraits& traits = traits_of(request.method);
  if (std::find(info.maps.begin(), info.maps.end(), request.method) == info.maps.end())
    throw RequestError(
        "method", traits.name,
        info.maps.empty()
            ? fmt::format("{} has no maps: nothing in it attends or gates, and its head is no sum over cells",
                          info.architecture)
            : fmt::format("makes no sense for {}; methods that do: {}", info.architecture,
                          names_of(info.maps)));
  for (const MapNumber& n : numbers) check_number(n, request);
  MapRequest out = request;
  if (traits.takes(Field::layer)) out.layer = static_cast<int>(layer_of(info, request));
  if (traits.takes(Field::start_layer))
    check_start(out);
  else if (request.start_layer < 0)
    throw RequestError("start_layer", fmt::format("{}", request.start_layer), "want 0 or more");
  if (traits.takes(Field::head)) check_head(out, info);
  // Viewers keep a class while they look at maps that take none.
  if (traits.takes(Field::target) || request.target || request.rank != 0) check_target(out, info, ranked);
  check_query(out, info);
  return out;
}

}  // namespace fovea
