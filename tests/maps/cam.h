// Class activation maps against finite differences of the head, computed in double from the reference
// implementation's last features: masking a cell moves the class's logit by what the map says of it.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "tests/maps/golden_maps.h"

namespace golden_maps {

using Features = std::vector<double>;  // [cells, channels]

// A head in double, of one image's features.
struct Head {
  Head(const std::string& name, const char* weight, const char* bias)
      : file(fovea::io::Safetensors::open(golden::folder(name) / "model.safetensors")),
        w(values(weight)),
        b(values(bias)) {}
  std::vector<float> values(const std::string& name) const { return fovea::io::to_float(*file.find(name)); }
  double of(const std::vector<double>& pooled, size_t target) const {
    double sum = double{b[target]};
    for (size_t c = 0; c < pooled.size(); ++c) sum += double{w[target * pooled.size() + c]} * pooled[c];
    return sum;
  }
  fovea::io::Safetensors file;
  std::vector<float> w, b;
};

inline std::vector<double> mean_of(const Features& f, size_t channels) {
  std::vector<double> out(channels);
  const size_t cells = f.size() / channels;
  for (size_t i = 0; i < f.size(); ++i) out[i % channels] += f[i] / static_cast<double>(cells);
  return out;
}

inline double deviation(const std::vector<double>& v, double epsilon) {
  double mean = 0, variance = 0;
  for (const double x : v) mean += x / static_cast<double>(v.size());
  for (const double x : v) variance += (x - mean) * (x - mean) / static_cast<double>(v.size());
  return std::sqrt(variance + epsilon);
}

// `sigma` is that of the picture as it is: the norm linearised at its actual statistics.
inline std::vector<double> normed(const std::vector<double>& v, double sigma, const std::vector<float>& gamma,
                                  const std::vector<float>& beta) {
  double mean = 0;
  for (const double x : v) mean += x / static_cast<double>(v.size());
  std::vector<double> out;
  for (size_t c = 0; c < v.size(); ++c)
    out.push_back(double{gamma[c]} * (v[c] - mean) / sigma + double{beta[c]});
  return out;
}

struct CamCase {
  const char* name;
  bool channels_last;
  const char *weight, *bias;
  // What a cell is when the feature map there is masked with zeros; LayerNorm before pooling leaves its β.
  const char* masked;
  const char *gamma, *beta;  // of a LayerNorm after pooling, with ε = 1e-5
};

// The features of one image of the reference, [cells, channels].
inline Features features_of(const CamCase& c, const golden::Reference& reference, size_t image) {
  const auto shape = reference.shape("features");
  const auto all = reference.values("features");
  const size_t channels = c.channels_last ? shape[3] : shape[1];
  const size_t cells = all.size() / shape[0] / channels;
  Features f(cells * channels);
  for (size_t cell = 0; cell < cells; ++cell)
    for (size_t ch = 0; ch < channels; ++ch)
      f[cell * channels + ch] = double{
          all[image * cells * channels + (c.channels_last ? cell * channels + ch : ch * cells + cell)]};
  return f;
}

// `map` of class `target`, whose logit the reference has as `reference_logit`.
inline void check_differences(const CamCase& c, const Head& head, const Features& f,
                              const std::vector<float>& map, size_t target, double reference_logit) {
  const size_t cells = map.size(), channels = f.size() / cells;
  const std::vector<float> masked = c.masked ? head.values(c.masked) : std::vector<float>(channels);
  const double sigma = c.gamma ? deviation(mean_of(f, channels), 1e-5) : 0;
  const auto logit = [&](const Features& features) {
    auto pooled = mean_of(features, channels);
    if (c.gamma) pooled = normed(pooled, sigma, head.values(c.gamma), head.values(c.beta));
    return head.of(pooled, target);
  };
  CHECK(std::abs(logit(f) - reference_logit) <= 1e-4);

  double largest = 0;
  std::vector<double> difference;
  for (size_t cell = 0; cell < cells; ++cell) {
    Features without = f;
    for (size_t ch = 0; ch < channels; ++ch) without[cell * channels + ch] = double{masked[ch]};
    difference.push_back(logit(f) - logit(without));
    largest = std::max(largest, std::abs(difference.back()));
  }
  for (size_t cell = 0; cell < cells; ++cell)
    CHECK(std::abs(double{map[cell]} - difference[cell]) <= 1e-3 * largest);
}

// Of the best class and of another one.
inline void check_cam(const CamCase& c) {
  CAPTURE(c.name);
  Loaded m(c.name);
  const Head head(c.name, c.weight, c.bias);
  const auto logits = m.reference.values("logits");
  const size_t classes = logits.size() / m.images();
  for (const bool best : {true, false}) {
    CAPTURE(best);
    fovea::MapRequest request;
    request.method = fovea::MapMethod::cam;
    if (!best) request.target = 7;
    const auto maps = m.maps(request);
    for (size_t image = 0; image < m.images(); ++image) {
      const std::span row = std::span(logits).subspan(image * classes, classes);
      const size_t target =
          best ? static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin()) : 7;
      const Features f = features_of(c, m.reference, image);
      REQUIRE(f.size() % maps[image].size() == 0);
      check_differences(c, head, f, maps[image], target, double{row[target]});
    }
  }
}

}  // namespace golden_maps
