// MobileViT, MobileViTv2 and BoTNet against what timm computed, and at sizes that its samples do not have
// against plain loops in double precision.
#include <algorithm>

#include "tests/maps/cam.h"
#include "tests/maps/golden_maps.h"
#include "tests/models/golden.h"
#include "tests/models/random_network.h"

namespace {

using random_network::Folder;
using random_network::like;
using random_network::Map;
using random_network::Network;

const char* const folders[] = {"mobilevit_xxs", "mobilevitv2_050", "botnet26t_mini"};

double silu(double a) {
  return a / (1 + std::exp(-a));
}

// The networks of these families, written down with the parts of a random network.
struct Byob {
  explicit Byob(uint32_t seed, double (*f)(double)) : net(seed), act(f) {}
  Network net;
  double (*act)(double);

  Map norm(const std::string& name, const Map& x, uint32_t columns, uint32_t k, uint32_t stride,
           uint32_t groups = 1) {
    return net.batch_norm(name + ".bn", net.conv(name + ".conv", x, columns, k, stride, k / 2, groups));
  }
  Map norm_act(const std::string& name, const Map& x, uint32_t columns, uint32_t k, uint32_t stride,
               uint32_t groups = 1) {
    return each(norm(name, x, columns, k, stride, groups), act);
  }
  Map inverted_residual(const std::string& name, const Map& x, uint32_t columns, uint32_t stride) {
    const uint32_t inside = 2 * x.channels;
    Map y = norm_act(name + ".conv1_1x1", x, inside, 1, 1);
    y = norm(name + ".conv3_1x1", norm_act(name + ".conv2_kxk", y, inside, 3, stride, inside), columns, 1, 1);
    return stride == 1 && columns == x.channels ? add(y, x) : y;
  }
  Map mobilevit_block(const std::string& name, const Map& x, uint32_t width, uint32_t depth);
  Map mobilevitv2_block(const std::string& name, const Map& x, uint32_t width, uint32_t depth);
  Map bottleneck(const std::string& name, const Map& x, uint32_t mid, uint32_t columns, uint32_t stride);
  Map attention_bottleneck(const std::string& name, const Map& x, uint32_t mid, uint32_t columns,
                           uint32_t stride);
};

// torch's bilinear interpolation, by cell centres or corner to corner.
Map stretch(const Map& x, uint32_t rows, uint32_t cols, bool corners) {
  const auto position = [&](uint32_t i, uint32_t from, uint32_t to) {
    if (corners) return to == 1 ? 0.0 : double(i) * (from - 1) / (to - 1);
    return std::clamp((i + 0.5) * from / to - 0.5, 0.0, double(from - 1));
  };
  Map y = like(x, x.channels, rows, cols);
  for (uint32_t c = 0; c < x.channels; ++c)
    for (uint32_t i = 0; i < rows; ++i)
      for (uint32_t j = 0; j < cols; ++j) {
        const double a = position(i, x.rows, rows), b = position(j, x.cols, cols);
        const auto top = static_cast<uint32_t>(a), left = static_cast<uint32_t>(b);
        const uint32_t bottom = std::min(top + 1, x.rows - 1), right = std::min(left + 1, x.cols - 1);
        const double down = a - top, across = b - left;
        y.at(c, i, j) = (1 - down) * ((1 - across) * x.at(c, top, left) + across * x.at(c, top, right)) +
                        down * ((1 - across) * x.at(c, bottom, left) + across * x.at(c, bottom, right));
      }
  return y;
}

uint32_t even(uint32_t size) {
  return size + size % 2;
}

// Attention of x's cells in `heads` heads, by packed [q, k, v] and what is added to each pair's logit (−∞
// where they do not attend).
template <class Term>
Map attend(const Map& qkv, uint32_t heads, Term term) {
  const uint32_t channels = qkv.channels / 3, head = channels / heads, cells = qkv.rows * qkv.cols;
  const auto part = [&](uint32_t which, uint32_t h, uint32_t cell, uint32_t c) {
    return qkv.v[(size_t{which} * channels + size_t{h} * head + c) * cells + cell];
  };
  Map out = like(qkv, channels, qkv.rows, qkv.cols);
  for (uint32_t h = 0; h < heads; ++h)
    for (uint32_t i = 0; i < cells; ++i) {
      std::vector<double> p(cells);
      double sum = 0;
      for (uint32_t j = 0; j < cells; ++j) {
        double logit = 0;
        for (uint32_t c = 0; c < head; ++c) logit += part(0, h, i, c) * part(1, h, j, c);
        sum += p[j] =
            std::exp(logit / std::sqrt(head) + term([&](uint32_t c) { return part(0, h, i, c); }, i, j));
      }
      for (uint32_t j = 0; j < cells; ++j)
        for (uint32_t c = 0; c < head; ++c)
          out.v[(size_t{h} * head + c) * cells + i] += p[j] / sum * part(2, h, j, c);
    }
  return out;
}

bool same_place_in_patch(const Map& x, uint32_t i, uint32_t j) {
  return i / x.cols % 2 == j / x.cols % 2 && i % x.cols % 2 == j % x.cols % 2;
}

Map Byob::mobilevit_block(const std::string& name, const Map& x, uint32_t width, uint32_t depth) {
  Map y = net.conv(name + ".conv_1x1", norm_act(name + ".conv_kxk", x, x.channels, 3, 1), width, 1, 1, 0);
  y = stretch(y, even(x.rows), even(x.cols), false);
  for (uint32_t i = 0; i < depth; ++i) {
    const std::string block = name + ".transformer." + std::to_string(i);
    const Map qkv = net.linear(block + ".attn.qkv", net.layer_norm(block + ".norm1", y, 1e-5), 3 * width);
    const Map o = attend(qkv, 4, [&](auto&&, uint32_t a, uint32_t b) {
      return same_place_in_patch(qkv, a, b) ? 0.0 : -INFINITY;
    });
    y = add(y, net.linear(block + ".attn.proj", o, width));
    const Map h = net.linear(block + ".mlp.fc1", net.layer_norm(block + ".norm2", y, 1e-5), 2 * width);
    y = add(y, net.linear(block + ".mlp.fc2", each(h, silu), width));
  }
  y = stretch(net.layer_norm(name + ".norm", y, 1e-5), x.rows, x.cols, false);
  y = norm_act(name + ".conv_proj", y, x.channels, 1, 1);
  Map both = like(x, 2 * x.channels, x.rows, x.cols);
  std::copy(y.v.begin(), y.v.end(), std::copy(x.v.begin(), x.v.end(), both.v.begin()));
  return norm_act(name + ".conv_fusion", both, x.channels, 3, 1);
}

Map image_norm(Network& net, const std::string& name, Map x) {
  const auto gamma = net.tensor(name + ".weight", {x.channels}, 0.5, 1.5),
             beta = net.tensor(name + ".bias", {x.channels}, -0.5, 0.5);
  double mean = 0, variance = 0;
  for (const double value : x.v) mean += value / double(x.v.size());
  for (const double value : x.v) variance += (value - mean) * (value - mean) / double(x.v.size());
  for (size_t i = 0; i < x.v.size(); ++i) {
    const size_t c = i / (size_t{x.rows} * x.cols);
    x.v[i] = (x.v[i] - mean) / std::sqrt(variance + 1e-5) * double{gamma[c]} + double{beta[c]};
  }
  return x;
}

// Rows of qkv: one query, keys, values.
Map separable(const Map& qkv) {
  const uint32_t width = qkv.channels / 2, cells = qkv.rows * qkv.cols;
  Map out = like(qkv, width, qkv.rows, qkv.cols);
  for (uint32_t i = 0; i < cells; ++i) {
    double sum = 0;
    std::vector<double> context(width);
    for (uint32_t j = 0; j < cells; ++j) {
      if (!same_place_in_patch(qkv, i, j)) continue;
      const double p = std::exp(qkv.v[j]);
      sum += p;
      for (uint32_t c = 0; c < width; ++c) context[c] += p * qkv.v[(1 + c) * cells + j];
    }
    for (uint32_t c = 0; c < width; ++c)
      out.v[c * cells + i] = std::max(0.0, qkv.v[(1 + width + c) * cells + i]) * context[c] / sum;
  }
  return out;
}

Map Byob::mobilevitv2_block(const std::string& name, const Map& x, uint32_t width, uint32_t depth) {
  Map y = stretch(x, even(x.rows), even(x.cols), true);
  y = norm_act(name + ".conv_kxk", y, x.channels, 3, 1, x.channels);
  y = net.conv(name + ".conv_1x1", y, width, 1, 1, 0);
  const auto pointwise = [&](const std::string& layer, const Map& from, uint32_t columns) {
    return net.conv(layer, from, columns, 1, 1, 0, 1, true);
  };
  for (uint32_t i = 0; i < depth; ++i) {
    const std::string block = name + ".transformer." + std::to_string(i);
    const Map qkv = pointwise(block + ".attn.qkv_proj", image_norm(net, block + ".norm1", y), 2 * width + 1);
    y = add(y, pointwise(block + ".attn.out_proj", separable(qkv), width));
    const Map h = pointwise(block + ".mlp.fc1", image_norm(net, block + ".norm2", y), 2 * width);
    y = add(y, pointwise(block + ".mlp.fc2", each(h, silu), width));
  }
  return norm(name + ".conv_proj", image_norm(net, name + ".norm", y), x.channels, 1, 1);
}

Map Byob::bottleneck(const std::string& name, const Map& x, uint32_t mid, uint32_t columns, uint32_t stride) {
  const Map y = norm_act(name + ".conv2_kxk", norm_act(name + ".conv1_1x1", x, mid, 1, 1), mid, 3, stride);
  const bool same = stride == 1 && columns == x.channels;
  const Map shortcut = same ? x : norm(name + ".shortcut", x, columns, 1, stride);
  return each(add(norm(name + ".conv3_1x1", y, columns, 1, 1), shortcut), act);
}

Map Byob::attention_bottleneck(const std::string& name, const Map& x, uint32_t mid, uint32_t columns,
                               uint32_t stride) {
  const uint32_t head = mid / 4;
  const Map qkv =
      net.conv(name + ".self_attn.qkv", norm_act(name + ".conv1_1x1", x, mid, 1, 1), 3 * mid, 1, 1, 0);
  const std::string pos = name + ".self_attn.pos_embed";
  const auto heights = net.tensor(pos + ".height_rel", {2 * x.rows - 1, head}, -0.5, 0.5),
             widths = net.tensor(pos + ".width_rel", {2 * x.cols - 1, head}, -0.5, 0.5);
  Map y = attend(qkv, 4, [&](auto&& q, uint32_t i, uint32_t j) {
    const size_t down = j / x.cols + x.rows - 1 - i / x.cols, across = j % x.cols + x.cols - 1 - i % x.cols;
    double sum = 0;
    for (uint32_t c = 0; c < head; ++c)
      sum += q(c) * (double{heights[down * head + c]} + double{widths[across * head + c]});
    return sum;
  });
  if (stride == 2) y = pool(y, 2, 2, 0, false, true);
  y = each(net.batch_norm(name + ".post_attn", y), act);
  const bool same = stride == 1 && columns == x.channels;
  const Map shortcut = same ? x : norm(name + ".shortcut", x, columns, 1, stride);
  return each(add(norm(name + ".conv3_1x1", y, columns, 1, 1), shortcut), act);
}

// The written network's features and logits, and what the library makes of it.
void check_network(Byob& b, const Map& input, const Map& features, const std::string& architecture) {
  CAPTURE(architecture);
  const Map logits = b.net.linear("head.fc", global_mean(features), 5);
  const Folder folder(b.net, architecture, "{}", input.rows, input.cols);
  const auto model = fovea::Model::load(fovea::Device::open(), folder.path(), {fovea::Precision::fp32, 0, 0});
  const auto out = golden::answer(model, {input.v.begin(), input.v.end()});
  CHECK(out.at("features").shape ==
        std::vector<uint64_t>{1, features.channels, features.rows, features.cols});
  for (const auto& [output, expected] : {std::pair{"features", features}, {"logits", logits}}) {
    const std::string name = output;  // CAPTURE's lambda takes no structured binding
    CAPTURE(name);
    const std::vector<float> wanted(expected.v.begin(), expected.v.end());
    CHECK(golden::largest_difference(out.at(name).values, wanted) <=
          1e-4 * std::max(1.0, golden::largest(wanted)));
  }
}

}  // namespace

