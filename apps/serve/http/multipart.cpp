#include "apps/serve/http/multipart.h"

#include "apps/serve/http/http.h"

namespace fovea::apps::serve {
namespace {

constexpr std::string_view kind = "multipart/form-data";
constexpr size_t longest_boundary = 70;  // RFC 2046, 5.1.1
constexpr size_t most_parts = 16, most_part_headers = 4096;

[[noreturn]] void damaged(const char* what) {
  throw Refusal(400, std::string("multipart: ") + what);
}

std::string_view boundary_of(std::string_view content_type) {
  constexpr std::string_view key = "boundary=";
  const size_t at = content_type.find(key);
  if (at == content_type.npos) damaged("no boundary in Content-Type");
  std::string_view out = content_type.substr(at + key.size());
  if (out.starts_with('"')) {
    out.remove_prefix(1);
    const size_t end = out.find('"');
    if (end == out.npos) damaged("the boundary's quote does not end");
    out = out.substr(0, end);
  } else {
    out = out.substr(0, out.find_first_of("; \t"));
  }
  if (out.empty() || out.size() > longest_boundary) damaged("the boundary must have 1 to 70 characters");
  return out;
}

}  // namespace

bool is_multipart(std::string_view content_type) {
  return content_type.starts_with(kind);
}

std::string_view first_file(std::string_view content_type, std::string_view body) {
  const std::string dashes = "--" + std::string(boundary_of(content_type));
  const std::string between = "\r\n" + dashes;
  size_t at = body.starts_with(dashes) ? 0 : body.find(between);
  if (at == body.npos) damaged("the boundary never comes");
  at += at == 0 ? dashes.size() : between.size();
  std::string_view first;
  bool any = false;
  for (size_t part = 0; part < most_parts; ++part) {
    std::string_view rest = body.substr(at);
    if (rest.starts_with("--")) {  // the end
      if (!any) damaged("no part in it");
      return first;
    }
    if (!rest.starts_with("\r\n")) damaged("the boundary's line does not end");
    // A part without headers begins with an empty line.
    const size_t headers = rest.substr(0, most_part_headers).find("\r\n\r\n");
    if (headers == rest.npos) damaged("a part's headers do not end");
    const std::string_view head = rest.substr(0, headers);
    const std::string_view content = rest.substr(headers + 4);
    const size_t end = content.find(between);
    if (end == content.npos) damaged("cut off before its last boundary");
    if (head.find("filename=") != head.npos) return content.substr(0, end);
    if (!any) first = content.substr(0, end);
    any = true;
    at += headers + 4 + end + between.size();
  }
  damaged("too many parts");
}

}  // namespace fovea::apps::serve
