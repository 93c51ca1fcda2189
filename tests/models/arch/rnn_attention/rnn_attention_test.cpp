#include "tests/models/changed.h"
#include "tests/models/golden_systems.h"

TEST_CASE("Attention over a sequence equals its references, by kind of score, forward and backward") {
  golden::compare_systems({"rnn_attention_dot", "rnn_attention_scaled_dot", "rnn_attention_general",
                           "rnn_attention_additive", "rnn_attention_hard", "rnn_attention_local",
                           "rnn_attention_local_gaussian"});
}

TEST_CASE("Scores that there are none of, and sizes that do not fit, are refused") {
  golden::check_refused(
      "rnn_attention_dot", [](auto& config) { config["score"] = "cosine"; }, "score 'cosine' is unknown");
  golden::check_refused(
      "rnn_attention_dot", [](auto& config) { config["query_size"] = 11; }, "have no dot product");
}
