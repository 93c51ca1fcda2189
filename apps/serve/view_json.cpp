#include "apps/serve/view_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "apps/serve/http/http.h"
#include "apps/text/typed.h"
#include "apps/ui/painter.h"
#include "apps/util/classes.h"
#include "apps/util/terminal.h"
#include "core/text.h"
#include "fovea/error.h"

namespace fovea::apps::serve {
namespace {

// Far beyond any picture; what lies outside this one is noticed when it is drawn.
constexpr double farthest_pixel = 1 << 20;

[[noreturn]] void wrong(const std::string& name, const std::string& want) {
  throw Refusal(422, fmt::format("{}: want {}", name, want));
}

double number(const Json& value, const std::string& name, double lowest, double highest) {
  const double x = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
  if (!(x >= lowest && x <= highest)) wrong(name, fmt::format("a number from {} to {}", lowest, highest));
  return x;
}

int whole(const Json& value, const std::string& name, int lowest, int highest) {
  const double x = number(value, name, lowest, highest);
  if (x != std::floor(x)) wrong(name, "a whole number");
  return static_cast<int>(x);
}

std::string word(const Json& value, const std::string& name) {
  if (!value.is_string()) wrong(name, "a string");
  return value.get<std::string>();
}

bool yes_or_no(const Json& value, const std::string& name) {
  if (!value.is_boolean()) wrong(name, "true or false");
  return value.get<bool>();
}

cv::Point2d pixel(const Json& value, const std::string& name) {
  if (!value.is_array() || value.size() != 2) wrong(name, "[x, y] in pixels of the frame");
  return {number(value[0], name, 0, farthest_pixel), number(value[1], name, 0, farthest_pixel)};
}

// One of the values that to_string names.
template <class Values>
auto named(const Json& value, const std::string& name, const Values& values) {
  const std::string wanted = word(value, name);
  std::string known;
  for (const auto one : values) {
    if (wanted == to_string(one)) return one;
    known += (known.empty() ? "" : ", ") + std::string(to_string(one));
  }
  wrong(name, fmt::format("one of {}", known));
}

constexpr std::array fusions = {HeadFusion::mean, HeadFusion::max, HeadFusion::min};
constexpr std::array scales = {MapScale::frame, MapScale::running, MapScale::fixed};
constexpr std::array spreads = {Spread::one, Spread::layers, Spread::heads};

const char* name_of(Spread spread) {
  switch (spread) {
    case Spread::one:
      return "one";
    case Spread::layers:
      return "layers";
    case Spread::heads:
      return "heads";
  }
  return "";
}

Spread spread_named(const Json& value) {
  const std::string wanted = word(value, "spread");
  for (const Spread spread : spreads)
    if (wanted == name_of(spread)) return spread;
  wrong("spread", "one, layers or heads");
}

void set_class(MapRequest& map, const Json& value, const ModelInfo& info) {
  if (value.is_number()) {
    map.target = static_cast<uint32_t>(whole(value, "class", 0, static_cast<int>(info.classes) - 1));
    return;
  }
  const std::string text = word(value, "class");
  uint32_t rank = 0;
  map.target.reset();
  map.rank = 0;
  if (text.starts_with("top") && parse_number(std::string_view(text).substr(3), rank)) {
    if (rank < 1 || rank > 5) wrong("class", "top1 to top5, a number or a label");
    map.rank = rank - 1;
  } else {
    map.target = parse_class(text, info);
  }
}

void set_head(View& view, const Json& value) {
  if (value.is_null()) {
    view.map.fusion = view.fusion;
    view.map.head = 0;
    return;
  }
  view.map.head = static_cast<uint32_t>(whole(value, "head", 0, 1 << 16));
  view.map.fusion = HeadFusion::single;
}

// Numbers that some methods take beyond layer, head and class.
struct Parameter {
  const char *name, *meaning;
  double lowest, highest, step;
  float MapRequest::*value;
  bool (*changes)(const MapTraits&);
};

constexpr std::array parameters = {
    Parameter{"mass", "share of the attention that is kept", 0.01, 1, 0.01, &MapRequest::mass,
              [](const MapTraits& t) { return t.method == MapMethod::mask; }},
    Parameter{"discard", "share of the lowest entries that is left out", 0, 0.99, 0.01, &MapRequest::discard,
              [](const MapTraits& t) { return t.method == MapMethod::rollout; }},
    Parameter{"sigma", "outliers beyond so many deviations are smoothed away, 0: none are", 0, 8, 0.25,
              &MapRequest::sigma, [](const MapTraits&) { return true; }},
};

const Parameter* parameter_named(const std::string& name) {
  const auto found =
      std::find_if(parameters.begin(), parameters.end(), [&](const Parameter& p) { return name == p.name; });
  return found == parameters.end() ? nullptr : &*found;
}

// A change of method alone keeps what the new one can do.
void fall_back(View& view, const Json& settings, const ModelInfo& info) {
  const MapTraits& traits = traits_of(view.map.method);
  const std::vector<uint32_t> layers = drawable_layers(info, view.map.method);
  if (!settings.contains("layer") &&
      std::find(layers.begin(), layers.end(), static_cast<uint32_t>(view.map.layer)) == layers.end())
    view.map.layer = -1;
  if (!settings.contains("spread") && ((view.spread == Spread::layers && !traits.takes_layer) ||
                                       (view.spread == Spread::heads && !traits.takes_head)))
    view.spread = Spread::one;
  if (settings.contains("head") || view.map.fusion != HeadFusion::single) return;
  const uint32_t layer =
      view.map.layer < 0 ? (layers.empty() ? 0 : layers.back()) : static_cast<uint32_t>(view.map.layer);
  if (!traits.takes_head || layer >= info.attention.size() || view.map.head >= info.attention[layer].heads) {
    view.map.fusion = view.fusion;
    view.map.head = 0;
  }
}

void set(View& view, const std::string& name, const Json& value, const ModelInfo& info) {
  if (name == "method") {
    view.map.method = named(value, name, info.maps);
  } else if (name == "layer") {
    view.map.layer = whole(value, name, -(1 << 16), 1 << 16);
  } else if (name == "start_layer") {
    view.map.start_layer = whole(value, name, 0, 1 << 16);
  } else if (const Parameter* parameter = parameter_named(name)) {
    view.map.*parameter->value =
        static_cast<float>(number(value, name, parameter->lowest, parameter->highest));
  } else if (name == "head") {
    set_head(view, value);
  } else if (name == "fusion") {
    view.fusion = named(value, name, fusions);
    if (view.map.fusion != HeadFusion::single) view.map.fusion = view.fusion;
  } else if (name == "class") {
    set_class(view.map, value, info);
  } else if (name == "hover") {
    view.hover.reset();
    if (!value.is_null()) view.hover = pixel(value, name);
  } else if (name == "pins") {
    if (!value.is_array() || value.size() > max_pins)
      wrong(name, fmt::format("at most {} of [x, y]", max_pins));
    view.pins.clear();
    for (const Json& pin : value) view.pins.push_back(pixel(pin, name));
  } else if (name == "colormap") {
    view.colours.colormap = named(value, name, all_colormaps());
  } else if (name == "alpha") {
    view.colours.alpha = static_cast<float>(number(value, name, 0, 1));
  } else if (name == "scale") {
    view.scale = named(value, name, scales);
  } else if (name == "range") {
    if (!value.is_array() || value.size() != 2) wrong(name, "[lowest, highest]");
    view.lowest = static_cast<float>(number(value[0], name, -1e30, 1e30));
    view.highest = static_cast<float>(number(value[1], name, -1e30, 1e30));
  } else if (name == "smoothing") {
    view.smoothing = static_cast<float>(number(value, name, 0, 0.99));
  } else if (name == "side_by_side") {
    view.side_by_side = yes_or_no(value, name);
  } else if (name == "spread") {
    view.spread = spread_named(value);
  } else {
    throw Refusal(422, fmt::format("{}: there is no such setting", printable(name.substr(0, 64))));
  }
}

}  // namespace

void apply_settings(View& view, const Json& settings, const ModelInfo& info) {
  if (!settings.is_object()) throw Refusal(422, "want a JSON object of settings");
  try {
    for (const auto& [name, value] : settings.items()) set(view, name, value, info);
    if (settings.contains("method")) fall_back(view, settings, info);
    check(view, info);
    // A start behind the end moves with it, unless it was asked for.
    const MapTraits& traits = traits_of(view.map.method);
    if (traits.takes_start_layer && traits.takes_layer && view.map.start_layer > view.map.layer) {
      if (settings.contains("start_layer"))
        wrong("start_layer", fmt::format("at most the layer, {}", view.map.layer));
      view.map.start_layer = view.map.layer;
    }
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage) throw;
    // Options' messages name them as they are typed.
    const std::string_view message = error.what();
    throw Refusal(422, std::string(message.substr(message.starts_with("--") ? 2 : 0)));
  }
}

