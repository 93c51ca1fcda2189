// CoAtNet against timm's numbers, and the other members of its family against their definitions.
#include "tests/maps/cam.h"
#include "tests/maps/golden_maps.h"
#include "tests/models/golden.h"
#include "tests/reference/window.h"

namespace {

using random_network::Cell;
using random_network::Map;
using random_network::Network;

Map silu(const Map& x) {
  return random_network::each(x, [](double a) { return a / (1 + std::exp(-a)); });
}
Map gelu_tanh(const Map& x) {
  return random_network::each(x, [](double a) {
    return a / 2 * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (a + 0.044715 * a * a * a)));
  });
}

using Activation = Map (*)(const Map&);
enum class Bias { table, table_of_keys, mlp };

// What a name stands for in timm.
struct Recipe {
  const char* name;
  Activation activation = silu, squeeze = silu, mlp = random_network::gelu;
  bool pre_activation = false, gate_first = false, stride_by_pool = false, max_pool = false;
  bool output_bias = true, shortcut_bias = true, layer_scale = false;
  bool batch_norm = false;       // in attention blocks
  bool widen_attention = false;  // qkv has the width of the output, not of the input
  bool same = false, heads_first = true, hidden_head = false, windows = false;
  Bias bias = Bias::table;
  double conv_epsilon = 1e-5, epsilon = 1e-6;
};

// A network of this family, block by block.
class Family {
 public:
  Family(Network& net, const Recipe& recipe) : net_(net), r_(recipe) {}

  Map operator()(const Map& input) {
    Map x = conv("stem.conv1", input, 6, 3, 2, r_.same);
    x = r_.activation(batch_norm("stem.norm1", x, r_.conv_epsilon));
    x = conv("stem.conv2", x, 8, 3, 1, r_.same);
    const uint32_t widths[] = {12, 16, 32, 64}, depths[] = {1, 2, 2, 1};
    for (uint32_t s = 0; s < 4; ++s)
      for (uint32_t b = 0; b < depths[s]; ++b) {
        const std::string name = "stages." + std::to_string(s) + ".blocks." + std::to_string(b);
        const uint32_t stride = b == 0 ? 2 : 1;
        if (r_.windows) {
          // Heads of 32 channels would make the early stages wide: here they have four.
          x = mbconv(name + ".conv", x, widths[s], stride);
          const uint32_t rows = input.rows / 32, cols = input.cols / 32;
          x = attention(name + ".attn_block", x, widths[s], 1, rows, cols, false);
          x = attention(name + ".attn_grid", x, widths[s], 1, rows, cols, true);
        } else if (s < 2) {
          x = mbconv(name, x, widths[s], stride);
        } else {
          x = attention(name, x, widths[s], stride, x.rows / stride, x.cols / stride, false);
        }
      }
    if (!r_.hidden_head) x = norm("norm", x);
    x = global_mean(x);
    if (r_.hidden_head) {
      x = net_.linear("head.pre_logits.fc", net_.layer_norm("head.norm", x, r_.epsilon), 10);
      x = random_network::each(x, [](double a) { return std::tanh(a); });
    }
    return net_.linear("head.fc", x, 7);
  }

 private:
  Map batch_norm(const std::string& name, Map x, double epsilon) {
    const uint32_t n = x.channels;
    const auto gamma = net_.tensor(name + ".weight", {n}, 0.5, 1.5),
               beta = net_.tensor(name + ".bias", {n}, -0.5, 0.5),
               mean = net_.tensor(name + ".running_mean", {n}, -0.5, 0.5),
               variance = net_.tensor(name + ".running_var", {n}, 0.5, 2);
    for (size_t i = 0; i < x.v.size(); ++i) {
      const size_t c = i / (size_t{x.rows} * x.cols);
      x.v[i] = (x.v[i] - double{mean[c]}) / std::sqrt(double{variance[c]} + epsilon) * double{gamma[c]} +
               double{beta[c]};
    }
    return x;
  }
  Map norm(const std::string& name, const Map& x) {
    return r_.batch_norm ? batch_norm(name, x, r_.epsilon) : net_.layer_norm(name, x, r_.epsilon);
  }
  // TensorFlow's padding of an even size is all at the far end.
  Map conv(const std::string& name, const Map& x, uint32_t columns, uint32_t k, uint32_t stride, bool same,
           uint32_t groups = 1, bool bias = false) {
    if (!same || stride == 1) return net_.conv(name, x, columns, k, stride, k / 2, groups, bias);
    return net_.conv(name, rolled(x, 0, 0, x.rows + 1, x.cols + 1), columns, k, stride, 0, groups, bias);
  }
  Map halved(const Map& x) const {
    return r_.max_pool ? pool(x, 3, 2, 1, false, false) : pool(x, 2, 2, 0, false, true);
  }

