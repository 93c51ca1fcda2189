#include "runtime/record/layer_scope.h"

#include <utility>

namespace fovea {
namespace {

thread_local const LayerScope* innermost = nullptr;

}  // namespace

LayerScope::LayerScope(std::string path)
    : path_(path.empty() ? current() : std::move(path)), outer_(innermost) {
  innermost = this;
}

LayerScope::~LayerScope() {
  innermost = outer_;
}

const std::string& LayerScope::current() {
  static const std::string none;
  return innermost == nullptr ? none : innermost->path_;
}

std::string error_prefix(const char* operation) {
  const std::string& layer = LayerScope::current();
  return std::string("[") + operation + (layer.empty() ? "] " : "] " + layer + ": ");
}

}  // namespace fovea
