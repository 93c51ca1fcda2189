#include "runtime/ops/sequence/recurrent.h"

#include <fmt/format.h>

namespace fovea::ops {
namespace {

// Rows that share a workgroup, and so the weights that it reads; 0 where one row's states do not fit.
uint32_t rows_of_group(const DeviceInfo& device, uint32_t batch, const RecurrentWeights& w) {
  const bool cpu = device.type == DeviceType::cpu;
  if (!cpu && w.hidden > 256) return 0;  // the product of a step is work for more than one workgroup
  const uint32_t enough = cpu ? 8 : 128;
  uint32_t rows = 4;
  while (rows > 1 && groups(batch, rows) * w.directions < enough) rows /= 2;
  while (rows > 0 && uint64_t{3} * rows * w.hidden * sizeof(float) > device.shared_bytes) rows /= 2;
  return rows;
}

void check_input(const RecurrentWeights& w, const RecurrentInput& in) {
  const uint32_t padded = (w.columns() + 3) / 4 * 4, batch = in.x.shape[0];
  const auto is_state = [&](const Tensor& t) {
    return !t || (t.shape.rank() == 3 && t.shape[0] == batch && t.shape[2] == w.hidden &&
                  t.shape[1] >= in.first_state + w.directions && t.dtype == in.x.dtype);
  };
  check(w.hidden != 0 && in.x.shape.rank() == 3 && in.x.shape.elements() != 0 &&
            in.x.shape[2] == w.directions * w.columns() && w.w.dtype == in.x.dtype &&
            w.w.shape == Shape{w.directions, w.hidden, padded} &&
            w.bias.shape == Shape{w.directions, padded} && w.bias.dtype == DType::f32,
        "recurrent", [&] {
          return fmt::format("{} {}, {}, {} for {} gates of {}", shape_of("x", in.x), to_string(in.x.dtype),
                             shape_of("w", w.w), shape_of("bias", w.bias), gates_of(w.cell), w.hidden);
        });
  check(!in.lengths || (in.lengths.shape == Shape{batch} && in.lengths.dtype == DType::u32), "recurrent",
        [&] { return fmt::format("{}, {}", shape_of("x", in.x), shape_of("lengths", in.lengths)); });
  check(is_state(in.h0) && is_state(in.c0) && is_state(in.hn) && is_state(in.cn) &&
            (w.cell == Cell::gru || !in.h0 == !in.c0) && (!in.h0 || !in.hn || in.h0.shape == in.hn.shape) &&
            (w.cell == Cell::gru || !in.h0 || in.h0.shape == in.c0.shape),
        "recurrent", [&] {
          return fmt::format("{}, {}, {} from {} on, for {} directions of {}", shape_of("x", in.x),
                             shape_of("h0", in.h0), shape_of("c0", in.c0), in.first_state, w.directions,
                             w.hidden);
        });
}

class Recurrence {
 public:
  Recurrence(Recorder& r, const RecurrentWeights& w, const RecurrentInput& in) : r_(r), w_(w), in_(in) {
    const uint32_t batch = in.x.shape[0], steps = in.x.shape[1];
    out_.y = r.temporary({batch, steps, w.directions * w.hidden}, in.x.dtype, "recurrent");
    const uint32_t states = in.h0 ? in.h0.shape[1] : in.first_state + w.directions;
    const auto state = [&](const Tensor& given, const char* name) {
      return given ? given : r.temporary({batch, states, w.hidden}, in.x.dtype, name);
    };
    out_.hn = state(in.hn, "hidden state");
    if (w.cell == Cell::lstm) out_.cn = state(in.cn, "cell state");
    if (in.save)
      out_.trace = r.temporary({batch, steps, w.directions, trace_of(w.cell) * w.hidden}, DType::f32,
                               "recurrent trace");
    push_ = {batch, steps, w.directions, w.hidden, out_.hn.shape[1] * w.hidden, in.first_state * w.hidden};
  }

  void sequence(uint32_t rows) {
    const uint64_t flops =
        uint64_t{2} * push_.batch * push_.steps * push_.directions * w_.hidden * w_.columns();
    recurrent_sequence_kernels.dispatch(r_, [&]<class K>(K) {
      SequenceSpec spec = sequence_spec(r_.device().info(), K::family, w_.cell, w_.hidden, rows);
      spec.has_start = in_.h0 ? 1 : 0;
      spec.has_lengths = in_.lengths ? 1 : 0;
      spec.save = in_.save ? 1 : 0;
      return Call<K>{
          {in_.x, w_.w, w_.bias, start(in_.h0), start(in_.c0), lengths(), out_.y, out_.hn, cn(), trace()},
          push_,
          spec,
          flops};
    });
  }