Json settings_of(const View& view) {
  const auto point = [](const cv::Point2d& p) { return Json::array({p.x, p.y}); };
  Json target = view.map.target ? Json(*view.map.target) : Json(fmt::format("top{}", view.map.rank + 1));
  Json pins = Json::array();
  for (const cv::Point2d& pin : view.pins) pins.push_back(point(pin));
  Json out = {{"method", to_string(view.map.method)},
              {"layer", view.map.layer},
              {"start_layer", view.map.start_layer},
              {"head", view.map.fusion == HeadFusion::single ? Json(view.map.head) : Json()},
              {"fusion", to_string(view.fusion)},
              {"class", std::move(target)},
              {"hover", view.hover ? point(*view.hover) : Json()},
              {"pins", std::move(pins)},
              {"colormap", to_string(view.colours.colormap)},
              {"alpha", shortest(view.colours.alpha)},
              {"scale", to_string(view.scale)},
              {"range", Json::array({shortest(view.lowest), shortest(view.highest)})},
              {"smoothing", shortest(view.smoothing)},
              {"side_by_side", view.side_by_side},
              {"spread", name_of(view.spread)}};
  for (const Parameter& p : parameters) out[p.name] = shortest(view.map.*p.value);
  return out;
}

Json describe(const Model& model) {
  const ModelInfo& info = model.info();
  Json layers = Json::array(), methods = Json::array(), colours = Json::array(), pins = Json::array();
  for (const AttentionLayer& layer : info.attention)
    layers.push_back({{"kind", to_string(layer.kind)},
                      {"name", layer.name},
                      {"heads", layer.heads},
                      {"rows", layer.rows},
                      {"cols", layer.cols}});
  for (const MapMethod method : info.maps) {
    const MapTraits& t = traits_of(method);
    Json numbers = Json::array();
    for (const Parameter& p : parameters)
      if (p.changes(t))
        numbers.push_back({{"name", p.name},
                           {"meaning", p.meaning},
                           {"lowest", p.lowest},
                           {"highest", p.highest},
                           {"step", p.step}});
    methods.push_back({{"name", t.name},
                       {"meaning", t.meaning},
                       {"class_specific", t.class_specific},
                       {"takes_layer", t.takes_layer},
                       {"takes_head", t.takes_head},
                       {"takes_query", t.takes_query},
                       {"takes_start_layer", t.takes_start_layer},
                       {"parameters", std::move(numbers)},
                       {"layers", drawable_layers(info, method)}});
  }
  for (const Colormap map : all_colormaps()) colours.push_back(to_string(map));
  for (size_t i = 0; i < max_pins; ++i) {
    const cv::Scalar bgr = pin_colour(i);
    pins.push_back(fmt::format("#{:02x}{:02x}{:02x}", static_cast<int>(bgr[2]), static_cast<int>(bgr[1]),
                               static_cast<int>(bgr[0])));
  }
  return {{"api", api_version},
          {"architecture", info.architecture},
          {"device", model.device().info().name},
          {"precision", to_string(info.precision)},
          {"size", {info.height, info.width}},
          {"parameters", info.parameters},
          {"classes", info.classes},
          {"has_head", info.has_head},
          {"layers", std::move(layers)},
          {"methods", std::move(methods)},
          {"colormaps", std::move(colours)},
          {"pin_colours", std::move(pins)}};
}

Json predictions(std::span<const Prediction> topk, const ModelInfo& info) {
  Json out = Json::array();
  if (!info.has_head) return out;
  for (const Prediction& p : topk)
    out.push_back({{"index", p.index},
                   {"label", label_of(info, p.index)},
                   {"probability", shortest(p.probability)},
                   {"logit", shortest(p.logit)}});
  return out;
}

}  // namespace fovea::apps::serve
