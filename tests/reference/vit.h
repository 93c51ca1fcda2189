// A ViT in double precision that records what it does, number by number, and runs it backwards: gradients
// without any formula of a layer's gradient.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace vit_reference {

// A number with its place on the tape; constants have none.
struct Number {
  double v = 0;
  uint32_t at = 0;
};

class Tape {
 public:
  Number leaf(double v) { return note(v, {}); }
  // A number with its partial derivatives by those it was made of.
  Number note(double v, const std::vector<std::pair<Number, double>>& parents) {
    for (const auto& [parent, partial] : parents)
      if (parent.at != 0) edges_.push_back({parent.at, partial});
    ends_.push_back(edges_.size());
    return {v, static_cast<uint32_t>(ends_.size())};
  }
  // The derivative of `of` by every number, by place.
  std::vector<double> backwards(const Number& of) const {
    std::vector<double> d(ends_.size() + 1);
    d[of.at] = 1;
    for (size_t n = of.at; n > 0; --n)
      for (size_t e = n == 1 ? 0 : ends_[n - 2]; e < ends_[n - 1]; ++e)
        d[edges_[e].parent] += d[n] * edges_[e].partial;
    return d;
  }

 private:
  struct Edge {
    uint32_t parent;
    double partial;
  };
  std::vector<Edge> edges_;
  std::vector<size_t> ends_;  // of each number's edges
};

using Row = std::vector<Number>;
using Rows = std::vector<Row>;  // a token each

struct Weights {
  std::map<std::string, std::vector<double>> tensors;
  bool has(const std::string& name) const { return tensors.contains(name); }
  const std::vector<double>& of(const std::string& name) const { return tensors.at(name); }
};

// What no weight tells of blocks.
struct Style {
  uint32_t heads = 3, rows = 0, cols = 0, patch = 0;
  double epsilon = 1e-6;
  std::string activation = "gelu";
  bool pooled = false;
  bool norms_behind = false;  // of what a block adds
  // Angle that a head's pair of a patch is turned by, empty for no rotation; halves: pair p is channels p and
  // p + pairs.
  std::function<double(size_t head, size_t row, size_t col, size_t pair)> angle;
  bool halves = false;
  // Added to a head's logits, empty for nothing.
  std::function<double(size_t head, size_t query, size_t key)> bias;
};

class Vit {
 public:
  Vit(const Weights& w, const Style& s) : w_(w), s_(s) {}

  // image [3, rows * patch, cols * patch].
  void run(const double* image) {
    Rows x = embed(image);
    if (w_.has("norm_pre.weight")) x = norm("norm_pre", x);
    for (size_t l = 0; w_.has("blocks." + std::to_string(l) + ".norm1.weight"); ++l)
      x = block("blocks." + std::to_string(l) + ".", x);
    last = x;
    if (w_.has("norm.weight")) x = norm("norm", x);
    if (s_.pooled) {
      Row mean = Row(x[0].size());
      for (size_t c = 0; c < mean.size(); ++c) {
        std::vector<Number> column;
        for (size_t t = prefix; t < x.size(); ++t) column.push_back(x[t][c]);
        mean[c] = dot(column, std::vector<double>(column.size(), 1 / static_cast<double>(column.size())), 0);
      }
      x.assign(1, mean);
    }
    if (w_.has("fc_norm.weight")) x = norm("fc_norm", x);
    logits = linear("head", x)[0];
    if (!w_.has("head_dist.weight")) return;
    const Row other = linear("head_dist", x)[1];
    for (size_t c = 0; c < logits.size(); ++c) logits[c] = dot({logits[c], other[c]}, {0.5, 0.5}, 0);
  }

  Tape tape;
  std::vector<std::vector<Rows>> attention;  // [layers][heads][queries][keys]
  std::vector<Rows> values;                  // [layers][tokens][width]
  Rows last;                                 // the stream behind the last block
  Row logits;
  size_t prefix = 0;

