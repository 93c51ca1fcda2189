// Networks of random weights that compute as they are written down, in double precision and NCHW: each call
// draws a layer's weights, remembers them under their name, and applies them. What it returns is what a model
// of the written files must give.
#pragma once

#include <cmath>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "models/weights/safetensors.h"
#include "tests/temporary_folder.h"

namespace random_network {

struct Map {
  uint32_t channels = 0, rows = 0, cols = 0;
  std::vector<double> v;  // [channels, rows, cols]
  double& at(uint32_t c, uint32_t y, uint32_t x) { return v[(size_t{c} * rows + y) * cols + x]; }
  double at(uint32_t c, uint32_t y, uint32_t x) const { return v[(size_t{c} * rows + y) * cols + x]; }
};

inline Map like(const Map&, uint32_t channels, uint32_t rows, uint32_t cols) {
  return {channels, rows, cols, std::vector<double>(size_t{channels} * rows * cols)};
}

template <class F>
Map each(Map x, F f) {
  for (double& value : x.v) value = f(value);
  return x;
}
inline Map relu(const Map& x) {
  return each(x, [](double a) { return std::max(a, 0.0); });
}
inline Map gelu(const Map& x) {
  return each(x, [](double a) { return a / 2 * (1 + std::erf(a / std::sqrt(2.0))); });
}
inline Map add(Map x, const Map& y) {
  for (size_t i = 0; i < x.v.size(); ++i) x.v[i] += y.v.at(i);
  return x;
}

// torch's rule: with `ceil` a window may hang over the far edge when it starts inside the padded input.
inline uint32_t windows(uint32_t size, uint32_t k, uint32_t stride, uint32_t pad, bool ceil) {
  uint32_t n = (size + 2 * pad - k + (ceil ? stride - 1 : 0)) / stride + 1;
  if (ceil && (n - 1) * stride >= size + pad) --n;
  return n;
}

// Maximum, or the mean of what lies inside.
inline Map pool(const Map& x, uint32_t k, uint32_t stride, uint32_t pad, bool ceil, bool mean) {
  Map y = like(x, x.channels, windows(x.rows, k, stride, pad, ceil), windows(x.cols, k, stride, pad, ceil));
  for (uint32_t c = 0; c < y.channels; ++c)
    for (uint32_t i = 0; i < y.rows; ++i)
      for (uint32_t j = 0; j < y.cols; ++j) {
        double sum = 0, most = -INFINITY;
        int count = 0;
        for (uint32_t a = i * stride; a < i * stride + k; ++a)
          for (uint32_t b = j * stride; b < j * stride + k; ++b) {
            if (a < pad || b < pad || a - pad >= x.rows || b - pad >= x.cols) continue;
            const double value = x.at(c, a - pad, b - pad);
            sum += value;
            most = std::max(most, value);
            ++count;
          }
        y.at(c, i, j) = mean ? sum / count : most;
      }
  return y;
}

inline Map global_mean(const Map& x) {
  Map y = like(x, x.channels, 1, 1);
  for (size_t i = 0; i < x.v.size(); ++i) y.v[i / (size_t{x.rows} * x.cols)] += x.v[i] / (x.rows * x.cols);
  return y;
}

class Network {
 public:
  explicit Network(uint32_t seed) : random_(seed) {}

  std::vector<float> tensor(const std::string& name, std::vector<uint64_t> shape, double low, double high) {
    size_t count = 1;
    for (const uint64_t d : shape) count *= d;
    std::vector<float> values(count);
    for (float& value : values)
      value = static_cast<float>(std::uniform_real_distribution<double>(low, high)(random_));
    tensors_.push_back({name, std::move(shape), values});
    return values;
  }

  // Uniform weights that keep the size of what they read.
  Map conv(const std::string& name, const Map& x, uint32_t columns, uint32_t k, uint32_t stride, uint32_t pad,
           uint32_t groups = 1, bool has_bias = false) {
    const uint32_t inputs = x.channels / groups, of_group = columns / groups;
    const double bound = std::sqrt(3.0 / (inputs * k * k));
    const auto w = tensor(name + ".weight", {columns, inputs, k, k}, -bound, bound);
    const auto bias = has_bias ? tensor(name + ".bias", {columns}, -0.5, 0.5) : std::vector<float>(columns);
    Map y = like(x, columns, windows(x.rows, k, stride, pad, false), windows(x.cols, k, stride, pad, false));
    for (uint32_t c = 0; c < columns; ++c)
      for (uint32_t i = 0; i < y.rows; ++i)
        for (uint32_t j = 0; j < y.cols; ++j) {
          double sum = double{bias[c]};
          for (uint32_t d = 0; d < inputs; ++d)
            for (uint32_t a = 0; a < k; ++a)
              for (uint32_t b = 0; b < k; ++b) {
                const uint32_t row = i * stride + a, col = j * stride + b;
                if (row < pad || col < pad || row - pad >= x.rows || col - pad >= x.cols) continue;
                sum += double{w[((size_t{c} * inputs + d) * k + a) * k + b]} *
                       x.at(c / of_group * inputs + d, row - pad, col - pad);
              }
          y.at(c, i, j) = sum;
        }
    return y;
  }

