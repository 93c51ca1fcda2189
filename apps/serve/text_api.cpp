#include "apps/serve/text_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "apps/serve/http/backlog.h"
#include "apps/serve/uploads.h"
#include "apps/serve/view_json.h"
#include "apps/ui/text_report.h"
#include "apps/util/decode.h"
#include "apps/util/elapsed.h"
#include "fovea/error.h"

namespace fovea::apps::serve {
namespace {

using Clock = std::chrono::steady_clock;

// What a request asks for. Throws Refusal.
struct Asked {
  std::string words;
  std::optional<Region> part;
  std::optional<TokenMapRequest> map;  // where it is not the session's own
  uint64_t most_tokens = 0;
};

Asked asked_by(const Request& request, const TextSession& session, const TextDefaults& defaults) {
  const std::string words = session.takes_words() ? name_of_words(task_of(session.model())) : "";
  for (const auto& [name, value] : request.query)
    if (name != "region" && name != "max_tokens" && name != "method" && name != "layer" && name != "head" &&
        name != "token" && (name != words || words.empty()))
      throw Refusal(422, fmt::format("{}: there is no such parameter", name.substr(0, 64)));
  Asked out;
  out.most_tokens = whole_parameter(request, "max_tokens", defaults.most_tokens);
  if (out.most_tokens < 1 || out.most_tokens > defaults.most_tokens)
    throw Refusal(422, fmt::format("max_tokens: want 1 to {}", defaults.most_tokens));
  if (const std::string* given = request.parameter(words)) out.words = *given;
  if (const std::string* region = request.parameter("region")) out.part = region_named(*region);
  TokenMapNames names = defaults.map;
  bool other = false;
  for (const auto& [name, to] :
       {std::pair("method", &names.method), std::pair("layer", &names.layer), std::pair("head", &names.head)})
    if (const std::string* given = request.parameter(name)) {
      *to = *given;
      other = true;
    }
  if (other) out.map = token_map_named(names);
  return out;
}

std::string line_of(const Json& json) {
  return dump(json) + '\n';
}

}  // namespace

// A text under way. Holds the session until done(); the first token is there from the beginning, so that what
// is wrong with a request is known before anything is answered.
class TextApi::Writing {
 public:
  Writing(TextApi& api, const Request& request)
      : session_(api.session_), asked_(asked_by(request, session_, api.defaults_)) {
    turn_.emplace(api.turns_);
    if (api.stopping()) throw Refusal(503, "the program ends");
    const auto start = Clock::now();
    const cv::Mat image = decode_upload(request, most_upload_pixels);
    decode_ms_ = ms_since(start);
    width_ = image.cols;
    height_ = image.rows;
    start_ = Clock::now();
    session_.start(view_of(image), asked_.words, asked_.part);
    next();
  }

  // False when all are written.
  bool next() {
    if (written_.tokens.size() == asked_.most_tokens) return false;
    std::optional<TextToken> token = session_.next();
    if (!token) return false;
    if (asked_.map) token->map = session_.map(*asked_.map);
    written_.tokens.push_back(std::move(*token));
    written_.texts.push_back(session_.text());
    written_.text_ms = ms_since(start_);
    return true;
  }

  Json beginning() const {
    const AttentionMap& grid = written_.tokens.front().map.cells;
    return {{"api", api_version},
            {"picture", {width_, height_}},
            {"seen", rounded_box(session_.visible_region())},
            {"grid", {grid.rows, grid.cols}}};
  }
  Json newest() const {
    const TextToken& token = written_.tokens.back();
    Json out = token_json(token, session_.visible_region());
    out["so_far"] = written_.texts.back();
    Json values = Json::array();
    for (const float value : token.map.cells.values) values.push_back(shortest(value));
    out["attention"]["values"] = std::move(values);
    return out;
  }
  Json whole() const {
    Json out = {{"api", api_version}, {"picture", {width_, height_}}};
    out.update(text_json(session_, asked_.words, written_, decode_ms_));
    return out;
  }
  void done() { turn_.reset(); }

