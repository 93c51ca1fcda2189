#include "models/config/preprocess_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>

#include "fovea/error.h"
#include "models/config/text.h"

namespace fovea::io {

using nlohmann::json;
using std::filesystem::path;

namespace {

using Size = std::array<uint32_t, 2>;  // height, width

constexpr std::array<float, 3> imagenet_mean = {0.485F, 0.456F, 0.406F};
constexpr std::array<float, 3> imagenet_std = {0.229F, 0.224F, 0.225F};
constexpr std::array<float, 3> half_rgb = {0.5F, 0.5F, 0.5F};

[[noreturn]] void unsupported(const path& file, std::string_view key, const std::string& value,
                              std::string_view supported) {
  throw Error(ErrorKind::model,
              fmt::format("[config] {}: {} is {}, which Fovea does not support; it supports {}",
                          file.string(), key, excerpt(value), supported));
}

std::array<float, 3> read_std(const json& settings, std::string_view key, std::array<float, 3> fallback,
                              const path& file) {
  return arg_rgb(settings, key, fallback, file, 1e-6F, 1e6F);  // pixels are divided by it
}

Interpolation timm_interpolation(const std::string& name, const path& file) {
  constexpr std::array<std::pair<std::string_view, Interpolation>, 7> names = {
      {{"nearest", Interpolation::nearest},
       {"bilinear", Interpolation::bilinear},
       {"bicubic", Interpolation::bicubic},
       {"lanczos", Interpolation::lanczos},
       {"box", Interpolation::box},
       {"hamming", Interpolation::hamming},
       {"random", Interpolation::bicubic}}};  // a training setting; bicubic is timm's default
  for (const auto& [known, filter] : names) {
    if (name == known) return filter;
  }
  unsupported(file, "interpolation", name, "nearest, bilinear, bicubic, lanczos, box, hamming, random");
}

CropMode timm_crop_mode(const std::string& name, const path& file) {
  if (name == "center") return CropMode::center;
  if (name == "squash") return CropMode::squash;
  if (name == "border") return CropMode::border;
  unsupported(file, "crop_mode", name, "center, squash, border");
}

Interpolation pil_resample(uint32_t code, const path& file) {
  constexpr std::array<Interpolation, 6> filters = {Interpolation::nearest,  Interpolation::lanczos,
                                                    Interpolation::bilinear, Interpolation::bicubic,
                                                    Interpolation::box,      Interpolation::hamming};
  if (code >= filters.size()) unsupported(file, "resample", std::to_string(code), "PIL's codes 0 to 5");
  return filters.at(code);
}

// {"height", "width"}, a number, or [height, width].
Size read_size(const json& settings, std::string_view key, Size fallback, const path& file) {
  const auto found = settings.find(key);
  if (found == settings.end() || !found->is_object()) return arg_size(settings, key, fallback, file);
  if (!found->contains("height") || !found->contains("width")) {
    unsupported(file, key, value_text(*found), "a number, {height, width} or {shortest_edge}");
  }
  return {arg_uint(*found, "height", 0, file, 1, 1U << 14), arg_uint(*found, "width", 0, file, 1, 1U << 14)};
}

// The fraction for which floor(crop / fraction) is `resized`, which rounding alone may miss by one.
double crop_fraction(uint32_t crop, uint32_t resized) {
  double fraction = static_cast<double>(crop) / resized;
  while (std::floor(crop / fraction) < resized) fraction = std::nextafter(fraction, 0.0);
  return fraction;
}

// Resize to `resized`, then cut `crop` from the centre.
void set_crop(PreprocessConfig& preprocess, Size resized, Size crop, const path& file) {
  const std::string both = fmt::format("[{}, {}] from [{}, {}]", crop[0], crop[1], resized[0], resized[1]);
  if (crop[0] > resized[0] || crop[1] > resized[1])
    unsupported(file, "crop_size", both, "crops inside the picture");
  preprocess.height = crop[0];
  preprocess.width = crop[1];
  preprocess.crop_pct = crop_fraction(crop[0], resized[0]);
  if (std::floor(crop[1] / preprocess.crop_pct) != resized[1]) {
    unsupported(file, "crop_size", both, "crops of the same share of height and width");
  }
}

// Size, crop and their mode as ViTImageProcessor and DeiTImageProcessor read them.
void set_size(PreprocessConfig& preprocess, const json& preprocessor, Size image_size, bool deit,
              const path& file) {
  const bool crops = arg_bool(preprocessor, "do_center_crop",
                              preprocessor.contains("crop_size") || (deit && !preprocessor.empty()), file);
  const Size crop = read_size(preprocessor, "crop_size", image_size, file);
  const auto size = preprocessor.find("size");
  if (size != preprocessor.end() && size->is_object() && size->contains("shortest_edge")) {
    if (!crops || size->contains("longest_edge")) {
      unsupported(file, "size", value_text(*size), "shortest_edge with a centre crop, or {height, width}");
    }
    const uint32_t edge = arg_uint(*size, "shortest_edge", 0, file, 1, 1U << 14);
    preprocess.crop_mode = CropMode::center;
    preprocess.height = crop[0];
    preprocess.width = crop[1];
    // A crop that is not square has its own share of each side; the short side of the crop takes part here.
    const uint32_t short_crop = std::min(crop[0], crop[1]);
    if (crop[0] != crop[1] || short_crop > edge) {
      unsupported(file, "crop_size",
                  fmt::format("[{}, {}] from a shortest edge of {}", crop[0], crop[1], edge),
                  "square crops inside the picture");
    }
    preprocess.crop_pct = crop_fraction(short_crop, edge);
  } else {
    const Size fallback = deit && !preprocessor.empty() ? Size{256, 256} : image_size;
    const Size resized = read_size(preprocessor, "size", fallback, file);
    preprocess.crop_mode = CropMode::squash;
    set_crop(preprocess, resized, crops ? crop : resized, file);
  }
}

// ConvNextImageProcessor: a short side of shortest_edge / crop_pct and a crop below 384, distortion from
// there on.
bool is_convnext(const json& preprocessor, const path& file) {
  for (const char* key : {"image_processor_type", "feature_extractor_type"})
    if (arg_string(preprocessor, key, "", file).starts_with("ConvNext")) return true;
  return false;
}

void set_convnext_size(PreprocessConfig& preprocess, const json& preprocessor, const path& file) {
  const auto size = preprocessor.find("size");
  const bool whole = size != preprocessor.end() && size->is_object();
  const uint32_t edge =
      arg_uint(whole ? *size : preprocessor, whole ? "shortest_edge" : "size", 384, file, 1, 1U << 14);
  preprocess.height = preprocess.width = edge;
  preprocess.crop_mode = edge < 384 ? CropMode::center : CropMode::squash;
  preprocess.crop_pct = edge < 384 ? arg_double(preprocessor, "crop_pct", 224.0 / 256, file, 0.1, 1.0) : 1.0;
}

void require(const json& settings, std::string_view key, const path& file) {
  if (!arg_bool(settings, key, true, file)) unsupported(file, key, "false", "true");
}

}  // namespace

PreprocessConfig timm_preprocess(const json& settings, const json& model_args, const path& file) {
  PreprocessConfig preprocess;
  const auto input_size = settings.find("input_size");
  if (input_size != settings.end() && !input_size->is_null()) {
    if (!input_size->is_array() || input_size->size() != 3) {
      throw Error(ErrorKind::file, fmt::format("[config] {}: input_size is {}, not [3, height, width]",
                                               file.string(), value_text(*input_size)));
    }
    if ((*input_size)[0] != 3) unsupported(file, "input_size", value_text(*input_size), "3 channels");
    const json sides = {{"input_size", {(*input_size)[1], (*input_size)[2]}}};
    const Size size = arg_size(sides, "input_size", {}, file);
    preprocess.height = size[0];
    preprocess.width = size[1];
  }
  const Size size = arg_size(model_args, "img_size", {preprocess.height, preprocess.width}, file);
  preprocess.height = size[0];
  preprocess.width = size[1];
  preprocess.crop_pct = arg_double(settings, "crop_pct", 0.875, file, 0.1, 1.0);
  preprocess.crop_mode = timm_crop_mode(arg_string(settings, "crop_mode", "center", file), file);
  preprocess.interpolation = timm_interpolation(arg_string(settings, "interpolation", "bicubic", file), file);
  preprocess.mean = arg_rgb(settings, "mean", imagenet_mean, file, -1e6F, 1e6F);
  preprocess.std = read_std(settings, "std", imagenet_std, file);
  return preprocess;
}

PreprocessConfig system_preprocess(const json& config, const path& file) {
  PreprocessConfig preprocess;
  preprocess.height = arg_uint(config, "input_height", preprocess.height, file, 1, 1U << 14);
  preprocess.width = arg_uint(config, "input_width", preprocess.width, file, 1, 1U << 14);
  preprocess.crop_mode = CropMode::border;
  preprocess.mean = arg_rgb(config, "mean", half_rgb, file, 0.0F, 1.0F);  // also the colour of the border
  preprocess.std = read_std(config, "std", half_rgb, file);
  return preprocess;
}

PreprocessConfig transformers_preprocess(const json& config, const json& preprocessor,
                                         const path& config_file, const path& file) {
  // ViTImageProcessor differs from DeiTImageProcessor and BeitImageProcessor in what it does when the file is
  // silent.
  const std::string type = arg_string(config, "model_type", "", config_file);
  const bool deit = type == "deit" || type == "beit";
  PreprocessConfig preprocess;
  require(preprocessor, "do_resize", file);
  require(preprocessor, "do_rescale", file);
  const double rescale = arg_double(preprocessor, "rescale_factor", 1.0 / 255, file);
  if (std::abs(rescale * 255 - 1) > 1e-6)
    unsupported(file, "rescale_factor", fmt::format("{}", rescale), "1/255");

  if (is_convnext(preprocessor, file))
    set_convnext_size(preprocess, preprocessor, file);
  else
    set_size(preprocess, preprocessor, arg_size(config, "image_size", {224, 224}, config_file), deit, file);

  preprocess.interpolation = pil_resample(arg_uint(preprocessor, "resample", deit ? 3 : 2, file), file);
  if (arg_bool(preprocessor, "do_normalize", true, file)) {
    preprocess.mean = arg_rgb(preprocessor, "image_mean", half_rgb, file, -1e6F, 1e6F);
    preprocess.std = read_std(preprocessor, "image_std", half_rgb, file);
  }
  return preprocess;
}

}  // namespace fovea::io