  Map gate(const std::string& name, Map x) {
    const Map hidden = r_.squeeze(net_.conv(name + ".fc1", global_mean(x), 5, 1, 1, 0, 1, true));
    const Map g = net_.conv(name + ".fc2", hidden, x.channels, 1, 1, 0, 1, true);
    for (size_t i = 0; i < x.v.size(); ++i) x.v[i] /= 1 + std::exp(-g.v[i / (size_t{x.rows} * x.cols)]);
    return x;
  }

  Map mbconv(const std::string& name, const Map& x, uint32_t width, uint32_t stride) {
    Map shortcut = stride == 2 ? halved(x) : x;
    if (stride == 2 && x.channels != width)
      shortcut = net_.conv(name + ".shortcut.expand", shortcut, width, 1, 1, 0, 1, r_.output_bias);
    Map y = batch_norm(name + ".pre_norm", x, r_.conv_epsilon);
    if (r_.pre_activation) y = r_.activation(y);
    if (stride == 2 && r_.stride_by_pool) y = pool(y, 2, 2, 0, false, true);
    const uint32_t wide = 2 * x.channels;
    y = net_.conv(name + ".conv1_1x1", y, wide, 1, 1, 0);
    y = r_.activation(batch_norm(name + ".norm1", y, r_.conv_epsilon));
    y = conv(name + ".conv2_kxk", y, wide, 3, r_.stride_by_pool ? 1 : stride, r_.same, wide);
    if (r_.gate_first) y = gate(name + ".se_early", y);
    y = r_.activation(batch_norm(name + ".norm2", y, r_.conv_epsilon));
    if (!r_.gate_first) y = gate(name + ".se", y);
    return add(net_.conv(name + ".conv3_1x1", y, width, 1, 1, 0, 1, r_.output_bias), shortcut);
  }

  // The bias of heads for offsets of query from key, in a window of rows × cols.
  std::function<double(uint32_t, int, int)> offsets(const std::string& name, uint32_t heads, uint32_t rows,
                                                    uint32_t cols) {
    const uint32_t high = 2 * rows - 1, wide = 2 * cols - 1;
    const int up = static_cast<int>(rows) - 1, left = static_cast<int>(cols) - 1;
    if (r_.bias == Bias::mlp) {
      const auto w1 = net_.tensor(name + ".mlp.fc1.weight", {9, 2}, -1, 1),
                 b1 = net_.tensor(name + ".mlp.fc1.bias", {9}, -1, 1),
                 w2 = net_.tensor(name + ".mlp.fc2.weight", {heads, 9}, -1, 1),
                 b2 = net_.tensor(name + ".mlp.fc2.bias", {heads}, -1, 1);
      return [=](uint32_t h, int dy, int dx) {
        const auto log = [](int d) { return d < 0 ? -std::log(1.0 - d) : std::log(1.0 + d); };
        double sum = double{b2[h]};
        for (uint32_t j = 0; j < 9; ++j) {
          const double a = double{w1[2 * j]} * log(dy) + double{w1[2 * j + 1]} * log(dx) + double{b1[j]};
          if (a > 0) sum += double{w2[h * 9 + j]} * a;
        }
        return sum;
      };
    }
    if (r_.bias == Bias::table_of_keys) {
      const auto table = net_.tensor(name + ".relative_position_bias_table", {heads, high, wide}, -1, 1);
      return [=](uint32_t h, int dy, int dx) {
        return double{
            table[(h * high + static_cast<uint32_t>(up - dy)) * wide + static_cast<uint32_t>(left - dx)]};
      };
    }
    const auto table = net_.tensor(name + ".relative_position_bias_table", {high * wide, heads}, -1, 1);
    return [=](uint32_t h, int dy, int dx) {
      return double{
          table[(static_cast<uint32_t>(dy + up) * wide + static_cast<uint32_t>(dx + left)) * heads + h]};
    };
  }