  Map batch_norm(const std::string& name, Map x, double epsilon = 1e-5) {
    const uint32_t n = x.channels;
    const auto gamma = tensor(name + ".weight", {n}, 0.5, 1.5), beta = tensor(name + ".bias", {n}, -0.5, 0.5),
               mean = tensor(name + ".running_mean", {n}, -0.5, 0.5),
               variance = tensor(name + ".running_var", {n}, 0.5, 2);
    for (uint32_t c = 0; c < n; ++c)
      for (uint32_t i = 0; i < x.rows * x.cols; ++i) {
        double& value = x.v[size_t{c} * x.rows * x.cols + i];
        value = (value - double{mean[c]}) / std::sqrt(double{variance[c]} + epsilon) * double{gamma[c]} +
                double{beta[c]};
      }
    return x;
  }

  // Of each pixel's channels.
  Map layer_norm(const std::string& name, Map x, double epsilon) {
    const uint32_t n = x.channels, cells = x.rows * x.cols;
    const auto gamma = tensor(name + ".weight", {n}, 0.5, 1.5), beta = tensor(name + ".bias", {n}, -0.5, 0.5);
    for (uint32_t i = 0; i < cells; ++i) {
      double mean = 0, variance = 0;
      for (uint32_t c = 0; c < n; ++c) mean += x.v[size_t{c} * cells + i] / n;
      for (uint32_t c = 0; c < n; ++c) variance += std::pow(x.v[size_t{c} * cells + i] - mean, 2) / n;
      for (uint32_t c = 0; c < n; ++c) {
        double& value = x.v[size_t{c} * cells + i];
        value = (value - mean) / std::sqrt(variance + epsilon) * double{gamma[c]} + double{beta[c]};
      }
    }
    return x;
  }

  // Of each pixel, by a weight [columns, channels]; `scale` makes it more or less than what keeps sizes.
  Map linear(const std::string& name, const Map& x, uint32_t columns, double scale = 1) {
    const double bound = scale * std::sqrt(3.0 / x.channels);
    const auto w = tensor(name + ".weight", {columns, x.channels}, -bound, bound);
    const auto bias = tensor(name + ".bias", {columns}, -0.5, 0.5);
    const uint32_t cells = x.rows * x.cols;
    Map y = like(x, columns, x.rows, x.cols);
    for (uint32_t c = 0; c < columns; ++c)
      for (uint32_t i = 0; i < cells; ++i) {
        double sum = double{bias[c]};
        for (uint32_t d = 0; d < x.channels; ++d)
          sum += double{w[size_t{c} * x.channels + d]} * x.v[size_t{d} * cells + i];
        y.v[size_t{c} * cells + i] = sum;
      }
    return y;
  }

  Map squeeze_excite(const std::string& name, Map x, uint32_t reduced) {
    Map gate = conv(name + ".fc2", relu(conv(name + ".fc1", global_mean(x), reduced, 1, 1, 0, 1, true)),
                    x.channels, 1, 1, 0, 1, true);
    for (uint32_t c = 0; c < x.channels; ++c)
      for (uint32_t i = 0; i < x.rows * x.cols; ++i)
        x.v[size_t{c} * x.rows * x.cols + i] /= 1 + std::exp(-gate.v[c]);
    return x;
  }

  // An input of the network, drawn as its weights are and not written with them.
  Map input(uint32_t rows, uint32_t cols) {
    Map x = like({}, 3, rows, cols);
    for (double& value : x.v)
      value = double{static_cast<float>(std::uniform_real_distribution<double>(-2, 2)(random_))};
    return x;
  }

  void put(fovea::io::OutputTensor tensor) { tensors_.push_back(std::move(tensor)); }
  const std::vector<fovea::io::OutputTensor>& tensors() const { return tensors_; }

 private:
  std::mt19937 random_;
  std::vector<fovea::io::OutputTensor> tensors_;
};

// The model folder of a network, as long as this lives.
class Folder {
 public:
  Folder(const Network& network, const std::string& architecture, const std::string& model_args,
         uint32_t rows, uint32_t cols) {
    fovea::io::write_safetensors(folder_ / "model.safetensors", network.tensors());
    std::ofstream(folder_ / "config.json")
        << R"({"architecture": ")" << architecture << R"(", "model_args": )" << model_args
        << R"(, "pretrained_cfg": {"input_size": [3, )" << rows << ", " << cols << "]}}";
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  fovea::test::TemporaryFolder folder_;
};

}  // namespace random_network
