// JSON as the program prints it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace fovea::apps {

using Json = nlohmann::ordered_json;

// Paths may hold any bytes; what is not UTF-8 becomes U+FFFD instead of an exception.
std::string dump(const Json& json, int indent = -1);

// The shortest decimal that reads back as the same float, without the digits a double would add.
double shortest(float value);
// Times to the microsecond.
double rounded_ms(double ms);

}  // namespace fovea::apps
