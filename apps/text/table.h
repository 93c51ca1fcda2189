// Lines of cells in columns.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace fovea::apps {

using TableLine = std::vector<std::string>;

// All lines have as many cells as the first; each column is as wide as its widest cell, but for the last one,
// which ends where its text does. right: columns whose cells stand at their right edge.
std::string table(const std::vector<TableLine>& lines, const std::set<size_t>& right = {});

}  // namespace fovea::apps
