// Class-specific maps of blocks as DINOv3, EVA-02, ROPE-ViT, BEiT and Swin v2 have them, in a model that does
// nothing for its maps: its layers say what they attended with and how to walk back through them.
#include "models/config/config.h"
#include "models/model/model.h"
#include "models/nn/block.h"
#include "models/nn/class_head.h"
#include "models/nn/patch_embed.h"
#include "runtime/ops/nn/embed_tokens.h"
#include "tests/maps/class_maps.h"

namespace {

using namespace class_maps;  // NOLINT(google-build-using-namespace)
namespace layers = fovea::layers;

constexpr uint32_t width = 48, heads = 3, pairs = 8, side = 4, tokens = side * side + 1;

using Shaping = std::function<void(fovea::WeightStore&, layers::BlockShape&)>;

class Plain : public fovea::LoadedModel {
 public:
  Plain(const fovea::Loading& from, const Shaping& shaping)
      : LoadedModel(from), patches_(store_, from.weights, layers::patch_shape(from.weights)) {
    const fovea::io::Weights& w = from.weights;
    auto table = w.take("cls_token", {1, 1, width});
    table.resize(size_t{tokens} * width);
    const auto positions = w.take("pos_embed", {1, tokens, width});
    for (size_t i = 0; i < table.size(); ++i) table[i] += positions[i];
    table_ = store_.vector(table, {tokens, width});
    layers::BlockShape shape{width, heads};
    shape.grid = {side, side, 1, true};
    shaping(store_, shape);
    for (uint32_t i = 0; i < 3; ++i) blocks_.emplace_back(store_, w / "blocks" / i, shape);
    layers::ClassHead::Parts parts;
    parts.norm.emplace(store_, w / "norm", width, shape.epsilon);
    parts.linears.push_back(classifier(from.config, w / "head", width).value());
    head_.emplace(layers::Reading{1, false, shape.grid}, std::move(parts));
  }

  void forward(fovea::Pass& pass) const override {
    fovea::Recorder& r = pass.recorder();
    fovea::Tensor x = fovea::ops::embed_tokens(r, patches_(r, pass.input(pixels_)), table_, 1);
    for (const auto& block : blocks_) x = block(r, x, pass.tap());
    pass.give(logits_, (*head_)(r, x, pass.tap()));
  }