  Map attention(const std::string& name, const Map& x, uint32_t width, uint32_t stride, uint32_t rows,
                uint32_t cols, bool grid) {
    Map shortcut = stride == 2 ? halved(x) : x;
    if (stride == 2 && x.channels != width)
      shortcut = net_.conv(name + ".shortcut.expand", shortcut, width, 1, 1, 0, 1, r_.shortcut_bias);
    Map h = norm(name + (stride == 2 ? ".norm1.norm" : ".norm1"), x);
    if (stride == 2) h = halved(h);

    const uint32_t inner = r_.widen_attention ? width : x.channels, heads = inner / 4;
    const auto bias = offsets(name + ".attn.rel_pos", heads, rows, cols);
    const uint32_t down = h.rows / rows, across = h.cols / cols;
    const auto where = [=](uint32_t at, uint32_t n, uint32_t window) {
      return static_cast<int>(grid ? at / n : at % window);
    };
    const auto together = [=](Cell a, Cell b) {
      return grid ? a.row % down == b.row % down && a.col % across == b.col % across
                  : a.row / rows == b.row / rows && a.col / cols == b.col / cols;
    };
    const auto term = [&](uint32_t head, Cell q, Cell k) {
      return bias(head, where(q.row, down, rows) - where(k.row, down, rows),
                  where(q.col, across, cols) - where(k.col, across, cols));
    };
    const auto dense = [&](const std::string& what, const Map& m, uint32_t columns) {
      return r_.windows ? net_.linear(what, m, columns) : net_.conv(what, m, columns, 1, 1, 0, 1, true);
    };
    const Map o = attend(dense(name + ".attn.qkv", h, 3 * inner), heads, r_.heads_first, together, term);
    const Map y = add(shortcut, scaled(name + ".ls1", dense(name + ".attn.proj", o, width)));
    const Map wide = r_.mlp(dense(name + ".mlp.fc1", norm(name + ".norm2", y), 2 * width));
    return add(y, scaled(name + ".ls2", dense(name + ".mlp.fc2", wide, width)));
  }

  Map scaled(const std::string& name, Map x) {
    if (!r_.layer_scale) return x;
    const auto gamma = net_.tensor(name + ".gamma", {x.channels}, 0.5, 1.5);
    for (size_t i = 0; i < x.v.size(); ++i) x.v[i] *= double{gamma[i / (size_t{x.rows} * x.cols)]};
    return x;
  }

  Network& net_;
  Recipe r_;
};

void check_against_definition(const Recipe& recipe, const std::string& model_args = "{}") {
  CAPTURE(recipe.name);
  Network net(13);
  const Map x = net.input(64, 96);
  const Map expected = Family(net, recipe)(x);
  check_logits(answer(net, recipe.name, model_args, x), expected, 1e-4);
}

}  // namespace

TEST_CASE("CoAtNet equals the reference in fp32") {
  for (const uint32_t batch : {1U, 2U, 3U})
    golden::compare("coatnet_mini", fovea::Precision::fp32, {}, batch);
}

TEST_CASE("CoAtNet stays close to the reference with fp16 storage") {
  if (!fovea::Device::open().info().fp16_storage) {
    MESSAGE("this device does not store fp16");
    return;
  }
  golden::compare("coatnet_mini", fovea::Precision::fp16, {5e-2, 2e-2}, 2);
}