 private:
  TextSession& session_;
  const Asked asked_;
  std::optional<Turn> turn_;
  double decode_ms_ = 0;
  int width_ = 0, height_ = 0;
  Clock::time_point start_;
  Written written_;
};

const std::vector<Route<TextApi>>& TextApi::routes() {
  static const std::vector<Route<TextApi>> all = {
      {"GET", {"api", "status"}, &TextApi::status},
      {"GET", {"api", "model"}, &TextApi::model},
      {"POST", {"api", "text"}, &TextApi::text, most_body_bytes},
      {"POST", {"api", "text", "stream"}, &TextApi::stream, most_body_bytes},
      {"GET", {"*"}, &TextApi::file},
      {"GET", {""}, &TextApi::file},
  };
  return all;
}

TextApi::TextApi(TextSession& session, const TextDefaults& defaults, const Guard& guard)
    : session_(session), defaults_(defaults), guard_(guard) {}

uint64_t TextApi::admit(const Request& head) {
  guard_.check(head);
  return route_of(routes(), head, parts_of(head)).most_body;
}

Response TextApi::answer(const Request& request) {
  if (std::optional<Response> welcome = guard_.welcome(request)) return *welcome;
  const Parts parts = parts_of(request);
  const Route<TextApi>& route = route_of(routes(), request, parts);
  try {
    return (this->*route.answer)(request, parts);
  } catch (const RequestError& error) {
    throw Refusal(422, fmt::format("{} {}: {}", error.field(), error.value(), error.reason()));
  } catch (const Error& error) {
    note(error);
    if (error.kind() == ErrorKind::usage || error.kind() == ErrorKind::unsupported)
      throw Refusal(422, error.what());
    throw;
  }
}

Response TextApi::file(const Request& request, const Parts& parts) {
  (void)request;
  return page_response(parts[0], "text.html");
}

Response TextApi::status(const Request& request, const Parts& parts) {
  (void)request, (void)parts;
  return json_response({{"api", api_version},
                        {"version", FOVEA_VERSION},
                        {"architecture", session_.model().info().architecture},
                        {"pictures", turns_.taken()}});
}

Response TextApi::model(const Request& request, const Parts& parts) {
  (void)request, (void)parts;
  const ModelInfo& info = session_.model().info();
  const TextTask task = task_of(session_.model());
  return json_response({{"api", api_version},
                        {"architecture", info.architecture},
                        {"device", session_.model().device().info().name},
                        {"task", command_for(task)},
                        {"about", to_string(task)},
                        {"words", session_.takes_words() ? Json(name_of_words(task)) : Json()},
                        {"first_words", defaults_.words},
                        {"max_tokens", defaults_.most_tokens}});
}

Response TextApi::text(const Request& request, const Parts& parts) {
  (void)parts;
  Writing writing(*this, request);
  while (writing.next())
    if (stopping()) throw Refusal(503, "the program ends");
  return json_response(writing.whole());
}

Response TextApi::stream(const Request& request, const Parts& parts) {
  (void)parts;
  Response out;
  out.type = "application/x-ndjson";
  out.stream = [this, writing = std::make_shared<Writing>(*this, request)](Outlet& outlet) {
    send(*writing, outlet);
  };
  return out;
}

// A peer that hangs up ends the text: nobody waits for the rest.
void TextApi::send(Writing& writing, Outlet& outlet) {
  Backlog lines(outlet);
  lines.add(line_of(writing.beginning()));
  try {
    do {
      lines.add(line_of(writing.newest()));
      if (outlet.stopping() || outlet.gone()) return;
    } while (writing.next());
    lines.add(line_of(writing.whole()));
  } catch (const Error& error) {
    note(error);
    lines.add(line_of(Json{{"error", error.what()}}));
  }
  writing.done();
  lines.finish();
}

}  // namespace fovea::apps::serve
