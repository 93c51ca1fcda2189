#include "apps/serve/view_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
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

// Far beyond any picture. A pixel outside this one is refused when it is drawn.
constexpr double farthest_pixel = 1 << 20;

[[noreturn]] void wrong(const std::string& name, const std::string& want) {
  throw Refusal(422, fmt::format("{}: want {}", name, want));
}

double number(const Json& value, const std::string& name) {
  if (!value.is_number()) wrong(name, "a number");
  return value.get<double>();
}

float real(const Json& value, const std::string& name) {
  const double x = number(value, name);
  if (!(std::abs(x) <= double{std::numeric_limits<float>::max()})) wrong(name, "a smaller number");
  return static_cast<float>(x);
}

int whole(const Json& value, const std::string& name) {
  const double x = number(value, name);
  if (!(std::abs(x) <= std::numeric_limits<int>::max()) || x != std::floor(x)) wrong(name, "a whole number");
  return static_cast<int>(x);
}

uint32_t index(const Json& value, const std::string& name) {
  const int x = whole(value, name);
  if (x < 0) wrong(name, "0 or more");
  return static_cast<uint32_t>(x);
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
  const auto side = [&name](const Json& one) {
    const double x = number(one, name);
    if (!(x >= 0 && x <= farthest_pixel)) wrong(name, fmt::format("pixels from 0 to {}", farthest_pixel));
    return x;
  };
  if (!value.is_array() || value.size() != 2) wrong(name, "[x, y] in pixels of the frame");
  return {side(value[0]), side(value[1])};
}

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
  map.target.reset();
  map.rank = 0;
  if (value.is_number()) {
    map.target = index(value, "class");
    return;
  }
  const std::string text = word(value, "class");
  if (const auto rank = rank_named(text))
    map.rank = *rank;
  else
    map.target = parse_class(text, info);
}

void set_head(View& view, const Json& value) {
  if (value.is_null()) {
    view.map.fusion = view.fusion;
    view.map.head = 0;
    return;
  }
  view.map.head = index(value, "head");
  view.map.fusion = HeadFusion::single;
}

const MapNumber* number_named(const std::string& name) {
  const auto numbers = map_numbers();
  const auto found = std::find_if(numbers.begin(), numbers.end(),
                                  [&](const MapNumber& n) { return name == to_string(n.field); });
  return found == numbers.end() ? nullptr : &*found;
}

void set(View& view, const std::string& name, const Json& value, const ModelInfo& info) {
  if (name == "method") {
    view.map.method = method_named(word(value, name));
  } else if (name == "layer") {
    view.map.layer = whole(value, name);
  } else if (name == "start_layer") {
    view.map.start_layer = whole(value, name);
  } else if (const MapNumber* found = number_named(name)) {
    view.map.*found->value = real(value, name);
  } else if (name == "head") {
    set_head(view, value);
  } else if (name == "fusion") {
    view.fusion = fusion_named(word(value, name));
    if (view.map.fusion != HeadFusion::single) view.map.fusion = view.fusion;
  } else if (name == "class") {
    set_class(view.map, value, info);
  } else if (name == "hover") {
    view.hover.reset();
    if (!value.is_null()) view.hover = pixel(value, name);
  } else if (name == "pins") {
    if (!value.is_array()) wrong(name, "a list of [x, y]");
    view.pins.clear();
    for (const Json& pin : value) view.pins.push_back(pixel(pin, name));
  } else if (name == "colormap") {
    view.colours.colormap = colormap_named(word(value, name));
  } else if (name == "alpha") {
    view.colours.alpha = real(value, name);
  } else if (name == "scale") {
    view.scale = scale_named(word(value, name));
  } else if (name == "range") {
    if (!value.is_array() || value.size() != 2) wrong(name, "[lowest, highest]");
    view.lowest = real(value[0], name);
    view.highest = real(value[1], name);
  } else if (name == "smoothing") {
    view.smoothing = real(value, name);
  } else if (name == "side_by_side") {
    view.side_by_side = yes_or_no(value, name);
  } else if (name == "spread") {
    view.spread = spread_named(value);
  } else {
    throw Refusal(422, fmt::format("{}: there is no such setting", printable(name.substr(0, 64))));
  }
}

// A slider can be set to its ends, which the range may not include.
Json slider_of(const MapNumber& n) {
  const float lowest = n.lowest_belongs ? n.lowest : n.lowest + n.step;
  const float highest = !std::isfinite(n.highest) ? n.slider_end
                        : n.highest_belongs       ? n.highest
                                                  : n.highest - n.step;
  return {{"name", to_string(n.field)},
          {"meaning", n.meaning},
          {"lowest", shortest(lowest)},
          {"highest", shortest(highest)},
          {"step", shortest(n.step)}};
}

}  // namespace

void apply_settings(View& view, const Json& settings, const ModelInfo& info) {
  if (!settings.is_object()) throw Refusal(422, "want a JSON object of settings");
  try {
    // A change of method adapts what the view had before. Settings that are named here are taken as they are.
    if (const auto method = settings.find("method"); method != settings.end()) {
      set(view, "method", *method, info);
      if (const auto layer = settings.find("layer"); layer != settings.end()) {
        set(view, "layer", *layer, info);
        if (traits_of(view.map.method).takes(MapField::layer))
          view.map.layer = static_cast<int>(layer_of(info, view.map));
      }
      fit(view, info);
    }
    for (const auto& [name, value] : settings.items())
      if (name != "method") set(view, name, value, info);
    // The first layer moves with the last one, unless it is named here.
    if (traits_of(view.map.method).takes(MapField::start_layer) && !settings.contains("start_layer"))
      view.map.start_layer = std::min(view.map.start_layer, static_cast<int>(layer_of(info, view.map)));
    check(view, info);
  } catch (const RequestError& error) {
    throw Refusal(422, error.plain());
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
  for (const MapNumber& n : map_numbers()) out[to_string(n.field)] = shortest(view.map.*n.value);
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
    for (const MapNumber& n : map_numbers())
      if (t.takes(n.field)) numbers.push_back(slider_of(n));
    methods.push_back({{"name", t.name},
                       {"meaning", t.meaning},
                       {"class_specific", t.class_specific()},
                       {"takes_layer", t.takes(MapField::layer)},
                       {"takes_head", t.takes(MapField::head)},
                       {"takes_query", t.takes(MapField::query)},
                       {"takes_start_layer", t.takes(MapField::start_layer)},
                       {"parameters", std::move(numbers)},
                       {"layers", drawable_layers(info, method)}});
  }
  for (const Colormap map : colormaps()) colours.push_back(to_string(map));
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
