// Class activation maps against finite differences of the head, computed in double from the reference
// implementation's last features: masking a cell moves the class's logit by what the map says of it.
#include <functional>

#include "models/tasks/forward.h"
#include "tests/models/golden.h"

namespace {

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

std::vector<double> mean_of(const Features& f, size_t channels) {
  std::vector<double> out(channels);
  const size_t cells = f.size() / channels;
  for (size_t i = 0; i < f.size(); ++i) out[i % channels] += f[i] / static_cast<double>(cells);
  return out;
}

double deviation(const std::vector<double>& v, double epsilon) {
  double mean = 0, variance = 0;
  for (const double x : v) mean += x / static_cast<double>(v.size());
  for (const double x : v) variance += (x - mean) * (x - mean) / static_cast<double>(v.size());
  return std::sqrt(variance + epsilon);
}

// `sigma` is that of the picture as it is: the norm linearised at its actual statistics.
std::vector<double> normed(const std::vector<double>& v, double sigma, const std::vector<float>& gamma,
                           const std::vector<float>& beta) {
  double mean = 0;
  for (const double x : v) mean += x / static_cast<double>(v.size());
  std::vector<double> out;
  for (size_t c = 0; c < v.size(); ++c)
    out.push_back(double{gamma[c]} * (v[c] - mean) / sigma + double{beta[c]});
  return out;
}

struct Case {
  const char* name;
  bool channels_last;
  const char *weight, *bias;
  // What a cell is when the feature map there is masked with zeros; LayerNorm before pooling leaves its β.
  const char* masked;
  const char *gamma, *beta;  // of a LayerNorm after pooling
};

const std::vector<Case> cases{
    {"seresnet_mini", false, "fc.weight", "fc.bias", nullptr, nullptr, nullptr},
    {"cbam_resnet_mini", false, "fc.weight", "fc.bias", nullptr, nullptr, nullptr},
    {"mobilevit_xxs", false, "head.fc.weight", "head.fc.bias", nullptr, nullptr, nullptr},
    {"mobilevitv2_050", false, "head.fc.weight", "head.fc.bias", nullptr, nullptr, nullptr},
    {"botnet26t_mini", false, "head.fc.weight", "head.fc.bias", nullptr, nullptr, nullptr},
    {"pvtv2_mini", false, "head.weight", "head.bias", "stages.3.norm.bias", nullptr, nullptr},
    {"swin_mini", true, "head.fc.weight", "head.fc.bias", "norm.bias", nullptr, nullptr},
    {"swinv2_mini", true, "head.fc.weight", "head.fc.bias", "norm.bias", nullptr, nullptr},
    {"coatnet_mini", false, "head.fc.weight", "head.fc.bias", "norm.bias", nullptr, nullptr},
    {"tinyvit_mini", false, "head.fc.weight", "head.fc.bias", nullptr, "head.norm.weight", "head.norm.bias"},
};

constexpr double tiny_vit_epsilon = 1e-5;

}  // namespace

