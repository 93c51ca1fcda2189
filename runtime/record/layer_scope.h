// Which layer a thread records: plans, profiles and errors name it.
#pragma once

#include <string>

namespace fovea {

// For as long as it lives, what this thread records belongs to the layer `path` ("blocks.3.mlp.fc1", as the
// weights call it). Scopes nest: an inner path replaces the outer one, an empty one leaves it.
class LayerScope {
 public:
  explicit LayerScope(std::string path);
  ~LayerScope();
  LayerScope(const LayerScope&) = delete;
  LayerScope& operator=(const LayerScope&) = delete;

  static const std::string& current();  // empty outside of all layers

 private:
  std::string path_;
  const LayerScope* outer_;
};

// How an error of an operation begins: "[linear] blocks.3.mlp.fc1: ", or "[linear] " outside of all layers.
std::string error_prefix(const char* operation);

}  // namespace fovea
