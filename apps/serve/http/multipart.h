// multipart/form-data (RFC 7578), as a browser's form or `curl -F` sends a file.
#pragma once

#include <string>
#include <string_view>

namespace fovea::apps::serve {

bool is_multipart(std::string_view content_type);

// The first part that is a file, else the first part. Throws Refusal for what is damaged or cut off.
std::string_view first_file(std::string_view content_type, std::string_view body);

}  // namespace fovea::apps::serve
