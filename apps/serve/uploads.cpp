#include "apps/serve/uploads.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "apps/opencv/modules.h"
#include "apps/serve/http/multipart.h"
#include "apps/serve/view_json.h"
#include "apps/text/typed.h"
#include "apps/ui/view.h"
#include "apps/util/decode.h"
#include "apps/util/image_header.h"
#include "apps/util/npy.h"
#include "fovea/error.h"

namespace fovea::apps::serve {
namespace {

constexpr uint32_t most_classes = 20;

// "12", "-1" and "3.5" become numbers, as they would be in JSON.
Json value_of(const std::string& text) {
  double x = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  const bool all = error == std::errc() && end == text.data() + text.size() && !text.empty();
  return all && std::isfinite(x) ? Json(x) : Json(text);
}

uint32_t number_of_classes(const Request& request) {
  uint32_t top = 5;
  const std::string* text = request.parameter("top");
  if (text != nullptr && (!parse_number(*text, top) || top < 1 || top > most_classes))
    throw Refusal(422, fmt::format("top: want 1 to {}", most_classes));
  return top;
}

// What the query asks for, as a view of the picture.
View view_of_query(const Request& request, const ModelInfo& info) {
  View view;
  view.map.method = info.maps.front();
  Json settings = Json::object();
  for (const char* name : {"method", "layer", "start_layer", "head", "fusion", "class", "mass", "discard",
                           "sigma", "colormap", "alpha"})
    if (const std::string* text = request.parameter(name)) settings[name] = value_of(*text);
  const std::string *x = request.parameter("x"), *y = request.parameter("y");
  if ((x == nullptr) != (y == nullptr)) throw Refusal(422, "x and y go together");
  if (x != nullptr) settings["hover"] = Json::array({value_of(*x), value_of(*y)});
  for (const auto& [name, value] : request.query)
    if (name != "format" && name != "token" && name != "x" && name != "y" && !settings.contains(name))
      throw Refusal(422, fmt::format("{}: there is no such parameter", name.substr(0, 64)));
  // The layer, if none is named, is the method's last.
  if (!settings.contains("layer")) view.map.layer = -1;
  apply_settings(view, settings, info);
  return view;
}

Response picture_response(const cv::Mat& image, Session& session, const AttentionMap& map, const View& view) {
  std::vector<uint8_t> rgb = session.overlay(view_of(image), map, view.colours);
  cv::Mat bgr;
  cv::cvtColor(cv::Mat(image.rows, image.cols, CV_8UC3, rgb.data()), bgr, cv::COLOR_RGB2BGR);
  std::vector<unsigned char> png;
  opencv::codecs().encode(".png", bgr, png, {});
  return text_response({png.begin(), png.end()}, "image/png");
}

}  // namespace

cv::Mat decode_upload(const Request& request, uint64_t most_pixels) {
  std::string_view bytes = request.body;
  const std::string_view type = request.header("content-type");
  if (is_multipart(type)) bytes = first_file(type, bytes);
  if (bytes.empty()) throw Refusal(400, "the request has no picture in its body");
  std::vector<uint8_t> file(bytes.begin(), bytes.end());
  const ImageHeader header = read_image_header(file);
  if (header.format != "JPEG" && header.format != "PNG" && header.format != "WebP")
    throw Refusal(415, "not a picture that is taken here: send JPEG, PNG or WebP");
  if (header.width == 0 || header.height == 0) throw Refusal(422, "the picture does not say how large it is");
  if (header.height > most_pixels / header.width)
    throw Refusal(413, fmt::format("{} of {} x {} pixels, this address takes {}", header.format, header.width,
                                   header.height, most_pixels));
  try {
    return decode_image(std::move(file));
  } catch (const Error& error) {
    throw Refusal(422, error.what());
  }
}

Session& Stills::session() {
  if (!session_) {
    SessionOptions options;
    options.top_k = most_classes;
    options.attention = true;
    Session made(model_, options);
    made.prepare();
    session_.emplace(std::move(made));
  }
  return *session_;
}

Response Stills::classify(const Request& request) {
  const uint32_t top = number_of_classes(request);
  if (!model_.info().has_head)
    throw Refusal(422, fmt::format("{} has no classification head", model_.info().architecture));
  const Turn turn(turns_);
  const cv::Mat image = decode_upload(request, most_upload_pixels);
  const ImageView view = view_of(image);
  Classification result = session().classify({&view, 1}).front();
  result.topk.resize(std::min<size_t>(result.topk.size(), top));
  return text_response(dump(Json{{"api", api_version},
                                 {"picture", {image.cols, image.rows}},
                                 {"top", predictions(result.topk, model_.info())},
                                 {"ms",
                                  {{"preprocess", rounded_ms(result.preprocess_ms)},
                                   {"model", rounded_ms(result.model_ms)}}}}) +
                           '\n',
                       "application/json");
}

Response Stills::map(const Request& request) {
  const ModelInfo& info = model_.info();
  if (info.maps.empty()) throw Refusal(422, fmt::format("{} has no maps", info.architecture));
  const std::string* format = request.parameter("format");
  const std::string wanted = format == nullptr ? "json" : *format;
  if (wanted != "json" && wanted != "npy" && wanted != "png")
    throw Refusal(422, "format: want json, npy or png");
  View view = view_of_query(request, info);
  const Turn turn(turns_);
  Session& session = this->session();
  const cv::Mat image = decode_upload(request, most_upload_pixels);
  const ImageView pixels = view_of(image);
  AttentionMap map;
  std::vector<Prediction> topk;
  try {
    topk = session.classify({&pixels, 1}).front().topk;
    if (view.hover && traits_of(view.map.method).takes(MapField::query))
      view.map.query =
          session.patch_at(pixels.width, pixels.height, view.hover->x, view.hover->y, view.map.layer);
    map = session.map(view.map);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage && error.kind() != ErrorKind::unsupported) throw;
    throw Refusal(422, error.what());
  }
  if (wanted == "png") return picture_response(image, session, map, view);
  if (wanted == "npy") {
    const std::vector<unsigned char> bytes = npy_bytes(std::vector<uint64_t>{map.rows, map.cols}, map.values);
    return text_response({bytes.begin(), bytes.end()}, "application/octet-stream");
  }
  const Region region = session.visible_region(pixels.width, pixels.height);
  Json values = Json::array();
  for (const float value : map.values) values.push_back(shortest(value));
  topk.resize(std::min<size_t>(topk.size(), 5));
  return text_response(dump(Json{{"api", api_version},
                                 {"picture", {image.cols, image.rows}},
                                 {"title", title(view, info)},
                                 {"about", class_line(view, info, topk)},
                                 {"visible", {region.x, region.y, region.width, region.height}},
                                 {"rows", map.rows},
                                 {"cols", map.cols},
                                 {"values", std::move(values)},
                                 {"top", predictions(topk, info)}}) +
                           '\n',
                       "application/json");
}

}  // namespace fovea::apps::serve
