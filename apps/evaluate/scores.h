// What an evaluation of maps found, method by method.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fovea/maps.h"

namespace fovea::apps {

// Positive and negative perturbation change 10, 20 … 90 % of the cells.
constexpr uint32_t perturbations = 9;

struct MethodScores {
  std::string name;
  bool class_specific = false, baseline = false;
  // Areas, one a picture, and shares of the right quarter, one a quarter.
  std::vector<double> deletion{}, insertion{}, positive{}, negative{}, pointing{};
  // Sums over pictures: the class's probability after 0 … steps steps; how often the picture was still given
  // its class at each perturbation.
  std::vector<double> deletion_curve{}, insertion_curve{}, positive_curve{}, negative_curve{};
};

struct Metric {
  const char *name, *meaning;
  bool higher_is_better;
  std::vector<double> MethodScores::*values;
  std::vector<double> MethodScores::*curve;  // none for pointing
};

inline constexpr std::array<Metric, 5> metrics{{
    {"deletion", "probability of the class, the map's highest cells greyed first", false,
     &MethodScores::deletion, &MethodScores::deletion_curve},
    {"insertion", "probability of the class, the map's highest cells made sharp first", true,
     &MethodScores::insertion, &MethodScores::insertion_curve},
    {"positive", "share still given their class, the map's highest cells greyed first", false,
     &MethodScores::positive, &MethodScores::positive_curve},
    {"negative", "share still given their class, the map's lowest cells greyed first", true,
     &MethodScores::negative, &MethodScores::negative_curve},
    {"pointing", "share of the map's positive values in the class's quarter of a 2 x 2 grid", true,
     &MethodScores::pointing, nullptr},
}};

struct Evaluation {
  std::string architecture;
  uint32_t steps = 0;
  size_t images = 0, failed = 0, grids = 0;
  bool labelled = false, interrupted = false;
  std::vector<MethodScores> methods;  // the model's, then the baselines "random" and "centre"
};

}  // namespace fovea::apps
