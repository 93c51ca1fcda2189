// LSTM (Hochreiter & Schmidhuber 1997) and GRU (Cho et al. 2014) layers, with weights as torch has them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/nn/gradients.h"
#include "models/nn/linear.h"
#include "runtime/ops/sequence/recurrent.h"

namespace fovea::layers {

struct RecurrentShape {
  ops::Cell cell = ops::Cell::lstm;
  uint32_t inputs = 0, hidden = 0, layers = 1;
  bool bidirectional = false;
  bool single =
      false;  // torch's LSTMCell and GRUCell, whose weights have no number of a layer in their names

  uint32_t directions() const { return bidirectional ? 2 : 1; }
  uint32_t states() const { return layers * directions(); }
  uint32_t width() const { return hidden * directions(); }  // of what it gives
};

class Recurrent {
 public:
  // weight_ih_l<k>[_reverse] and the like; without biases where the file has none.
  Recurrent(WeightStore& store, const io::Weights& w, const RecurrentShape& shape);

  struct Input {
    Tensor x;           // [batch, steps, inputs]
    Tensor lengths{};   // u32 [batch]; empty: every row takes all steps
    Tensor h0{}, c0{};  // [batch, states, hidden], a layer's directions together; empty: zeros
  };
  struct Output {
    Tensor y;       // [batch, steps, width], zeros beyond a row's length
    Tensor hn, cn;  // [batch, states, hidden], after the last step that a direction takes; cn of LSTM alone
  };
  // What a gradient needs of a run.
  struct Saved {
    Tensor lengths;
    std::vector<Tensor> x, trace;  // of each layer
  };
  Output operator()(Recorder& r, const Input& in, Saved* saved = nullptr,
                    ops::RecurrentForm form = ops::RecurrentForm::automatic) const;

  // Gradients, f32: by the outputs; by the last states [batch, hidden], one a direction of each layer, empty
  // for zeros.
  struct OutputGradient {
    Tensor dy;  // [batch, steps, width]
    std::vector<Tensor> dhn{}, dcn{};
  };
  struct InputGradient {
    Tensor dx;                     // [batch, steps, inputs]
    std::vector<Tensor> dh0, dc0;  // [batch, hidden], one a direction of each layer
  };
  // By the inputs; those by parameters are added to `gradients`.
  InputGradient backward(Recorder& r, const Saved& saved, const OutputGradient& out,
                         Gradients& gradients) const;

  // For one step of several, whose gradients by parameters are added at once with add_gradients():
  // what the gates were given, [batch, 1, columns] f32, of inputs and of recurrent products.
  struct StepGradient {
    Tensor dx, du;
    InputGradient by_input;
  };
  StepGradient step_backward(Recorder& r, const Saved& saved, const OutputGradient& out) const;
  // x [rows, inputs]; trace, dx and du of the same rows.
  void add_gradients(Recorder& r, const Tensor& x, const Tensor& trace, const Tensor& dx, const Tensor& du,
                     Gradients& gradients) const;

  const RecurrentShape& shape() const { return shape_; }

 private:
  struct Layer {
    Layer(WeightStore& store, const io::Weights& w, const RecurrentShape& shape, uint32_t index);
    std::vector<std::string> suffixes;  // of a direction's names: "_l0_reverse"
    bool has_bias = false;
    Linear inputs;  // of all directions, one behind the other
    ops::RecurrentWeights weights;
  };
  void add_layer(Recorder& r, const Layer& layer, const Tensor& x, const Tensor& trace, const Tensor& dx,
                 const Tensor& du, Gradients& gradients) const;

  std::string name_;
  RecurrentShape shape_;
  std::vector<Layer> layers_;
};

}  // namespace fovea::layers
