// What a viewer downloads: the picture, its maps and what they are.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "apps/opencv/modules.h"
#include "apps/serve/api.h"
#include "apps/serve/view_json.h"

namespace fovea::apps::serve {
namespace {

std::string npy_of(const Shown& shown) {
  const std::vector<std::vector<unsigned char>> files = npy_files(shown.maps);
  if (files.empty()) throw Refusal(422, "this picture has no map");
  if (files.size() > 1) throw Refusal(422, "these layers have grids of different sizes: show one of them");
  return {files.front().begin(), files.front().end()};
}

}  // namespace

Response Api::snapshot(const Request& request, const Parts& parts) {
  const auto viewer = viewers_.at(std::string(parts[2]));
  const std::string* sequence = request.parameter("sequence");
  uint64_t number = 0;
  if (sequence != nullptr && (sequence->empty() || sequence->size() > 18 ||
                              sequence->find_first_not_of("0123456789") != sequence->npos))
    throw Refusal(422, "sequence: want a whole number");
  if (sequence != nullptr) number = std::stoull(*sequence);
  const auto shown = sequence != nullptr ? viewer->kept(number) : viewer->snapshot();
  const std::string_view kind = parts[3];
  Response out;
  if (kind == "snapshot.png") {
    std::vector<unsigned char> png;
    opencv::codecs().encode(".png", shown->picture, png, {});
    out = text_response({png.begin(), png.end()}, "image/png");
  } else if (kind == "snapshot.npy") {
    out = text_response(npy_of(*shown), "application/octet-stream");
  } else {
    Json json = sidecar(*shown, provenance_);
    json["api"] = api_version;
    json["sequence"] = shown->sequence;
    out = text_response(dump(json, 2) + '\n', "application/json");
  }
  const std::string_view ending = kind.substr(kind.find('.'));
  out.headers.emplace_back("Content-Disposition",
                           fmt::format("attachment; filename=\"fovea.{}{}\"", shown->frame_number, ending));
  out.headers.emplace_back("Fovea-Sequence", fmt::format("{}", shown->sequence));
  return out;
}

}  // namespace fovea::apps::serve
