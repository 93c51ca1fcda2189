#include "apps/serve/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/serve/view_json.h"
#include "apps/ui/painter.h"
#include "fovea/error.h"

namespace fovea::apps::serve {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t most_settings_bytes = 64 << 10, most_frame_bytes = 4 << 20;
constexpr int most_streams = 32;
constexpr milliseconds longest_wait{10000};
// A reader with a full window of 64 KiB opens it when it is empty: at a small picture every two seconds,
// after a quarter of a minute. Less than the time after which a viewer is forgotten.
constexpr int reader_rests_ms = 25000;

Json body_as_json(const Request& request) {
  Json out = Json::parse(request.body, nullptr, false);
  if (out.is_discarded()) throw Refusal(400, "the body is not JSON");
  return out;
}

}  // namespace

const std::vector<Route<Api>>& Api::routes() {
  static const std::vector<Route<Api>> all = {
      {"GET", {"api", "status"}, &Api::status},
      {"GET", {"api", "model"}, &Api::model},
      {"GET", {"api", "labels"}, &Api::labels},
      {"POST", {"api", "classify"}, &Api::classify, most_body_bytes},
      {"POST", {"api", "map"}, &Api::map, most_body_bytes},
      {"POST", {"api", "viewers"}, &Api::add_viewer, most_settings_bytes},
      {"GET", {"api", "viewers", "*"}, &Api::viewer},
      {"PATCH", {"api", "viewers", "*"}, &Api::change_viewer, most_settings_bytes},
      {"DELETE", {"api", "viewers", "*"}, &Api::remove_viewer},
      {"GET", {"api", "viewers", "*", "picture"}, &Api::picture},
      {"GET", {"api", "viewers", "*", "stream"}, &Api::stream},
      {"GET", {"api", "viewers", "*", "snapshot.png"}, &Api::snapshot},
      {"GET", {"api", "viewers", "*", "snapshot.npy"}, &Api::snapshot},
      {"GET", {"api", "viewers", "*", "snapshot.json"}, &Api::snapshot},
      {"POST", {"api", "camera"}, &Api::begin_camera, most_settings_bytes},
      {"POST", {"api", "camera", "*"}, &Api::camera_frame, most_frame_bytes},
      {"DELETE", {"api", "camera", "*"}, &Api::end_camera},
      {"GET", {"*"}, &Api::file},
      {"GET", {""}, &Api::file},
  };
  return all;
}

Api::Api(Engine& engine, BrowserCamera& camera, const Provenance& provenance, const View& first_view,
         const Guard& guard)
    : engine_(engine),
      camera_(camera),
      provenance_(provenance),
      guard_(guard),
      viewers_(engine, first_view),
      stills_(engine.model()) {}

uint64_t Api::admit(const Request& head) {
  guard_.check(head);
  const Parts parts = parts_of(head);
  const Route<Api>& route = route_of(routes(), head, parts);
  // Before 4 MiB are read for somebody who made the name up.
  if (route.answer == &Api::camera_frame) camera_.check(std::string(parts[2]));
  return route.most_body;
}

Response Api::answer(const Request& request) {
  if (std::optional<Response> welcome = guard_.welcome(request)) return *welcome;
  const Parts parts = parts_of(request);
  const Route<Api>& route = route_of(routes(), request, parts);
  try {
    return (this->*route.answer)(request, parts);
  } catch (const Error& error) {
    note(error);
    // A viewer that left between two lines of this request.
    if (error.kind() == ErrorKind::usage) throw Refusal(422, error.what());
    throw;
  }
}

void Api::sweep() {
  viewers_.sweep();
  camera_.sweep();
}

Response Api::file(const Request& request, const Parts& parts) {
  (void)request;
  return page_response(parts[0], "index.html");
}

Json Api::source() const {
  const EngineStatus s = engine_.status();
  return {{"fps", rounded_ms(s.fps)},  {"frames", s.frames}, {"dropped", s.dropped},
          {"waiting", s.waiting},      {"ended", s.ended},   {"note", s.note},
          {"camera", camera_.active()}};
}

Response Api::status(const Request& request, const Parts& parts) {
  (void)request, (void)parts;
  return json_response({{"api", api_version},
                        {"version", FOVEA_VERSION},
                        {"architecture", engine_.model().info().architecture},
                        {"source", source()},
                        {"viewers", viewers_.count()}});
}

Response Api::model(const Request& request, const Parts& parts) {
  (void)request, (void)parts;
  Json out = describe(engine_.model());
  out["settings"] = settings_of(viewers_.first_view());
  return json_response(out);
}

Response Api::labels(const Request& request, const Parts& parts) {
  (void)request, (void)parts;
  return json_response({{"api", api_version}, {"labels", engine_.model().info().labels}});
}

Response Api::classify(const Request& request, const Parts& parts) {
  (void)parts;
  return stills_.classify(request);
}

Response Api::map(const Request& request, const Parts& parts) {
  (void)parts;
  return stills_.map(request);
}

Response Api::add_viewer(const Request& request, const Parts& parts) {
  (void)parts;
  const auto viewer = viewers_.add(request.body.empty() ? Json::object() : body_as_json(request));
  return json_response({{"api", api_version}, {"viewer", viewer->id()}, {"settings", viewer->settings()}},
                       201);
}

