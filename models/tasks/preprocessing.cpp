#include "fovea/preprocessing.h"

#include "models/config/config.h"
#include "models/model/model.h"

namespace fovea {
namespace {

const char* name_of(io::Interpolation filter) {
  switch (filter) {
    case io::Interpolation::nearest:
      return "nearest";
    case io::Interpolation::bilinear:
      return "bilinear";
    case io::Interpolation::bicubic:
      return "bicubic";
    case io::Interpolation::lanczos:
      return "lanczos";
    case io::Interpolation::box:
      return "box";
    case io::Interpolation::hamming:
      return "hamming";
  }
  return "";
}

const char* name_of(io::CropMode mode) {
  switch (mode) {
    case io::CropMode::center:
      return "center";
    case io::CropMode::squash:
      return "squash";
    case io::CropMode::border:
      return "border";
  }
  return "";
}

}  // namespace

Preprocessing preprocessing_of(const Model& model) {
  const io::PreprocessConfig& config = model.impl().preprocess();
  return {
      config.height, config.width, name_of(config.interpolation), name_of(config.crop_mode), config.crop_pct,
      config.mean,   config.std};
}

}  // namespace fovea