TEST_CASE("MobileViT, MobileViTv2 and BoTNet equal the reference in fp32") {
  for (const char* name : folders)
    for (const uint32_t images : {1U, 2U, 3U})
      golden::compare(name, fovea::Precision::fp32, {}, images, images);
}

TEST_CASE("MobileViT, MobileViTv2 and BoTNet stay close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  for (const char* name : folders) golden::compare(name, fovea::Precision::fp16, {5e-2, 5e-2}, 2);
}

// 11×7 in the first block and 6×4 in the second: stretched to 12×8 and 6×4. Heads of 6 and 5 channels.
TEST_CASE("MobileViT at a size that is not whole patches") {
  Byob b(1, silu);
  const Map input = b.net.input(42, 26);
  Map x = b.norm_act("stem", input, 8, 3, 2);       // 21×13
  x = b.inverted_residual("stages.0.0", x, 8, 1);   // with its input
  x = b.inverted_residual("stages.0.1", x, 12, 1);  // without
  x = b.inverted_residual("stages.1.0", x, 12, 2);  // 11×7
  x = b.mobilevit_block("stages.1.1", x, 24, 2);
  x = b.inverted_residual("stages.2.0", x, 16, 2);  // 6×4
  x = b.mobilevit_block("stages.2.1", x, 20, 1);
  check_network(b, input, b.norm_act("final_conv", x, 24, 1, 1), "mobilevit_xxs");
}

