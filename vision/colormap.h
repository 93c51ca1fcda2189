// Colour tables of the overlay.
#pragma once

#include <array>
#include <cstdint>

#include "fovea/session.h"

namespace fovea {

// 256 colours from the lowest value to the highest, RGB from the low byte up. Throws RequestError for a
// colormap that is none.
std::array<uint32_t, 256> colormap_table(Colormap colormap);
// What ops::overlay() draws with. A tint goes from transparent to opaque; beside a colormap, what the model
// did not see fades.
std::array<float, 1028> color_table(const OverlayOptions& look);

}  // namespace fovea