  void steps() {
    for (uint32_t d = 0; d < w_.directions; ++d) {
      LinearWeights product = w_.direction(d);
      product.w = r_.bindable(product.w, "recurrent weights");
      product.bias = r_.bindable(product.bias, "recurrent bias");
      const Tensor cell = r_.temporary({push_.batch, w_.hidden}, DType::f32, "cell");
      Tensor h = step(in_.h0 ? in_.h0 : in_.x, in_.c0 ? in_.c0 : in_.x, in_.x, cell, d, 0, true);
      for (uint32_t s = 0; s < push_.steps; ++s)
        h = step(in_.x, linear(r_, h, product), h, cell, d, s, false);
    }
  }

  const RecurrentResult& result() const { return out_; }

 private:
  Tensor start(const Tensor& t) const { return t ? t : in_.x; }  // what nobody reads needs a tensor too
  Tensor lengths() const { return in_.lengths ? in_.lengths : w_.bias; }
  Tensor cn() const { return out_.cn ? out_.cn : out_.hn; }
  Tensor trace() const { return out_.trace ? out_.trace : out_.hn; }

  Tensor step(const Tensor& x, const Tensor& u, const Tensor& h, const Tensor& cell, uint32_t direction,
              uint32_t s, bool start) {
    const Tensor next = r_.temporary({push_.batch, w_.hidden}, in_.x.dtype, "hidden");
    const RecurrentCell::Spec spec{unit_group(r_.device().info(), w_.hidden),
                                   gates_of(w_.cell),
                                   start ? 1U : 0U,
                                   in_.h0 ? 1U : 0U,
                                   in_.lengths ? 1U : 0U,
                                   in_.save ? 1U : 0U};
    r_.dispatch<RecurrentCell>({x, u, h, cell, lengths(), out_.y, next, out_.hn, cn(), trace()},
                               {push_, direction, s}, spec, uint64_t{30} * push_.batch * w_.hidden);
    return next;
  }

  Recorder& r_;
  const RecurrentWeights& w_;
  const RecurrentInput& in_;
  RecurrentResult out_;
  RecurrentPush push_{};
};

}  // namespace

SequenceSpec sequence_spec(const DeviceInfo& device, gpu::Family family, Cell cell, uint32_t hidden,
                           uint32_t rows) {
  const bool cpu = device.type == DeviceType::cpu;
  const uint32_t wide =
      cpu ? std::max(8U, device.subgroup_size)
          : std::clamp(std::bit_ceil(units_of(hidden)), 32U, std::min(256U, device.max_invocations));
  return {{wide, wide, hidden % 4 == 0 ? 1U : 0U},
          rows,
          rows * hidden,
          family == gpu::Family::texel ? device.subgroup_size : 1U,
          gates_of(cell)};
}

std::vector<SequenceSpec> sequence_variants(const DeviceInfo& device, gpu::Family family) {
  std::vector<SequenceSpec> out;
  for (const Cell cell : {Cell::lstm, Cell::gru})
    for (const auto& [hidden, rows] : {std::pair{64U, 1U}, std::pair{64U, 4U}, std::pair{256U, 1U}})
      out.push_back(sequence_spec(device, family, cell, hidden, rows));
  return out;
}

std::vector<SequenceSpec> RecurrentHeld::variants(const DeviceInfo& device) {
  std::vector<SequenceSpec> out = sequence_variants(device, family);
  std::erase_if(out, [](const SequenceSpec& s) { return s.states / s.rows > 64; });
  return out;
}

RecurrentResult recurrent(Recorder& r, const RecurrentWeights& weights, const RecurrentInput& in,
                          RecurrentForm form) {
  check_input(weights, in);
  const DeviceInfo& device = r.device().info();
  const uint32_t rows = form == RecurrentForm::steps ? 0 : rows_of_group(device, in.x.shape[0], weights);
  if (rows == 0 && form == RecurrentForm::sequence)
    throw Error(
        ErrorKind::unsupported,
        error_prefix("recurrent") + fmt::format("states of {} channels do not fit {} bytes of shared memory",
                                                weights.hidden, device.shared_bytes));
  Recurrence recurrence(r, weights, in);
  if (rows != 0)
    recurrence.sequence(rows);
  else
    recurrence.steps();
  return recurrence.result();
}

}  // namespace fovea::ops
