// What people call the choices of a request and of its map's look.
#include <fmt/format.h>

#include <array>
#include <cmath>

#include "core/text.h"
#include "fovea/live.h"
#include "fovea/maps.h"
#include "fovea/session.h"

namespace fovea {
namespace {

template <typename T>
struct Named {
  T value;
  const char* name;
};

constexpr std::array fusions = {Named{HeadFusion::mean, "mean"}, Named{HeadFusion::max, "max"},
                                Named{HeadFusion::min, "min"}};
constexpr std::array colours = {Named{Colormap::turbo, "turbo"}, Named{Colormap::viridis, "viridis"},
                                Named{Colormap::inferno, "inferno"}, Named{Colormap::jet, "jet"},
                                Named{Colormap::gray, "gray"}};
constexpr std::array scales = {Named{MapScale::frame, "frame"}, Named{MapScale::running, "running"},
                               Named{MapScale::fixed, "fixed"}};

template <typename T, size_t N>
const char* name_of(const std::array<Named<T>, N>& table, T value) {
  for (const Named<T>& entry : table)
    if (entry.value == value) return entry.name;
  return "";
}

template <typename T, size_t N>
constexpr std::array<T, N> values_of(const std::array<Named<T>, N>& table) {
  std::array<T, N> out{};
  for (size_t i = 0; i < N; ++i) out.at(i) = table.at(i).value;
  return out;
}

[[noreturn]] void no_such(const char* field, std::string_view name, const std::string& known) {
  constexpr size_t shown = 64;
  throw RequestError(field, printable(name.substr(0, shown)), "want one of " + known);
}

template <typename T, size_t N>
T named(const char* field, const std::array<Named<T>, N>& table, std::string_view name) {
  std::string known;
  for (const Named<T>& entry : table) {
    if (entry.name == name) return entry.value;
    known.append(known.empty() ? "" : ", ").append(entry.name);
  }
  no_such(field, name, known);
}

}  // namespace

const char* to_string(MapField field) {
  constexpr std::array names = {"method", "layer", "start_layer", "head", "query",
                                "class",  "mass",  "discard",     "sigma"};
  return names.at(static_cast<size_t>(field));
}

const char* to_string(MapMethod method) {
  return traits_of(method).name;
}

std::string names_of(const std::vector<MapMethod>& methods) {
  std::string out;
  for (const MapMethod m : methods) out.append(out.empty() ? "" : ", ").append(to_string(m));
  return out.empty() ? "none" : out;
}

MapMethod method_named(std::string_view name) {
  std::vector<MapMethod> known;
  for (const MapTraits& traits : map_traits()) {
    if (name == traits.name) return traits.method;
    known.push_back(traits.method);
  }
  no_such("method", name, names_of(known));
}

const char* to_string(HeadFusion fusion) {
  return fusion == HeadFusion::single ? "single" : name_of(fusions, fusion);
}

std::span<const HeadFusion> head_fusions() {
  static constexpr std::array values = values_of(fusions);
  return values;
}

HeadFusion fusion_named(std::string_view name) {
  return named("fusion", fusions, name);
}

const char* to_string(Colormap colormap) {
  return name_of(colours, colormap);
}

std::span<const Colormap> colormaps() {
  static constexpr std::array values = values_of(colours);
  return values;
}

Colormap colormap_named(std::string_view name) {
  return named("colormap", colours, name);
}

const char* to_string(MapScale scale) {
  return name_of(scales, scale);
}

std::span<const MapScale> map_scales() {
  static constexpr std::array values = values_of(scales);
  return values;
}

MapScale scale_named(std::string_view name) {
  return named("scale", scales, name);
}

void check_look(const OverlayOptions& look) {
  if (!(look.alpha >= 0 && look.alpha <= 1))
    throw RequestError("alpha", fmt::format("{}", look.alpha), "want a number from 0 up to 1");
  if (*to_string(look.colormap) == '\0')
    throw RequestError("colormap", fmt::format("{}", static_cast<int>(look.colormap)),
                       "there is no such colormap");
}

void check_look(const LiveLayer& layer) {
  check_look(layer.look);
  if (!(layer.smoothing >= 0 && layer.smoothing < 1))
    throw RequestError("smoothing", fmt::format("{}", layer.smoothing), "want a number from 0 to below 1");
  if (layer.scale == MapScale::fixed &&
      !(std::isfinite(layer.lowest) && std::isfinite(layer.highest) && layer.lowest < layer.highest))
    throw RequestError("range", fmt::format("{} to {}", layer.lowest, layer.highest),
                       "the first must be below the second");
}

}  // namespace fovea
