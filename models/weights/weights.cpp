#include "models/weights/weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "fovea/error.h"
#include "models/config/text.h"
#include "models/weights/shards.h"

namespace fovea::io {

namespace {

// The file's own names: what a person can look for.
std::string describe(std::span<const TensorEntry* const> parts) {
  std::vector<std::string_view> names;
  for (const TensorEntry* part : parts) names.push_back(part->name);
  return excerpt(fmt::format("{}", fmt::join(names, " + ")), 400);
}

}  // namespace

std::string Weights::path(std::string_view name) const {
  return prefix_.empty() ? std::string(name) : fmt::format("{}.{}", prefix_, name);
}

bool Weights::has(std::string_view name) const {
  return !file_->find(path(name)).empty();
}

std::vector<std::string> Weights::names() const {
  std::vector<std::string> out;
  for (const TensorEntry& tensor : file_->tensors_.tensors()) out.push_back(tensor.name);
  return out;
}

uint64_t Weights::stored_bytes(uint64_t element_bytes, uint64_t alignment) const {
  uint64_t sum = 0;
  for (const TensorEntry& tensor : file_->tensors().tensors()) {
    // Vectors stay f32.
    const uint64_t each = tensor.shape.size() < 2 ? std::max<uint64_t>(element_bytes, 4) : element_bytes;
    sum += (tensor.elements() * each + alignment - 1) / alignment * alignment;
  }
  return sum;
}

std::vector<uint64_t> Weights::shape(std::string_view name) const {
  return file_->joined_shape(file_->demand(path(name)));
}

std::vector<float> Weights::take(std::string_view name, std::span<const uint64_t> expected_shape) const {
  const std::vector<const TensorEntry*> parts = file_->demand(path(name));
  const std::vector<uint64_t> shape = file_->joined_shape(parts);
  if (!std::equal(shape.begin(), shape.end(), expected_shape.begin(), expected_shape.end())) {
    throw Error(ErrorKind::model,
                fmt::format("[load] tensor {} is {} in {}, the model needs {}", describe(parts),
                            shape_text(shape), file_->tensors_.file(), shape_text(expected_shape)));
  }
  std::vector<float> values;
  for (const TensorEntry* part : parts) {
    std::vector<float> rows = to_float(*part);
    const auto bad =
        std::find_if(rows.begin(), rows.end(), [](float value) { return !std::isfinite(value); });
    if (bad != rows.end()) {
      throw Error(ErrorKind::file,
                  fmt::format("[load] tensor {} in {} holds {} at element {}: the file is damaged "
                              "or the training diverged",
                              excerpt(part->name), file_->tensors_.file(), *bad, bad - rows.begin()));
    }
    if (parts.size() == 1) {
      values = std::move(rows);
    } else {
      values.insert(values.end(), rows.begin(), rows.end());
    }
    file_->taken_.insert(part->name);
  }
  return values;
}

void Weights::ignore(std::string_view name) const {
  file_->ignore(path(name));
}

WeightFile WeightFile::open(const std::filesystem::path& folder, const NameTable* names) {
  const std::filesystem::path path = folder / "model.safetensors";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    const std::filesystem::path index = folder / shard_index_name;
    if (std::filesystem::exists(index, ignored)) return {open_shards(index), names};
    throw Error(ErrorKind::file, fmt::format("[load] {} has no model.safetensors; a model folder holds "
                                             "config.json and model.safetensors",
                                             folder.string()));
  }
  return {Safetensors::open(path), names};
}

WeightFile::WeightFile(Safetensors tensors, const NameTable* names)
    : tensors_(std::move(tensors)), dialect_(names == nullptr ? Dialect() : Dialect(tensors_, *names)) {}

std::vector<const TensorEntry*> WeightFile::find(std::string_view timm_name) const {
  for (const std::vector<std::string>& parts : dialect_.sources_of(timm_name)) {
    std::vector<const TensorEntry*> found;
    for (const std::string& part : parts)
      if (const TensorEntry* entry = tensors_.find(part)) found.push_back(entry);
    if (found.size() == parts.size()) return found;
  }
  return {};
}

std::vector<const TensorEntry*> WeightFile::demand(std::string_view timm_name) const {
  std::vector<const TensorEntry*> found = find(timm_name);
  if (!found.empty()) return found;
  const auto sources = dialect_.sources_of(timm_name);
  if (sources.empty()) {
    throw Error(ErrorKind::model,
                fmt::format("[load] tensor {} is missing in {}: files of this kind have no such tensor",
                            timm_name, tensors_.file()));
  }
  const std::vector<std::string>& parts = sources.front();
  const auto missing = std::find_if(parts.begin(), parts.end(),
                                    [&](const std::string& part) { return tensors_.find(part) == nullptr; });
  throw Error(ErrorKind::model, fmt::format("[load] tensor {} is missing in {}", *missing, tensors_.file()));
}

std::vector<uint64_t> WeightFile::joined_shape(std::span<const TensorEntry* const> parts) const {
  std::vector<uint64_t> shape = parts.front()->shape;
  for (const TensorEntry* part : parts.subspan(1)) {
    const bool joins = !shape.empty() && shape.size() == part->shape.size() &&
                       std::equal(shape.begin() + 1, shape.end(), part->shape.begin() + 1) &&
                       !__builtin_add_overflow(shape[0], part->shape[0], &shape[0]);
    if (!joins) {
      throw Error(ErrorKind::model,
                  fmt::format("[load] tensor {} is {} in {}, which does not fit {} {}", excerpt(part->name),
                              shape_text(part->shape), tensors_.file(), excerpt(parts.front()->name),
                              shape_text(parts.front()->shape)));
    }
  }
  return shape;
}

void WeightFile::ignore(std::string_view name) {
  for (const TensorEntry* entry : find(name)) ignored_.insert(entry->name);
  ignored_.emplace(name);
  ignored_.insert(dialect_.prefix() + std::string(name));
}

void WeightFile::check_all_used() const {
  constexpr size_t shown = 5;
  std::vector<std::string> unused;
  for (const TensorEntry& tensor : tensors_.tensors()) {
    if (!taken_.contains(tensor.name) && !ignored_.contains(tensor.name))
      unused.push_back(excerpt(tensor.name));
  }
  if (unused.empty()) return;
  const size_t count = unused.size();
  unused.resize(std::min(count, shown));
  throw Error(
      ErrorKind::model,
      fmt::format("[load] {} of the {} tensors in {} have no place in the model its config describes: {}{}",
                  count, tensors_.tensors().size(), tensors_.file(), fmt::join(unused, ", "),
                  count > shown ? ", ..." : ""));
}

uint64_t WeightFile::parameters() const {
  uint64_t sum = 0;
  for (const std::string& name : taken_) sum += tensors_.find(name)->elements();
  return sum;
}

}  // namespace fovea::io
