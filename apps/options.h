// Options that several subcommands share, and what they stand for.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "apps/model_choice.h"
#include "fovea/model.h"

namespace fovea::apps {

struct ModelFlags {
  std::string model, device, dtype = "auto", size;
};

void add_model_flags(CLI::App& command, ModelFlags& flags);

// Opens the device and loads the model onto it; says once on stderr when no GPU was found. Throws
// Error(usage) for values that make no sense, whatever Device::open and Model::load throw otherwise.
Model load_model(const ModelFlags& flags);
// The same for a model that was chosen before.
Model load_model(const ModelFlags& flags, const ModelChoice& choice);
// The device alone, with the same notice.
Device open_device(const std::string& selector);

// "384" or "384x512" (height x width). Throws Error(usage).
std::pair<uint32_t, uint32_t> parse_size(const std::string& text);

// ASCII letters alone.
std::string lower_case(std::string text);

// A whole non-negative number and nothing else.
bool parse_number(std::string_view text, uint32_t& value);

// The class that a person means by its number or its label, any case; a part of a label is enough when it is
// in one only. Throws Error(usage) naming the candidates.
uint32_t parse_class(const std::string& text, const ModelInfo& info);

// The label of a class, or "class 17" where nobody named them.
std::string label_of(const ModelInfo& info, uint32_t index);

}  // namespace fovea::apps
