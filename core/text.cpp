#include "core/text.h"

namespace fovea {

std::string printable(std::string_view path) {
  std::string shown(path);
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return shown;
}

}  // namespace fovea
