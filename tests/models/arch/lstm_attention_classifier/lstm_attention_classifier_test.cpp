#include "tests/models/golden_systems.h"

TEST_CASE("The LSTM with attention pooling equals its references, forward and backward") {
  golden::compare_systems({"lstm_attention_classifier", "lstm_attention_classifier_bi"});
}