 private:
  Number dot(const std::vector<Number>& x, const std::vector<double>& w, double bias) {
    std::vector<std::pair<Number, double>> parents;
    for (size_t i = 0; i < x.size(); ++i) {
      bias += x[i].v * w[i];
      parents.emplace_back(x[i], w[i]);
    }
    return tape.note(bias, parents);
  }
  Number product(const Number* a, const Number* b, size_t n, size_t a_step, size_t b_step) {
    double sum = 0;
    std::vector<std::pair<Number, double>> parents;
    for (size_t i = 0; i < n; ++i) {
      sum += a[i * a_step].v * b[i * b_step].v;
      parents.emplace_back(a[i * a_step], b[i * b_step].v);
      parents.emplace_back(b[i * b_step], a[i * a_step].v);
    }
    return tape.note(sum, parents);
  }
  Number times(const Number& a, const Number& b) { return product(&a, &b, 1, 1, 1); }
  Number plus(const Number& a, const Number& b) { return dot({a, b}, {1, 1}, 0); }
  Number exponential(const Number& a) { return tape.note(std::exp(a.v), {{a, std::exp(a.v)}}); }
  Number power(const Number& a, double p) {
    return tape.note(std::pow(a.v, p), {{a, p * std::pow(a.v, p - 1)}});
  }
  Number logistic(const Number& a) { return power(dot({exponential(dot({a}, {-1}, 0))}, {1}, 1), -1); }

  Number activate(const std::string& which, const Number& a) {
    if (which == "silu") return times(a, logistic(a));
    if (which == "quick_gelu") return times(a, logistic(dot({a}, {1.702}, 0)));
    if (which == "gelu_tanh") {
      const Number inner = dot({a, power(a, 3)}, {1, 0.044715}, 0);
      return times(a, logistic(dot({inner}, {2 * std::sqrt(2 / M_PI)}, 0)));
    }
    const Number phi =
        tape.note(std::erf(a.v / std::sqrt(2.0)), {{a, std::sqrt(2 / M_PI) * std::exp(-a.v * a.v / 2)}});
    return times(dot({a}, {0.5}, 0), dot({phi}, {1}, 1));
  }

  Row normed(const Row& x, const std::vector<double>& gamma, const std::vector<double>& beta) {
    const size_t n = x.size();
    const std::vector<double> mean_weights(n, 1 / static_cast<double>(n));
    const Number mean = dot(x, mean_weights, 0);
    Row off, squares, out;
    for (const Number& a : x) off.push_back(dot({a, mean}, {1, -1}, 0));
    for (const Number& a : off) squares.push_back(times(a, a));
    const Number inverse = power(dot(squares, mean_weights, s_.epsilon), -0.5);
    for (size_t i = 0; i < n; ++i)
      out.push_back(dot({times(off[i], inverse)}, {gamma[i]}, beta.empty() ? 0 : beta[i]));
    return out;
  }
  Rows norm(const std::string& name, const Rows& x) {
    Rows out;
    for (const Row& row : x) out.push_back(normed(row, w_.of(name + ".weight"), w_.of(name + ".bias")));
    return out;
  }
  Rows linear(const std::string& name, const Rows& x) {
    const auto& w = w_.of(name + ".weight");
    const size_t inputs = x[0].size(), columns = w.size() / inputs;
    Rows out;
    for (const Row& row : x) {
      out.emplace_back();
      for (size_t n = 0; n < columns; ++n) {
        const auto first = w.begin() + static_cast<std::ptrdiff_t>(n * inputs);
        out.back().push_back(dot(row, {first, first + static_cast<std::ptrdiff_t>(inputs)},
                                 w_.has(name + ".bias") ? w_.of(name + ".bias")[n] : 0));
      }
    }
    return out;
  }
  // x + scale ⊙ y.
  Rows residual(const Rows& x, const Rows& y, const std::string& scale) {
    Rows out = x;
    for (size_t t = 0; t < x.size(); ++t)
      for (size_t c = 0; c < x[t].size(); ++c)
        out[t][c] = dot({x[t][c], y[t][c]}, {1, w_.has(scale) ? w_.of(scale)[c] : 1}, 0);
    return out;
  }

