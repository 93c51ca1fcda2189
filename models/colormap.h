// Colour tables of the overlay.
#pragma once

#include <array>
#include <cstdint>

#include "fovea/session.h"

namespace fovea {

// 256 colours from the lowest value to the highest, RGB and opacity from the low byte up. viridis, inferno
// and turbo are splines through nine of their colours, within a few levels of the originals.
std::array<uint32_t, 256> colormap_table(Colormap colormap);
// The same for a tint where the options have one: its colour, from transparent to opaque.
std::array<uint32_t, 256> color_table(const OverlayOptions& options);

}  // namespace fovea
