// The true classes of image files, by the names that ImageNet gives them.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace fovea::apps {

class Labels {
 public:
  // A file of lines "INDEX<tab>ID" and whatever follows after another tab: "0<tab>n01440764<tab>tench".
  // Throws Error(file) naming the line for anything else, and for an index that the model's `classes` do not
  // have.
  Labels(const std::filesystem::path& file, uint32_t classes);

  // The class whose id is the file's folder (n01440764/8.JPEG), or what its name begins with, up to something
  // that is no letter or digit (n01440764_tench.JPEG).
  std::optional<uint32_t> class_of(const std::filesystem::path& image) const;

 private:
  std::map<std::string, uint32_t> classes_;  // by id
};

}  // namespace fovea::apps