Json Api::describe_shown(const Shown& shown) const {
  const ModelInfo& info = engine_.model().info();
  const StageTimes& t = shown.device_ms;
  Json maps = Json::array();
  for (const AttentionMap& map : shown.maps) {
    const auto [lowest, highest] = std::minmax_element(map.values.begin(), map.values.end());
    if (lowest == map.values.end()) continue;
    maps.push_back({{"rows", map.rows},
                    {"cols", map.cols},
                    {"lowest", shortest(*lowest)},
                    {"highest", shortest(*highest)}});
  }
  Json tile;
  if (shown.view.spread != Spread::one) {
    const auto [size, picture] = tile_of(shown.frame.size());
    tile = {{"size", {size.width, size.height}},
            {"picture", {picture.x, picture.y, picture.width, picture.height}}};
  }
  const Region& seen = shown.visible;
  return {{"sequence", shown.sequence},
          {"frame", shown.frame_number},
          {"frame_size", {shown.frame.cols, shown.frame.rows}},
          {"picture_size", {shown.picture.cols, shown.picture.rows}},
          {"tile", std::move(tile)},
          {"visible", {seen.x, seen.y, seen.width, seen.height}},
          {"title", title(shown.view, info)},
          {"about", class_line(shown.view, info, shown.topk)},
          {"top", predictions(shown.topk, info)},
          {"maps", std::move(maps)},
          {"device_ms",
           {{"upload", rounded_ms(t.upload)},
            {"preprocess", rounded_ms(t.preprocess)},
            {"model", rounded_ms(t.model)},
            {"maps", rounded_ms(t.maps)},
            {"overlay", rounded_ms(t.overlay)},
            {"download", rounded_ms(t.download)}}},
          {"latency_ms", rounded_ms(shown.latency_ms)},
          {"problem", shown.error.empty() ? Json() : Json(shown.error)}};
}

// In steps, so that the end of the program is not waited for.
std::shared_ptr<const Shown> Api::wait_for_newer(Viewer& viewer, const Request& request) const {
  const uint64_t after = whole_parameter(request, "after", 0);
  const uint64_t most = static_cast<uint64_t>(longest_wait.count());
  const auto deadline = Clock::now() + milliseconds(std::min(whole_parameter(request, "wait", 0), most));
  for (;;) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    auto shown = viewer.newer(after, std::clamp(left, milliseconds(0), milliseconds(200)));
    if (shown || stopping() || left <= milliseconds(0)) return shown;
  }
}

Response Api::viewer(const Request& request, const Parts& parts) {
  const auto viewer = viewers_.at(std::string(parts[2]));
  const auto shown = wait_for_newer(*viewer, request);
  Json out = {{"api", api_version},
              {"viewer", viewer->id()},
              {"settings", viewer->settings()},
              {"shown", shown ? describe_shown(*shown) : Json()},
              {"source", source()}};
  return json_response(out);
}

Response Api::change_viewer(const Request& request, const Parts& parts) {
  const auto viewer = viewers_.at(std::string(parts[2]));
  viewer->change(body_as_json(request));
  return json_response({{"api", api_version}, {"viewer", viewer->id()}, {"settings", viewer->settings()}});
}

Response Api::remove_viewer(const Request& request, const Parts& parts) {
  (void)request;
  viewers_.remove(std::string(parts[2]));
  return text_response("", "text/plain", 204);
}

Response Api::picture(const Request& request, const Parts& parts) {
  const auto viewer = viewers_.at(std::string(parts[2]));
  const auto shown = wait_for_newer(*viewer, request);
  if (!shown) return text_response("", "text/plain", 204);
  Response out;
  out.type = "image/jpeg";
  out.headers = {{"Fovea-Sequence", fmt::format("{}", shown->sequence)},
                 {"Fovea-Frame", fmt::format("{}", shown->frame_number)}};
  out.body = viewer->jpeg(*shown);
  return out;
}

Response Api::stream(const Request& request, const Parts& parts) {
  (void)request;
  const auto viewer = viewers_.at(std::string(parts[2]));
  if (streams_ >= most_streams) throw Refusal(503, fmt::format("{} streams already", most_streams));
  Response out;
  out.type = "multipart/x-mixed-replace; boundary=fovea";
  out.stream = [this, viewer](Outlet& outlet) { send_stream(viewer, outlet); };
  return out;
}

void Api::send_stream(const std::shared_ptr<Viewer>& viewer, Outlet& outlet) {
  struct Count {
    std::atomic<int>& streams;
    explicit Count(std::atomic<int>& s) : streams(s) { ++streams; }
    ~Count() { --streams; }
  } const count(streams_);
  uint64_t sent = 0;
  // The picture is chosen when the peer has room for it: whatever came meanwhile is skipped.
  while (!outlet.stopping() && outlet.ready(reader_rests_ms)) {
    const auto shown = viewer->newer(sent, milliseconds(250));
    if (!shown) continue;
    sent = shown->sequence;
    const Bytes jpeg = viewer->jpeg(*shown);
    if (!outlet.send(fmt::format("--fovea\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n"
                                 "Fovea-Sequence: {}\r\nFovea-Frame: {}\r\n\r\n",
                                 jpeg->size(), shown->sequence, shown->frame_number)) ||
        !outlet.send(*jpeg) || !outlet.send("\r\n"))
      return;
  }
}

Response Api::begin_camera(const Request& request, const Parts& parts) {
  (void)request, (void)parts;
  return json_response({{"api", api_version}, {"camera", camera_.begin()}}, 201);
}

Response Api::camera_frame(const Request& request, const Parts& parts) {
  // A browser that sends faster than we decode learns it here.
  const std::unique_lock lock(decoding_, std::try_to_lock);
  if (!lock) throw Refusal(503, "the frame before is still being decoded");
  camera_.push(std::string(parts[2]), decode_upload(request, most_camera_pixels));
  return json_response({{"api", api_version}}, 202);
}

Response Api::end_camera(const Request& request, const Parts& parts) {
  (void)request;
  camera_.finish(std::string(parts[2]));
  return text_response("", "text/plain", 204);
}

}  // namespace fovea::apps::serve
