#include "vision/colormap.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "fovea/error.h"

namespace fovea {
namespace {

// What the model did not see fades as the map grows stronger, down to half.
constexpr double outside_fading = 0.5;

using Rgb = std::array<double, 3>;
using Knots = std::array<Rgb, 9>;  // evenly spaced from 0 to 1

constexpr Knots viridis = {{{68, 1, 84},
                            {71, 44, 122},
                            {59, 82, 139},
                            {44, 114, 142},
                            {33, 145, 140},
                            {40, 174, 128},
                            {94, 201, 98},
                            {173, 220, 48},
                            {253, 231, 37}}};
constexpr Knots inferno = {{{0, 0, 4},
                            {31, 12, 72},
                            {87, 16, 110},
                            {138, 34, 106},
                            {188, 55, 84},
                            {228, 90, 49},
                            {249, 142, 9},
                            {249, 203, 53},
                            {252, 255, 164}}};
constexpr Knots turbo = {{{48, 18, 59},
                          {70, 107, 227},
                          {40, 187, 236},
                          {50, 242, 152},
                          {164, 252, 60},
                          {238, 207, 58},
                          {251, 126, 33},
                          {209, 48, 5},
                          {122, 4, 3}}};

// Catmull-Rom spline.
Rgb spline(const Knots& knots, double t) {
  const double position = t * static_cast<double>(knots.size() - 1);
  const auto i = std::min(static_cast<size_t>(position), knots.size() - 2);
  const double u = position - static_cast<double>(i);
  const Rgb &b = knots.at(i), &c = knots.at(i + 1);
  const Rgb &a = knots.at(i == 0 ? 0 : i - 1), &d = knots.at(std::min(i + 2, knots.size() - 1));
  Rgb out{};
  for (size_t k = 0; k < 3; ++k)
    out.at(k) = b.at(k) + 0.5 * u *
                              (c.at(k) - a.at(k) +
                               u * (2 * a.at(k) - 5 * b.at(k) + 4 * c.at(k) - d.at(k) +
                                    u * (3 * (b.at(k) - c.at(k)) + d.at(k) - a.at(k))));
  return out;
}

Rgb color_at(Colormap colormap, double t) {
  const auto tent = [t](double middle) { return 255 * std::clamp(1.5 - std::abs(4 * t - middle), 0.0, 1.0); };
  switch (colormap) {
    case Colormap::viridis:
      return spline(viridis, t);
    case Colormap::inferno:
      return spline(inferno, t);
    case Colormap::turbo:
      return spline(turbo, t);
    case Colormap::jet:
      return {tent(3), tent(2), tent(1)};
    case Colormap::gray:
      return {255 * t, 255 * t, 255 * t};
  }
  throw Error(ErrorKind::usage, fmt::format("[overlay] colormap {} is not one of viridis, inferno, turbo, "
                                            "jet, gray",
                                            static_cast<int>(colormap)));
}

}  // namespace

std::array<uint32_t, 256> colormap_table(Colormap colormap) {
  std::array<uint32_t, 256> table{};
  for (size_t i = 0; i < table.size(); ++i) {
    const Rgb rgb = color_at(colormap, static_cast<double>(i) / 255);
    for (size_t k = 0; k < 3; ++k)
      table.at(i) |= static_cast<uint32_t>(std::clamp(std::round(rgb.at(k)), 0.0, 255.0)) << (8 * k);
  }
  return table;
}

std::array<float, 1028> color_table(const OverlayOptions& look) {
  std::array<uint32_t, 256> colors{};
  if (look.tint) {
    const auto& [red, green, blue] = *look.tint;
    colors.fill(uint32_t{red} | uint32_t{green} << 8 | uint32_t{blue} << 16);
  } else {
    colors = colormap_table(look.colormap);
  }
  std::array<float, 1028> table{};
  const double alpha = double{look.alpha};
  const auto set = [&](size_t i, double opacity, uint32_t color, double own) {
    for (size_t c = 0; c < 3; ++c)
      table.at(4 * i + c) = static_cast<float>(opacity * (color >> (8 * c) & 255U) + 0.5);
    table.at(4 * i + 3) = static_cast<float>(own);
  };
  for (size_t i = 0; i < colors.size(); ++i) {
    const double opacity = look.tint ? alpha * static_cast<double>(i) / 255 : alpha;
    set(i, opacity, colors.at(i), 1 - opacity);
  }
  set(colors.size(), 0, 0, look.tint ? 1 : 1 - outside_fading * alpha);
  return table;
}

}  // namespace fovea