TEST_CASE("MobileViTv2 at a size that is not whole patches") {
  Byob b(2, silu);
  const Map input = b.net.input(42, 26);
  Map x = b.norm_act("stem", input, 8, 3, 2);
  x = b.inverted_residual("stages.0.0", x, 8, 1);
  x = b.inverted_residual("stages.1.0", x, 12, 2);  // 11×7
  x = b.mobilevitv2_block("stages.1.1", x, 10, 2);  // 12×8 from here on
  x = b.inverted_residual("stages.2.0", x, 16, 2);
  x = b.mobilevitv2_block("stages.2.1", x, 12, 1);
  check_network(b, input, x, "mobilevitv2_050");
}

TEST_CASE("BoTNet on a map that is not square, with heads of 6 channels") {
  for (const bool silu_variant : {false, true}) {
    Byob b(
        3, silu_variant ? silu : [](double a) { return std::max(a, 0.0); });
    const Map input = b.net.input(32, 48);
    Map x = b.norm_act("stem.conv1", input, 6, 3, 2);
    x = b.norm_act("stem.conv3", b.norm_act("stem.conv2", x, 8, 3, 1), 12, 3, 1);
    x = pool(x, 3, 2, 1, false, false);  // 8×12
    x = b.bottleneck("stages.0.0", x, 8, 16, 1);
    x = b.bottleneck("stages.0.1", x, 8, 16, 1);
    x = b.bottleneck("stages.1.0", x, 8, 20, 2);  // 4×6
    x = b.attention_bottleneck("stages.1.1", x, 24, 20, 1);
    x = b.attention_bottleneck("stages.2.0", x, 24, 28, 2);  // 2×3
    check_network(b, input, x, silu_variant ? "botnet50ts_256" : "botnet26t_256");
  }
}