 private:
  const size_t pixels_ = declare_pixels(), logits_ = declare_output("logits");
  layers::PatchEmbed patches_;
  fovea::Tensor table_;
  std::vector<layers::Block> blocks_;
  std::optional<layers::ClassHead> head_;
};

auto loaded_as(const Shaping& shaping) {
  return [shaping](const fs::path& folder, fovea::Precision precision) {
    const auto device = fovea::Device::open();
    const auto config = fovea::io::read_config(folder);
    auto file = fovea::io::WeightFile::open(folder, nullptr);
    const auto root = file.root();
    const auto type = precision == fovea::Precision::fp16 ? fovea::DType::f16 : fovea::DType::f32;
    auto model = std::make_shared<Plain>(fovea::Loading{device, type, config, root, {}}, shaping);
    file.check_all_used();
    model->finish(file.parameters());
    const fovea::AttentionTap tap = model->rehearse();
    std::vector<fovea::AttentionLayer> described;
    for (const auto& record : tap.layers) described.push_back(record.layer);
    model->set_maps(described, fovea::maps::methods_of(tap), tap.head);
    return std::shared_ptr<const fovea::LoadedModel>(model);
  };
}

// The tensors of every block.
void in_blocks(Tensors& tensors, const std::vector<std::string>& without,
               const std::vector<std::pair<std::string, std::vector<uint64_t>>>& with) {
  for (int l = 0; l < 3; ++l) {
    const std::string block = fmt::format("blocks.{}.", l);
    for (const std::string& name : without) tensors.erase(block + name);
    for (const auto& [name, shape] : with) {
      const bool norm = name.find("norm.weight") != std::string::npos || name.starts_with("gamma");
      add(tensors, block + name, shape, shape.size() == 1 ? 0.5 : 0.3, norm ? 1 : 0);
    }
  }
}

// DINOv3: the first half of a head's pairs turns by rows, the other by columns.
double centre(size_t i) {
  return 6.28 * ((static_cast<double>(i) + 0.5) / side * 2 - 1);
}
double axial(size_t, size_t row, size_t col, size_t pair) {
  const size_t half = pairs / 2;
  return (pair < half ? centre(row) : centre(col)) * std::pow(100, -static_cast<double>(pair % half) / half);
}
void turn_axially(fovea::WeightStore& store, layers::BlockShape& shape) {
  layers::Rotary::Grid grid;
  for (size_t i = 0; i < side; ++i) grid.ys.push_back(centre(i));
  grid.xs = grid.ys;
  for (size_t p = 0; p < pairs; ++p) {
    const double frequency = std::pow(100, -static_cast<double>(p % (pairs / 2)) / (pairs / 2));
    grid.frequencies.insert(grid.frequencies.end(),
                            {p < pairs / 2 ? frequency : 0, p < pairs / 2 ? 0 : frequency});
  }
  grid.prefix_tokens = 1;
  grid.pairs = fovea::ops::RopePairs::halves;
  shape.rotary.emplace(store, grid);
}

// ROPE-ViT's mixed frequencies: every head's own, of rows and columns both.
double learned(size_t head, size_t pair, bool column) {
  return std::cos(static_cast<double>(7 * head + 3 * pair + (column ? 1 : 0)));
}
double mixed(size_t head, size_t row, size_t col, size_t pair) {
  return static_cast<double>(row) * learned(head, pair, false) +
         static_cast<double>(col) * learned(head, pair, true);
}
void turn_mixed(fovea::WeightStore& store, layers::BlockShape& shape) {
  layers::Rotary::Grid grid;
  grid.ys = grid.xs = {0, 1, 2, 3};
  grid.heads = heads;
  for (size_t h = 0; h < heads; ++h)
    for (size_t p = 0; p < pairs; ++p)
      grid.frequencies.insert(grid.frequencies.end(), {learned(h, p, false), learned(h, p, true)});
  grid.prefix_tokens = 1;
  shape.rotary.emplace(store, grid);
}

double offset(size_t head, size_t query, size_t key) {
  return 1.5 * std::sin(static_cast<double>(31 * head + 5 * query + 11 * key));
}
void bias_logits(fovea::WeightStore& store, layers::BlockShape& shape) {
  constexpr uint32_t stride = (tokens + 3) / 4 * 4;
  std::vector<float> values(size_t{heads} * tokens * stride);
  for (size_t h = 0; h < heads; ++h)
    for (size_t q = 0; q < tokens; ++q)
      for (size_t k = 0; k < tokens; ++k)
        values[(h * tokens + q) * stride + k] = static_cast<float>(offset(h, q, k));
  shape.bias = store.vector(values, {1, heads, tokens, stride});
}

Variant variant(const char* name, void (*change)(Json&, Tensors&), const Shaping& shaping,
                const std::function<void(vit_reference::Style&)>& style) {
  Variant out{name, "vit_mini", change};
  out.style = style;
  out.load = loaded_as(shaping);
  return out;
}

const std::vector<std::pair<std::string, std::vector<uint64_t>>> separate_projections{
    {"attn.q_proj.weight", {48, 48}}, {"attn.q_proj.bias", {48}},     {"attn.k_proj.weight", {48, 48}},
    {"attn.v_proj.weight", {48, 48}}, {"attn.v_proj.bias", {48}},     {"attn.norm.weight", {48}},
    {"attn.norm.bias", {48}},         {"mlp.fc1_g.weight", {40, 48}}, {"mlp.fc1_g.bias", {40}},
    {"mlp.fc1_x.weight", {40, 48}},   {"mlp.fc1_x.bias", {40}},       {"mlp.norm.weight", {40}},
    {"mlp.norm.bias", {40}},          {"mlp.fc2.weight", {48, 40}}};

std::vector<Variant> all_variants() {
  const auto turned = [](bool halves, auto angle) {
    return [=](vit_reference::Style& s) {
      s.halves = halves;
      s.angle = angle;
    };
  };
  std::vector<Variant> out;
  out.push_back(variant(
      "DINOv3: halves turn, gated MLP of two layers, LayerScale, no bias of q, k and v",
      [](Json&, Tensors& t) {
        in_blocks(t, {"attn.qkv.bias", "mlp.fc1.weight", "mlp.fc1.bias"},
                  {{"gamma_1", {48}},
                   {"gamma_2", {48}},
                   {"mlp.fc1_g.weight", {40, 48}},
                   {"mlp.fc1_g.bias", {40}},
                   {"mlp.fc1_x.weight", {40, 48}},
                   {"mlp.fc1_x.bias", {40}},
                   {"mlp.fc2.weight", {48, 40}}});
      },
      turn_axially, turned(true, axial)));
  out.push_back(variant(
      "ROPE-ViT: neighbours turn by every head's own frequencies", [](Json&, Tensors&) {}, turn_mixed,
      turned(false, mixed)));
  out.push_back(variant(
      "EVA-02: three projections, norms in attention and MLP",
      [](Json&, Tensors& t) {
        in_blocks(t, {"attn.qkv.weight", "attn.qkv.bias", "mlp.fc1.weight", "mlp.fc1.bias"},
                  separate_projections);
      },
      turn_mixed, turned(false, mixed)));
  out.back().linear_branches = false;
  out.push_back(variant(
      "BEiT: a bias of the logits, none of keys",
      [](Json&, Tensors& t) {
        in_blocks(t, {"attn.qkv.bias"},
                  {{"attn.q_bias", {48}}, {"attn.v_bias", {48}}, {"gamma_1", {48}}, {"gamma_2", {48}}});
      },
      bias_logits, [](vit_reference::Style& s) { s.bias = offset; }));
  out.push_back(variant(
      "Swin v2: norms behind", [](Json&, Tensors&) {},
      [](fovea::WeightStore&, layers::BlockShape& shape) { shape.norms = layers::NormPlace::after; },
      [](vit_reference::Style& s) { s.norms_behind = true; }));
  out.back().linear_branches = false;
  return out;
}

}  // namespace

TEST_CASE("Blocks of any kind get class-specific maps without their model's doing") {
  for (const Variant& v : all_variants()) check_variant(v);
}
