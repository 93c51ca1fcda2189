// Colour tables of the overlay.
#pragma once

#include <array>
#include <cstdint>

#include "fovea/session.h"

namespace fovea {

// 256 colours from the lowest value to the highest, RGB from the low byte up. viridis, inferno
// and turbo are splines through nine of their colours, within a few levels of the originals.
std::array<uint32_t, 256> colormap_table(Colormap colormap);
// What the overlay draws with: RGB from 0 to 255 and opacity from 0 to 1 for each of 256 levels. A tint goes
// from transparent to opaque.
std::array<float, 1024> color_table(const OverlayOptions& options);

}  // namespace fovea
