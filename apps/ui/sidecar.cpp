#include "apps/ui/sidecar.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "apps/util/classes.h"
#include "apps/util/digest.h"
#include "apps/util/encode.h"
#include "apps/util/npy.h"
#include "apps/util/terminal.h"
#include "core/atomic_file.h"
#include "core/text.h"
#include "fovea/embedded.h"
#include "fovea/error.h"
#include "fovea/preprocessing.h"
#include "models/weights/shards.h"

namespace fovea::apps {
namespace {

namespace fs = std::filesystem;

Json describe(const MapRequest& request, const AttentionMap& map, const ModelInfo& info,
              std::span<const Prediction> topk) {
  const MapTraits& traits = traits_of(request.method);
  Json json = {{"method", traits.name}, {"rows", map.rows}, {"cols", map.cols}};
  if (traits.takes(MapField::layer) && request.layer >= 0) {
    json["layer"] = request.layer;
    json["module"] = info.attention.at(static_cast<size_t>(request.layer)).name;
  }
  if (traits.takes(MapField::head) && request.fusion == HeadFusion::single)
    json["head"] = request.head;
  else if (traits.takes(MapField::head))
    json["heads"] = to_string(request.fusion);
  if (traits.takes(MapField::query) && request.query)
    json["query"] = {{"row", request.query->row}, {"col", request.query->col}};
  if (traits.takes(MapField::start_layer)) json["start_layer"] = request.start_layer;
  for (const MapNumber& number : map_numbers())
    if (traits.takes(number.field)) json[to_string(number.field)] = shortest(request.*number.value);
  json["class_specific"] = traits.class_specific();
  if (!traits.class_specific()) return json;
  if (!request.target) json["rank"] = request.rank + 1;
  if (request.target || request.rank < topk.size()) {
    const uint32_t index = request.target ? *request.target : topk[request.rank].index;
    json["class"] = {{"index", index}, {"label", label_of(info, index)}};
  }
  return json;
}

bool same_shape(const std::vector<AttentionMap>& maps) {
  return std::all_of(maps.begin(), maps.end(), [&](const AttentionMap& map) {
    return map.rows == maps.front().rows && map.cols == maps.front().cols;
  });
}

void add_file(Digest& digest, const fs::path& file, const std::atomic<bool>& cancel) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> input(std::fopen(file.c_str(), "rb"), std::fclose);
  if (!input)
    throw Error(ErrorKind::file,
                fmt::format("cannot read {}: {}", printable(file.native()), std::strerror(errno)));
  std::vector<std::byte> block(size_t{1} << 20);
  while (!cancel) {
    const size_t size = std::fread(block.data(), 1, block.size(), input.get());
    if (size == 0) break;
    digest.add(std::span(block).first(size));
  }
  if (std::ferror(input.get()) != 0)
    throw Error(ErrorKind::file, fmt::format("cannot read {} to its end", printable(file.native())));
}

}  // namespace

std::string weights_sha256_of(const ModelChoice& choice, const std::atomic<bool>& cancel) {
  Digest digest = Digest::sha256();
  if (choice.embedded) {
    digest.add(choice.embedded->files.weights);
  } else {
    for (const fs::path& file : io::weight_files(choice.folder)) add_file(digest, file, cancel);
  }
  return cancel ? "" : digest.hex();
}

Provenance::Provenance(const Model& model, const ModelChoice& choice, std::string source)
    : model_(model), source_(std::move(source)) {
  hash_ =
      std::async(std::launch::async, [this, choice] { return weights_sha256_of(choice, cancel_); }).share();
}

Provenance::~Provenance() {
  cancel_ = true;
}

std::string Provenance::weights_sha256() const {
  try {
    return hash_.get();
  } catch (const Error& error) {
    return fmt::format("unreadable: {}", error.what());
  }
}

Json sidecar(const Shown& shown, const Provenance& provenance) {
  const ModelInfo& info = provenance.model().info();
  const Preprocessing before = preprocessing_of(provenance.model());
  const View& view = shown.view;
  Json json = {{"fovea", FOVEA_VERSION},
               {"source", provenance.source()},
               {"frame", shown.frame_number},
               {"frame_size", {shown.frame.rows, shown.frame.cols}},
               {"model",
                {{"architecture", info.architecture},
                 {"weights_sha256", provenance.weights_sha256()},
                 {"precision", to_string(info.precision)},
                 {"device", provenance.model().device().info().name}}},
               {"preprocessing",
                {{"size", {before.height, before.width}},
                 {"interpolation", before.interpolation},
                 {"crop_mode", before.crop_mode},
                 {"crop_pct", before.crop_pct},
                 {"mean", Json::array()},
                 {"std", Json::array()}}},
               {"visible",
                {{"x", shown.visible.x},
                 {"y", shown.visible.y},
                 {"width", shown.visible.width},
                 {"height", shown.visible.height}}}};
  for (const float value : before.mean) json["preprocessing"]["mean"].push_back(shortest(value));
  for (const float value : before.std) json["preprocessing"]["std"].push_back(shortest(value));
  json["colours"] = {{"colormap", to_string(view.colours.colormap)},
                     {"alpha", shortest(view.colours.alpha)},
                     {"scale", to_string(view.scale)},
                     {"smoothing", shortest(view.smoothing)}};
  if (view.scale == MapScale::fixed)
    json["colours"]["range"] = {shortest(view.lowest), shortest(view.highest)};
  json["maps"] = Json::array();
  for (size_t i = 0; i < shown.maps.size() && i < shown.requests.size(); ++i)
    json["maps"].push_back(describe(shown.requests[i], shown.maps[i], info, shown.topk));
  json["topk"] = Json::array();
  for (const Prediction& p : shown.topk)
    if (info.has_head)
      json["topk"].push_back(
          {{"index", p.index}, {"label", label_of(info, p.index)}, {"probability", shortest(p.probability)}});
  return json;
}

std::vector<std::vector<unsigned char>> npy_files(const std::vector<AttentionMap>& maps) {
  std::vector<std::vector<unsigned char>> files;
  if (maps.empty()) return files;
  if (!same_shape(maps) || maps.size() == 1) {
    for (const AttentionMap& map : maps)
      files.push_back(npy_bytes(std::array<uint64_t, 2>{map.rows, map.cols}, map.values));
    return files;
  }
  std::vector<float> values;
  for (const AttentionMap& map : maps) values.insert(values.end(), map.values.begin(), map.values.end());
  files.push_back(
      npy_bytes(std::array<uint64_t, 3>{maps.size(), maps.front().rows, maps.front().cols}, values));
  return files;
}

std::vector<std::string> save_shown(const std::string& stem, const Shown& shown,
                                    const Provenance& provenance) {
  Json json = sidecar(shown, provenance);
  std::vector<std::string> names = {stem + ".png"};
  write_picture(names.front(), shown.picture);
  json["picture"] = fs::path(names.front()).filename().native();
  json["arrays"] = Json::array();
  const auto files = npy_files(shown.maps);
  for (size_t i = 0; i < files.size(); ++i) {
    names.push_back(files.size() == 1 ? stem + ".npy" : fmt::format("{}.{}.npy", stem, i));
    write_file(names.back(), files[i]);
    json["arrays"].push_back(fs::path(names.back()).filename().native());
  }
  const std::string text = dump(json, 2) + '\n';
  names.push_back(stem + ".json");
  write_file(names.back(), {reinterpret_cast<const unsigned char*>(text.data()), text.size()});
  return names;
}

}  // namespace fovea::apps
