#include "apps/ui/text_report.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <system_error>

#include "apps/text/typed.h"
#include "core/text.h"

namespace fovea::apps {
namespace {

constexpr size_t most_echoed = 64;  // of what was asked for, in an error

Json attention_json(const TokenMap& map, const Region& seen) {
  Json out = {{"elsewhere", shortest(map.elsewhere)}};
  if (const auto focus = focus_of(map.cells, seen)) {
    const Json centre = rounded_box({focus->x, focus->y, 0, 0});
    out["centre"] = {centre[0], centre[1]};
    out["box"] = rounded_box(focus->box);
  } else {
    out["centre"] = out["box"] = nullptr;
  }
  return out;
}

}  // namespace

Region region_named(const std::string& text) {
  double numbers[4] = {};
  const char* at = text.c_str();
  for (double& number : numbers) {
    char* end = nullptr;
    number = std::strtod(at, &end);
    const bool last = &number == &numbers[3];
    if (end == at || *end != (last ? '\0' : ','))
      throw RequestError("region", printable(text, most_echoed),
                         "want X,Y,W,H in pixels of the picture, for example 120,80,200,40");
    at = end + 1;
  }
  return {numbers[0], numbers[1], numbers[2], numbers[3]};
}

TokenMapRequest token_map_named(const TokenMapNames& names) {
  const auto& [method, layer, head] = names;
  TokenMapRequest map;
  map.method = method_named(method);
  const TokenMapNames usual;
  if (map.method != MapMethod::raw && (layer != usual.layer || head != usual.head)) {
    const bool by_layer = layer != usual.layer;
    throw RequestError(by_layer ? "layer" : "head", printable(by_layer ? layer : head, most_echoed),
                       fmt::format("{} goes through all layers and heads", method));
  }
  const char* const end = layer.data() + layer.size();
  if (const auto [stop, error] = std::from_chars(layer.data(), end, map.layer);
      error != std::errc() || stop != end)
    throw RequestError("layer", printable(layer, most_echoed),
                       "want a number, 0 the decoder's first layer, -1 its last");
  if (parse_number(head, map.head)) {
    map.fusion = HeadFusion::single;
    return map;
  }
  try {
    map.fusion = fusion_named(head);
  } catch (const RequestError& error) {
    throw RequestError("head", printable(head, most_echoed), error.reason() + " or a number");
  }
  return map;
}

const char* command_for(TextTask task) {
  switch (task) {
    case TextTask::read:
      return "read";
    case TextTask::describe:
      return "caption";
    case TextTask::answer:
      return "ask";
    case TextTask::none:
      break;
  }
  return "classify";
}

const char* name_of_words(TextTask task) {
  return task == TextTask::answer ? "question" : "prompt";
}

Json rounded_box(const Region& r) {
  const auto rounded = [](double pixels) { return std::round(pixels * 100) / 100; };
  return {rounded(r.x), rounded(r.y), rounded(r.width), rounded(r.height)};
}

Json token_json(const TextToken& token, const Region& seen) {
  return {{"id", token.id},
          {"token", token.token},
          {"text", token.text},
          {"probability", shortest(token.probability)},
          {"attention", attention_json(token.map, seen)}};
}

Json text_json(const TextSession& session, const std::string& words, const Written& written,
               double decode_ms) {
  const Region seen = session.visible_region();
  Json tokens = Json::array();
  for (const TextToken& token : written.tokens) tokens.push_back(token_json(token, seen));
  const AttentionMap& grid = written.tokens.front().map.cells;
  Json out = {{"text", session.text()}};
  if (!words.empty()) out[name_of_words(task_of(session.model()))] = words;
  out["ended"] = session.ended();
  out["tokens"] = std::move(tokens);
  out["seen"] = rounded_box(seen);
  out["grid"] = {grid.rows, grid.cols};
  out["ms"] = {{"decode", rounded_ms(decode_ms)}, {"text", rounded_ms(written.text_ms)}};
  return out;
}

}  // namespace fovea::apps
