// Golden folders: a model's files and what the reference implementation computed with them.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "fovea/fovea.h"
#include "models/weights/safetensors.h"

namespace golden {

inline const char* const vit_folders[] = {"vit_mini",           "deit_mini_distilled", "dinov2_mini_reg4",
                                          "dinov2_mini_swiglu", "clip_mini",           "siglip_mini",
                                          "vit_mini_reg1_gap",  "vit_mini_rect",       "early_conv_vit_mini"};

inline std::filesystem::path folder(const std::string& name) {
  return std::filesystem::path(FOVEA_SOURCE_DIR) / "tests" / "golden" / name;
}

struct Reference {
  explicit Reference(const std::filesystem::path& folder)
      : file(fovea::io::Safetensors::open(folder / "reference.safetensors")) {}
  std::vector<float> values(const std::string& name) const {
    const auto* tensor = file.find(name);
    REQUIRE_MESSAGE(tensor != nullptr, name);
    return fovea::io::to_float(*tensor);
  }
  std::vector<uint64_t> shape(const std::string& name) const { return file.find(name)->shape; }
  fovea::io::Safetensors file;
};

inline double largest(const std::vector<float>& v) {
  double m = 0;
  for (const float x : v) m = std::max(m, std::abs(double{x}));
  return m;
}

// Infinite for different sizes or values that are not numbers, so that a comparison with it fails.
inline double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return INFINITY;
  double m = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double d = std::abs(double{a[i]} - double{b[i]});
    if (!(d <= m)) m = std::isnan(d) ? INFINITY : d;
  }
  return m;
}

}  // namespace golden