  Rows embed(const double* image) {
    const auto& w = w_.of("patch_embed.proj.weight");
    const size_t p = s_.patch, inputs = 3 * p * p, width = w.size() / inputs, cols = s_.cols * p,
                 area = s_.rows * p * cols;
    std::vector<std::vector<double>> tokens;
    const auto prepend = [&](const char* name) {
      if (!w_.has(name)) return;
      const auto& t = w_.of(name);
      for (size_t i = 0; i < t.size(); i += width)
        tokens.emplace_back(t.begin() + static_cast<std::ptrdiff_t>(i),
                            t.begin() + static_cast<std::ptrdiff_t>(i + width));
    };
    for (const char* name : {"cls_token", "dist_token", "reg_token"}) prepend(name);
    prefix = tokens.size();
    for (size_t r = 0; r < s_.rows; ++r)
      for (size_t c = 0; c < s_.cols; ++c) {
        tokens.emplace_back();
        for (size_t n = 0; n < width; ++n) {
          double sum = w_.has("patch_embed.proj.bias") ? w_.of("patch_embed.proj.bias")[n] : 0;
          for (size_t i = 0; i < inputs; ++i)
            sum += w[n * inputs + i] * image[i / (p * p) * area + (r * p + i / p % p) * cols + c * p + i % p];
          tokens.back().push_back(sum);
        }
      }
    const auto& positions = w_.of("pos_embed");
    const size_t uncovered = tokens.size() - positions.size() / width;
    Rows out;
    for (size_t t = 0; t < tokens.size(); ++t) {
      out.emplace_back();
      for (size_t n = 0; n < width; ++n)
        out.back().push_back(
            tape.leaf(tokens[t][n] + (t < uncovered ? 0 : positions[(t - uncovered) * width + n])));
    }
    return out;
  }

  // Rows of several linear layers side by side.
  Rows linears(const std::vector<std::string>& names, const Rows& x) {
    Rows out(x.size());
    for (const std::string& name : names) {
      const Rows part = linear(name, x);
      for (size_t t = 0; t < x.size(); ++t) out[t].insert(out[t].end(), part[t].begin(), part[t].end());
    }
    return out;
  }

  Rows packed_qkv(const std::string& name, const Rows& x) {
    if (w_.has(name + "q_proj.weight"))
      return linears({name + "q_proj", name + "k_proj", name + "v_proj"}, x);
    Rows out = linear(name + "qkv", x);
    if (!w_.has(name + "q_bias")) return out;
    const size_t width = x[0].size();
    for (Row& row : out)
      for (size_t c = 0; c < width; ++c) {
        row[c] = dot({row[c]}, {1}, w_.of(name + "q_bias")[c]);
        row[2 * width + c] = dot({row[2 * width + c]}, {1}, w_.of(name + "v_bias")[c]);
      }
    return out;
  }

  // Queries and keys of a token, each pair by its angle.
  void turn(Row& row, size_t token, size_t head) {
    if (!s_.angle || token < prefix) return;
    const size_t cell = token - prefix, pairs = head / 2;
    for (size_t h = 0; h < 2 * s_.heads; ++h)
      for (size_t p = 0; p < pairs; ++p) {
        const double angle = s_.angle(h % s_.heads, cell / s_.cols, cell % s_.cols, p);
        Number &a = row[h * head + (s_.halves ? p : 2 * p)],
               &b = row[h * head + (s_.halves ? p + pairs : 2 * p + 1)];
        const Number turned = dot({a, b}, {std::cos(angle), -std::sin(angle)}, 0);
        b = dot({b, a}, {std::cos(angle), std::sin(angle)}, 0);
        a = turned;
      }
  }