TEST_CASE("MaxViT equals the reference") {
  golden::compare("maxvit_rmlp_mini", fovea::Precision::fp32, {}, 2, 3);
  if (fovea::Device::open().info().fp16_storage)
    golden::compare("maxvit_rmlp_mini", fovea::Precision::fp16, {5e-2, 2e-2}, 2);
}

TEST_CASE("CoAtNet's variants equal their definitions") {
  const auto relu = random_network::relu;
  check_against_definition({.name = "coatnet_0_rw_224",
                            .squeeze = relu,
                            .pre_activation = true,
                            .gate_first = true,
                            .stride_by_pool = true,
                            .output_bias = false,
                            .shortcut_bias = false});
  check_against_definition({.name = "coatnet_nano_rw_224", .stride_by_pool = true});
  check_against_definition(
      {.name = "coatnet_1_rw_224",
       .activation = random_network::gelu,
       .mlp = gelu_tanh,
       .stride_by_pool = true},
      R"({"conv_act_layer": "gelu", "conv_attn_act_layer": "silu", "conv_pre_norm_act": false,
                               "conv_stride_mode": "pool", "transformer_act_layer": "gelu_tanh"})");
  check_against_definition(
      {.name = "coatnet_2_rw_224", .pre_activation = true, .output_bias = false, .layer_scale = true});
  check_against_definition({.name = "coatnet_bn_0_rw_224",
                            .squeeze = relu,
                            .pre_activation = true,
                            .gate_first = true,
                            .output_bias = false,
                            .shortcut_bias = false,
                            .batch_norm = true});
  check_against_definition({.name = "coatnet_rmlp_1_rw_224",
                            .squeeze = relu,
                            .pre_activation = true,
                            .gate_first = true,
                            .stride_by_pool = true,
                            .max_pool = true,
                            .output_bias = false,
                            .shortcut_bias = false,
                            .bias = Bias::mlp});
  check_against_definition({.name = "coatnet_0_224",
                            .activation = random_network::gelu,
                            .widen_attention = true,
                            .hidden_head = true});
}

TEST_CASE("MaxViT's variants equal their definitions") {
  check_against_definition({.name = "maxvit_tiny_rw_224", .output_bias = false, .windows = true});
  check_against_definition({.name = "maxvit_tiny_tf_224",
                            .activation = gelu_tanh,
                            .mlp = gelu_tanh,
                            .same = true,
                            .heads_first = false,
                            .hidden_head = true,
                            .windows = true,
                            .bias = Bias::table_of_keys,
                            .conv_epsilon = 1e-3,
                            .epsilon = 1e-5});
}

TEST_CASE("CoAtNet at another size resamples its biases") {
  const auto load = [](uint32_t rows, uint32_t cols) {
    return fovea::Model::load(fovea::Device::open(), golden::folder("coatnet_mini"),
                              {fovea::Precision::fp32, rows, cols});
  };
  const auto model = load(96, 160);
  const auto out = golden::answer(model, std::vector<float>(size_t{3} * 96 * 160, 0.25F), {0, 2});
  CHECK(out.at("features").shape == std::vector<uint64_t>{1, 96, 3, 5});
  CHECK_THROWS_WITH_AS(load(112, 128), doctest::Contains("multiples of 32"), fovea::Error);
}

TEST_CASE("A class activation map of CoAtNet equals finite differences") {
  golden_maps::check_cam(
      {"coatnet_mini", false, "head.fc.weight", "head.fc.bias", "norm.bias", nullptr, nullptr});
}

TEST_CASE("Attention of CoAtNet lies where its cells are") {
  using golden_maps::in_order;
  golden_maps::check_places({
      {"coatnet_mini", 2, "attn.0", 8, 8, 1, 1, [](auto r, auto c) { return in_order(r, c, 8); }},
      {"coatnet_mini", -1, "attn.2", 4, 4, 1, 2, [](auto r, auto c) { return in_order(r, c, 4); }},
  });
}
