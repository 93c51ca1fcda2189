#include "apps/text/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace fovea::apps {

std::string table(const std::vector<TableLine>& lines, const std::set<size_t>& right) {
  std::vector<size_t> widths(lines.front().size());
  for (const TableLine& line : lines)
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], line.at(i).size());
  std::string out;
  for (const TableLine& line : lines) {
    for (size_t i = 0; i + 1 < widths.size(); ++i)
      out += right.contains(i) ? fmt::format("{:>{}}  ", line[i], widths[i])
                               : fmt::format("{:<{}}  ", line[i], widths[i]);
    out += line.back() + '\n';
  }
  return out;
}

}  // namespace fovea::apps