TEST_CASE("BoTNet at another size than its positions' is refused") {
  CHECK_THROWS_WITH_AS(fovea::Model::load(fovea::Device::open(), golden::folder("botnet26t_mini"),
                                          {fovea::Precision::fp32, 160, 128}),
                       doctest::Contains("use an input of 128×128"), fovea::Error);
}

TEST_CASE("MobileViT takes other sizes than its config's") {
  for (const char* name : {"mobilevit_xxs", "mobilevitv2_050"}) {
    CAPTURE(name);
    const auto model =
        fovea::Model::load(fovea::Device::open(), golden::folder(name), {fovea::Precision::fp32, 72, 33});
    const auto& layer = model.info().attention.front();
    CHECK(layer.rows == 10);  // 72 / 8, rounded up to whole patches
    CHECK(layer.cols == 6);
    const auto out =
        golden::answer(model, std::vector<float>(size_t{3} * 72 * 33, 0.25F), golden::all_layers(model));
    CHECK(out.at("logits").shape == std::vector<uint64_t>{1, 10});
  }
}

TEST_CASE("Class activation maps of MobileViT and BoTNet equal finite differences") {
  golden_maps::check_cam(
      {"mobilevit_xxs", false, "head.fc.weight", "head.fc.bias", nullptr, nullptr, nullptr});
  golden_maps::check_cam(
      {"mobilevitv2_050", false, "head.fc.weight", "head.fc.bias", nullptr, nullptr, nullptr});
  golden_maps::check_cam(
      {"botnet26t_mini", false, "head.fc.weight", "head.fc.bias", nullptr, nullptr, nullptr});
}

TEST_CASE("Attention of MobileViT and BoTNet lies where its cells are") {
  using golden_maps::in_order, golden_maps::in_patch;
  golden_maps::check_places({
      {"mobilevit_xxs", 0, "attn.0", 16, 16, 4, 4, [](auto r, auto c) { return in_patch(r, c, 16); }},
      {"mobilevit_xxs", -1, "attn.8", 4, 4, 4, 4, [](auto r, auto c) { return in_patch(r, c, 4); }},
      {"botnet26t_mini", 0, "attn.0", 8, 8, 1, 4, [](auto r, auto c) { return in_order(r, c, 8); }},
  });
}
