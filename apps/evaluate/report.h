// An evaluation as a table, CSV, JSON and pictures.
#pragma once

#include <opencv2/core/mat.hpp>
#include <string>

#include "apps/evaluate/scores.h"
#include "apps/text/json.h"

namespace fovea::apps {

// A column a metric; + and - mark what is better and worse than the centre prior by more than two standard
// errors of the difference, picture by picture.
std::string table_of(const Evaluation& evaluation);
// One line a method: mean and standard error of each metric, and of its difference to the centre prior's.
std::string csv_of(const Evaluation& evaluation);
Json json_of(const Evaluation& evaluation);  // the same and the curves

// 8-bit BGR: a curve a method, or bars for a metric without curves.
cv::Mat plot_of(const Evaluation& evaluation, const Metric& metric);

}  // namespace fovea::apps
