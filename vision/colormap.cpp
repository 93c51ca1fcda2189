#include "vision/colormap.h"

#include <charconv>
#include <string_view>

namespace fovea {
namespace {

#include "vision/colours.inc"

// What the model did not see fades as the map grows stronger, down to half.
constexpr double outside_fading = 0.5;

constexpr size_t digits = 6;  // a colour

std::string_view colours_of(Colormap colormap) {
  switch (colormap) {
    case Colormap::turbo:
      return turbo;
    case Colormap::viridis:
      return viridis;
    case Colormap::inferno:
      return inferno;
    case Colormap::jet:
      return jet;
    case Colormap::gray:
      break;
  }
  return {};
}

// RRGGBB as RGB from the low byte up.
uint32_t colour_of(std::string_view text) {
  uint32_t rgb = 0;
  std::from_chars(text.data(), text.data() + text.size(), rgb, 16);
  return rgb >> 16 | (rgb & 0xff00U) | (rgb & 0xffU) << 16;
}

}  // namespace

std::array<uint32_t, 256> colormap_table(Colormap colormap) {
  check_look({.colormap = colormap});
  const std::string_view colours = colours_of(colormap);
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i)
    table.at(i) = colours.empty() ? i * 0x010101U : colour_of(colours.substr(i * digits, digits));
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