  // What attention, or the MLP, adds to the stream.
  Rows branch(const std::string& block, int number, const Rows& x,
              Rows (Vit::*of)(const std::string&, const Rows&)) {
    const std::string norm_name = block + "norm" + std::to_string(number);
    const Rows added =
        s_.norms_behind ? norm(norm_name, (this->*of)(block, x)) : (this->*of)(block, norm(norm_name, x));
    const std::string gamma = block + "gamma_" + std::to_string(number);
    return residual(x, added, w_.has(gamma) ? gamma : block + "ls" + std::to_string(number) + ".gamma");
  }
  Rows block(const std::string& name, const Rows& x) {
    return branch(name, 2, branch(name, 1, x, &Vit::attend), &Vit::mlp);
  }

  Rows attend(const std::string& name, const Rows& x) {
    const size_t tokens = x.size(), width = x[0].size(), head = width / s_.heads;
    Rows qkv = packed_qkv(name + "attn.", x);
    for (const auto& [part, norm_name] :
         {std::pair<size_t, std::string>{0, name + "attn.q_norm"}, {1, name + "attn.k_norm"}}) {
      if (!w_.has(norm_name + ".weight")) continue;
      for (Row& row : qkv)
        for (size_t h = 0; h < s_.heads; ++h) {
          const auto at = row.begin() + static_cast<std::ptrdiff_t>(part * width + h * head);
          const Row one = normed({at, at + static_cast<std::ptrdiff_t>(head)}, w_.of(norm_name + ".weight"),
                                 w_.of(norm_name + ".bias"));
          std::copy(one.begin(), one.end(), at);
        }
    }
    for (size_t t = 0; t < tokens; ++t) turn(qkv[t], t, head);
    values.emplace_back();
    for (const Row& row : qkv)
      values.back().emplace_back(row.begin() + static_cast<std::ptrdiff_t>(2 * width), row.end());
    attention.emplace_back();
    Rows heads_out(tokens, Row(width));
    for (size_t h = 0; h < s_.heads; ++h) {
      Rows a;
      for (size_t i = 0; i < tokens; ++i) {
        Row exponentials;
        for (size_t j = 0; j < tokens; ++j)
          exponentials.push_back(
              exponential(dot({product(&qkv[i][h * head], &qkv[j][width + h * head], head, 1, 1)},
                              {1 / std::sqrt(static_cast<double>(head))}, s_.bias ? s_.bias(h, i, j) : 0)));
        const Number inverse = power(dot(exponentials, std::vector<double>(tokens, 1), 0), -1);
        a.emplace_back();
        for (const Number& e : exponentials) a.back().push_back(times(e, inverse));
        for (size_t c = 0; c < head; ++c) {
          Row column;
          for (size_t j = 0; j < tokens; ++j) column.push_back(qkv[j][2 * width + h * head + c]);
          heads_out[i][h * head + c] = product(a.back().data(), column.data(), tokens, 1, 1);
        }
      }
      attention.back().push_back(std::move(a));
    }
    if (w_.has(name + "attn.norm.weight")) heads_out = norm(name + "attn.norm", heads_out);
    return linear(name + "attn.proj", heads_out);
  }

  Rows mlp(const std::string& name, const Rows& x) {
    const size_t width = x[0].size();
    Rows hidden = w_.has(name + "mlp.fc1_g.weight") ? linears({name + "mlp.fc1_g", name + "mlp.fc1_x"}, x)
                                                    : linear(name + "mlp.fc1", x);
    const size_t inner = w_.of(name + "mlp.fc2.weight").size() / width;
    const bool gated = hidden[0].size() != inner;
    for (Row& row : hidden) {
      Row out;
      for (size_t c = 0; c < inner; ++c) {
        const Number a = activate(gated ? "silu" : s_.activation, row[c]);
        out.push_back(gated ? times(a, row[inner + c]) : a);
      }
      row = out;
    }
    if (w_.has(name + "mlp.norm.weight")) hidden = norm(name + "mlp.norm", hidden);
    return linear(name + "mlp.fc2", hidden);
  }

  const Weights& w_;
  Style s_;
};

}  // namespace vit_reference
