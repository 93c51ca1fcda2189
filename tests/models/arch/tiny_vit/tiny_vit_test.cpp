// TinyViT against timm's numbers, and against its definition at sizes that no window divides.
#include "tests/maps/cam.h"
#include "tests/maps/golden_maps.h"
#include "tests/models/golden.h"
#include "tests/reference/window.h"

namespace {

using random_network::Cell;
using random_network::Map;
using random_network::Network;

Map conv_norm(Network& net, const std::string& name, const Map& x, uint32_t columns, uint32_t k,
              uint32_t stride = 1, bool depthwise = false) {
  return net.batch_norm(name + ".bn",
                        net.conv(name + ".conv", x, columns, k, stride, k / 2, depthwise ? columns : 1));
}

Map block(Network& net, const std::string& name, const Map& x, uint32_t heads, uint32_t window) {
  const auto biases = net.tensor(name + ".attn.attention_biases", {heads, window * window}, -1, 1);
  const auto distance = [&](uint32_t a, uint32_t b) {
    return a % window > b % window ? a % window - b % window : b % window - a % window;
  };
  const auto term = [&](uint32_t h, Cell q, Cell k) {
    return double{biases[(h * window + distance(q.row, k.row)) * window + distance(q.col, k.col)]};
  };
  const Map padded =
      rolled(x, 0, 0, (x.rows + window - 1) / window * window, (x.cols + window - 1) / window * window);
  const Map qkv =
      net.linear(name + ".attn.qkv", net.layer_norm(name + ".attn.norm", padded, 1e-5), 3 * x.channels);
  const Map o =
      net.linear(name + ".attn.proj",
                 attend(qkv, heads, true, random_network::neighbours(window, window), term), x.channels);
  const Map y =
      conv_norm(net, name + ".local_conv", add(x, unrolled(o, 0, 0, x.rows, x.cols)), x.channels, 3, 1, true);
  const Map h = random_network::gelu(
      net.linear(name + ".mlp.fc1", net.layer_norm(name + ".mlp.norm", y, 1e-5), 3 * x.channels));
  return add(y, net.linear(name + ".mlp.fc2", h, x.channels));
}

}  // namespace

TEST_CASE("TinyViT equals the reference in fp32") {
  for (const uint32_t batch : {1U, 2U, 3U})
    golden::compare("tinyvit_mini", fovea::Precision::fp32, {}, batch);
}

TEST_CASE("TinyViT stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  golden::compare("tinyvit_mini", fovea::Precision::fp16, {5e-2, 2e-2}, 2);
}

TEST_CASE("TinyViT equals its definition where windows do not divide the grid") {
  using random_network::gelu;
  Network net(11);
  const Map input = net.input(45, 70);
  Map x = gelu(conv_norm(net, "patch_embed.conv1", input, 6, 3, 2));
  x = conv_norm(net, "patch_embed.conv2", x, 8, 3, 2);  // 12 × 18
  const std::string first = "stages.0.blocks.0.";
  const Map wide = gelu(conv_norm(net, first + "conv1", x, 20, 1));
  const Map deep = gelu(conv_norm(net, first + "conv2", wide, 20, 3, 1, true));
  x = gelu(add(x, conv_norm(net, first + "conv3", deep, 8, 1)));
  uint32_t stage = 1;
  for (const auto& [width, heads, window] :
       {std::array<uint32_t, 3>{12, 2, 4}, std::array<uint32_t, 3>{20, 2, 5}}) {
    const std::string name = "stages." + std::to_string(stage++);
    Map y = gelu(conv_norm(net, name + ".downsample.conv1", x, width, 1));
    y = gelu(conv_norm(net, name + ".downsample.conv2", y, width, 3, 2, true));
    x = conv_norm(net, name + ".downsample.conv3", y, width, 1);  // 6 × 9, 3 × 5
    for (uint32_t b = 0; b < 2; ++b) x = block(net, name + ".blocks." + std::to_string(b), x, heads, window);
  }
  const Map expected = net.linear("head.fc", net.layer_norm("head.norm", global_mean(x), 1e-5), 7);
  check_logits(answer(net, "tiny_vit_5m_224", "{}", input), expected, 1e-4);
}

TEST_CASE("TinyViT at another size keeps its windows") {
  const auto model = fovea::Model::load(fovea::Device::open(), golden::folder("tinyvit_mini"),
                                        {fovea::Precision::fp32, 64, 128});
  const auto out = golden::answer(model, std::vector<float>(size_t{3} * 64 * 128, 0.25F), {0, 3});
  CHECK(out.at("features").shape == std::vector<uint64_t>{1, 80, 2, 4});
  CHECK(out.at("attn.0").shape == std::vector<uint64_t>{6, 2, 49, 49});
  CHECK(out.at("attn.3").shape == std::vector<uint64_t>{1, 4, 49, 49});
}

TEST_CASE("A class activation map of TinyViT equals finite differences") {
  golden_maps::check_cam({"tinyvit_mini", false, "head.fc.weight", "head.fc.bias", nullptr,
                          "head.norm.weight", "head.norm.bias"});
}

TEST_CASE("Attention of TinyViT lies where its cells are") {
  using golden_maps::in_order, golden_maps::in_window;
  golden_maps::check_places({
      {"tinyvit_mini", 0, "attn.0", 14, 14, 4, 2, [](auto r, auto c) { return in_window(r, c, 14, 0); }},
      {"tinyvit_mini", 3, "attn.3", 4, 4, 1, 4, [](auto r, auto c) { return in_order(r, c, 7); }},
  });
}