TEST_CASE("A class activation map equals finite differences") {
  for (const Case& c : cases) {
    CAPTURE(c.name);
    const golden::Reference reference(golden::folder(c.name));
    const auto model =
        fovea::Model::load(fovea::Device::open(), golden::folder(c.name), {fovea::Precision::fp32, 0, 0});
    const auto shape = reference.shape("features");
    const auto images = static_cast<uint32_t>(shape[0]);
    const size_t channels = c.channels_last ? shape[3] : shape[1];
    const size_t cells = c.channels_last ? shape[1] * shape[2] : shape[2] * shape[3];
    const auto all = reference.values("features");
    const auto logits = reference.values("logits");
    const Head head(c.name, c.weight, c.bias);
    const std::vector<float> masked = c.masked ? head.values(c.masked) : std::vector<float>(channels);

    fovea::Forward::Options options;
    options.batch = images;
    options.host_input = options.attention = true;
    options.classify = fovea::Classify(model.impl(), 1);
    fovea::Forward forward(model.impl(), options);
    forward.write(0, reference.values("input"));
    forward.program().run();

    for (const bool best : {true, false}) {
      CAPTURE(best);
      fovea::MapRequest request;
      request.method = fovea::MapMethod::cam;
      if (!best) request.target = 7;
      fovea::Recorder r(model.device().impl());
      const auto map = fovea::maps::draw(r, forward.kept(), request, model.info());
      REQUIRE(map.values.shape == fovea::Shape{images, static_cast<uint32_t>(cells)});
      r.output(map.values);
      auto program = r.finish();
      for (const auto& [tensor, values] : map.presets)
        program.write(tensor, std::as_bytes(std::span(values)));
      program.run();
      std::vector<float> got(map.values.shape.elements());
      program.read(map.values, std::as_writable_bytes(std::span(got)));

      for (size_t image = 0; image < images; ++image) {
        Features f(cells * channels);
        for (size_t cell = 0; cell < cells; ++cell)
          for (size_t ch = 0; ch < channels; ++ch)
            f[cell * channels + ch] = double{
                all[image * cells * channels + (c.channels_last ? cell * channels + ch : ch * cells + cell)]};
        const size_t classes = logits.size() / images;
        const auto row = logits.begin() + static_cast<std::ptrdiff_t>(image * classes);
        const size_t target =
            best
                ? static_cast<size_t>(std::max_element(row, row + static_cast<std::ptrdiff_t>(classes)) - row)
                : 7;
        const double sigma = c.gamma ? deviation(mean_of(f, channels), tiny_vit_epsilon) : 0;
        const auto logit = [&](const Features& features) {
          auto pooled = mean_of(features, channels);
          if (c.gamma) pooled = normed(pooled, sigma, head.values(c.gamma), head.values(c.beta));
          return head.of(pooled, target);
        };
        CHECK(std::abs(logit(f) - double{row[static_cast<std::ptrdiff_t>(target)]}) <= 1e-4);

        double largest = 0;
        std::vector<double> difference;
        for (size_t cell = 0; cell < cells; ++cell) {
          Features without = f;
          for (size_t ch = 0; ch < channels; ++ch) without[cell * channels + ch] = double{masked[ch]};
          difference.push_back(logit(f) - logit(without));
          largest = std::max(largest, std::abs(difference.back()));
        }
        for (size_t cell = 0; cell < cells; ++cell)
          CHECK(std::abs(double{got[image * cells + cell]} - difference[cell]) <= 1e-3 * largest);
      }
    }
  }
}

namespace {

// With a register or class token, the mean of patches, then a norm.
void check_sum(const char* name) {
  CAPTURE(name);
  const golden::Reference reference(golden::folder(name));
  const Head head(name, "head.weight", "head.bias");
  const auto beta = head.values("fc_norm.bias");
  const auto logits = reference.values("logits");
  const auto model =
      fovea::Model::load(fovea::Device::open(), golden::folder(name), {fovea::Precision::fp32, 0, 0});
  fovea::Forward::Options options;
  options.batch = 2;
  options.host_input = options.attention = true;
  fovea::Forward forward(model.impl(), options);
  forward.write(0, reference.values("input"));
  forward.program().run();
  fovea::MapRequest request;
  request.method = fovea::MapMethod::cam;
  request.target = 3;
  fovea::Recorder r(model.device().impl());
  const auto map = fovea::maps::draw(r, forward.kept(), request, model.info());
  CHECK(map.first == 1);
  r.output(map.values);
  auto program = r.finish();
  for (const auto& [tensor, values] : map.presets) program.write(tensor, std::as_bytes(std::span(values)));
  program.run();
  std::vector<float> got(map.values.shape.elements());
  program.read(map.values, std::as_writable_bytes(std::span(got)));
  const size_t tokens = map.values.shape[1];
  for (size_t image = 0; image < 2; ++image) {
    double sum = double{head.b[3]};
    for (size_t c = 0; c < beta.size(); ++c) sum += double{head.w[3 * beta.size() + c]} * double{beta[c]};
    for (size_t t = map.first; t < tokens; ++t) sum += double{got[image * tokens + t]};
    CHECK(std::abs(sum - double{logits[image * 10 + 3]}) <= 1e-4);
  }
}

}  // namespace

TEST_CASE("A class activation map and one constant add up to the logit") {
  for (const char* name : {"vit_mini_reg1_gap", "beit_mini"}) check_sum(name);
}
